package render

import (
	"iter"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// summary is what a page shows of a list of changes that need not be in memory at once: the first
// changes of each section, and counts of the rest.
type summary struct {
	sections []section
	reasons  *holdCounter
	// releasable is true if an approval would release any held change.
	releasable bool
	notListed  int // number of changes that no section has
}

// summarize makes the summary of changes with at most most changes of each section. listed reports
// whether a section lists a change; nil lists all.
func summarize(changes iter.Seq[*reconcile.Done], most int, listed func(*reconcile.Done) bool) *summary {
	s := &summary{reasons: newHoldCounter()}
	collected := newSectionCollector(most)
	for d := range changes {
		s.reasons.add(d)
		s.releasable = s.releasable || isReleasable(d)
		if listed != nil && !listed(d) {
			s.notListed++
			continue
		}
		collected.add(d)
	}
	s.sections = collected.sections()
	return s
}

// all yields the changes of a list.
func all(changes []reconcile.Done) iter.Seq[*reconcile.Done] {
	return func(yield func(*reconcile.Done) bool) {
		for i := range changes {
			if !yield(&changes[i]) {
				return
			}
		}
	}
}

// sectionCollector sorts changes into sections. It keeps the first changes of each section.
type sectionCollector struct {
	most      int // changes that a section keeps
	headings  []heading
	headingOf map[reconcile.Kind]int
	sorted    []section
}

func newSectionCollector(most int) *sectionCollector {
	c := &sectionCollector{most: most}
	c.headings, c.headingOf = headings()
	c.sorted = make([]section, len(parts)*len(c.headings))
	return c
}

func (c *sectionCollector) add(d *reconcile.Done) {
	i, known := c.headingOf[d.Kind]
	if !known {
		i = len(c.headings) - 1
	}
	s := &c.sorted[partOf(d)*len(c.headings)+i]
	if s.total++; len(s.changes) < c.most {
		s.changes = append(s.changes, d)
	}
	if d.Kind.OfMembership() {
		if s.groups == nil {
			s.groups = map[string]groupCount{}
		}
		s.groups[d.Key] = groupCount{d.Name, s.groups[d.Key].changes + 1}
	}
}

// sections returns the sections that have changes.
func (c *sectionCollector) sections() []section {
	var out []section
	for at, s := range c.sorted {
		if s.total == 0 {
			continue
		}
		part, heading := parts[at/len(c.headings)], c.headings[at%len(c.headings)]
		s.title, s.tone = heading.title, heading.tone
		if part != "" {
			s.title = part + strings.ToLower(heading.title[:1]) + heading.title[1:]
		}
		if part == parts[0] {
			s.tone = Caution
		}
		out = append(out, s)
	}
	return out
}

// isReleasable reports whether an approval would release a held change.
func isReleasable(d *reconcile.Done) bool {
	return len(d.Held) > 0 && d.Waiting == "" && d.Approvable() && d.Held[0].Gate != "dependency"
}

// holdCounter counts the reasons why changes are held.
type holdCounter struct {
	counts map[reconcile.Hold]int
	order  []reconcile.Hold
}

func newHoldCounter() *holdCounter { return &holdCounter{counts: map[reconcile.Hold]int{}} }

func (c *holdCounter) add(d *reconcile.Done) {
	if d.Waiting != "" || len(d.Held) == 0 {
		return
	}
	approvable := d.Approvable()
	for _, h := range d.Held {
		if !approvable && !h.NotApprovable {
			continue // another gate decides
		}
		if h.Gate == "dependency" {
			h.Reason = "depends on a change that is held"
		}
		if c.counts[h] == 0 {
			c.order = append(c.order, h)
		}
		c.counts[h]++
	}
}

// holds returns the reasons, each with the number of changes: those that an approval can release,
// and the others.
func (c *holdCounter) holds() (can, cannot []reconcile.Hold) {
	for _, h := range c.order {
		n := c.counts[h]
		final := h.NotApprovable && h.Gate != reconcile.GateAudit // the reason of gate audit has the approval
		h.Reason += " (" + schema.Count(n, "change") + ")"
		if final {
			cannot = append(cannot, h)
		} else {
			can = append(can, h)
		}
	}
	return slices.Clip(can), cannot
}
