package render

import (
	"cmp"
	"iter"
	"maps"
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
func summarize(changes iter.Seq[*reconcile.Done], most int, listed func(*reconcile.Done) bool,
	facts *reconcile.EffectFacts) *summary {
	s := &summary{reasons: newHoldCounter()}
	collected := newSectionCollector(most, facts)
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

// sectionKey identifies a section. Sections are ordered by the severity of their effect, and then
// by part.
type sectionKey struct {
	severity int
	title    string
	group    string // the group that the section is about; "" if it is about several objects
	part     int
}

// sectionCollector sorts changes into sections. It keeps the first changes of each section.
type sectionCollector struct {
	most     int // changes that a section keeps
	facts    *reconcile.EffectFacts
	severity map[string]int // of sections, by title
	found    map[sectionKey]*section
}

func newSectionCollector(most int, facts *reconcile.EffectFacts) *sectionCollector {
	c := &sectionCollector{most: most, facts: facts, severity: map[string]int{}, found: map[sectionKey]*section{}}
	for i, info := range reconcile.EffectKinds() {
		if _, ok := c.severity[info.Section]; !ok {
			c.severity[info.Section] = i
		}
	}
	return c
}

// keyOf returns the section of a change.
func (c *sectionCollector) keyOf(d *reconcile.Done, info *reconcile.EffectInfo) sectionKey {
	key := sectionKey{severity: c.severity[info.Section], title: info.Section, part: partOf(d)}
	if info.Section != "" {
		return key
	}
	key.group, key.title = d.Key, "Members of "+d.Name // a group that sentences name
	key.severity = reconcile.EffectGains.Severity()
	if c.facts.NamedGroups[d.Key] == reconcile.GroupProtected {
		key.severity = reconcile.EffectGainsGuarded.Severity()
		key.title += " (protected)"
	}
	return key
}

func (c *sectionCollector) add(d *reconcile.Done) {
	info := reconcile.EffectOf(d.Change, c.facts).Info()
	key := c.keyOf(d, info)
	s := c.found[key]
	if s == nil {
		s = &section{title: key.title, tone: tones[info.Attention]}
		if prefix := parts[key.part]; prefix != "" {
			s.title = prefix + strings.ToLower(key.title[:1]) + key.title[1:]
		}
		if key.part == 0 {
			s.tone = Caution
		}
		c.found[key] = s
	}
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

// sections returns the sections, the gravest first.
func (c *sectionCollector) sections() []section {
	keys := slices.SortedFunc(maps.Keys(c.found), func(a, b sectionKey) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(a.title, b.title),
			cmp.Compare(a.group, b.group), cmp.Compare(a.part, b.part))
	})
	out := make([]section, len(keys))
	for i, key := range keys {
		out[i] = *c.found[key]
	}
	return out
}

// isReleasable reports whether an approval would release a held change.
func isReleasable(d *reconcile.Done) bool {
	return len(d.Held()) > 0 && d.Waiting() == "" && d.Approvable() && d.Held()[0].Gate != "dependency"
}

// holdCounter counts the reasons why changes are held.
type holdCounter struct {
	counts map[reconcile.Hold]int
	order  []reconcile.Hold
}

func newHoldCounter() *holdCounter { return &holdCounter{counts: map[reconcile.Hold]int{}} }

func (c *holdCounter) add(d *reconcile.Done) {
	if d.Waiting() != "" || len(d.Held()) == 0 {
		return
	}
	approvable := d.Approvable()
	for _, h := range d.Held() {
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
