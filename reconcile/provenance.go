package reconcile

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Provenance is a change in a report that created or adopted an object, or set its externalId. It
// is evidence that roster owns the object. A deactivation is evidence of the dates in the entry.
type Provenance struct {
	Kind Kind
	Key  string // the key that the change gave the object
	Run  string
	// Deactivation is true if the provenance is only that of the dates in the user's entry.
	Deactivation bool
	// Commit is the source commit of the report. The report alone does not prove that the branch
	// has it.
	Commit string
	// Started is when the run began: the time in the report, but never before an older report of
	// the chain ended. A report that is added to a chain cannot date itself back.
	Started time.Time
	// Approval is the digest of the approval that released the change. It is empty if no older
	// report held the change.
	Approval string

	// Declared, Previously and AdoptionAllowed are facts of Git about the commit, see ReadCommit.

	// Declared is true if a commit of the source branch declares Key.
	Declared bool
	// Previously are the earlier keys that the commit declares for Key.
	Previously []string
	// AdoptionAllowed is true if the commit has an adopt policy or the approval.
	AdoptionAllowed bool
	// ApprovalDeclared is true if the commit declares the approval.
	ApprovalDeclared bool
}

// ProvenanceQuery is what provenances are searched for.
type ProvenanceQuery struct {
	IDs []string // the directory's ids of objects
	// Attempts are runs by the references of the objects whose creation or adoption they sent
	// without a valid response.
	Attempts map[string]string
}

// ProvenanceSearch finds the provenances of objects in a chain of reports, from the newest to the
// oldest. The whole chain must be searched: the oldest report limits what the newest can claim.
type ProvenanceSearch struct {
	open     map[string]bool // ids whose creation or adoption was not found yet
	found    map[string][]foundProvenance
	attempts map[attemptOf]*foundAttempt
	finished []time.Time // of each report
	report   *Report     // the current one
}

type foundProvenance struct {
	Provenance
	report int
	held   bool          // an older report held the change
	sentBy *foundAttempt // the run that sent the change, if it was an earlier one
}

// attemptOf identifies the attempts of a run to create or adopt an object.
type attemptOf struct{ run, ref string }

// foundAttempt is the oldest line of the reports about an attempt.
type foundAttempt struct {
	Provenance
	report int
	ended  bool // the report of the run itself was found
}

// NewProvenanceSearch returns a search for objects.
func NewProvenanceSearch(q ProvenanceQuery) *ProvenanceSearch {
	s := &ProvenanceSearch{
		open: make(map[string]bool, len(q.IDs)), found: make(map[string][]foundProvenance, len(q.IDs)),
		attempts: make(map[attemptOf]*foundAttempt, len(q.Attempts)),
	}
	for _, id := range q.IDs {
		s.open[id] = true
	}
	for ref, run := range q.Attempts {
		s.attempts[attemptOf{run, ref}] = &foundAttempt{}
	}
	return s
}

// Begin begins the next report. It reports whether its changes are needed.
func (s *ProvenanceSearch) Begin(r *Report) bool {
	s.report = r
	s.finished = append(s.finished, r.Finished)
	return len(s.open) > 0 || s.waitsForHeld() || s.waitsForAttempt()
}

// waitsForAttempt reports whether the report of a run that sent a write without a response may be
// among the older ones.
func (s *ProvenanceSearch) waitsForAttempt() bool {
	for _, a := range s.attempts {
		if !a.ended {
			return true
		}
	}
	return false
}

// waitsForHeld reports whether an approved adoption was found, but not the report that held it.
func (s *ProvenanceSearch) waitsForHeld() bool {
	for _, list := range s.found {
		if slices.ContainsFunc(list, func(f foundProvenance) bool { return f.Approval != "" && !f.held }) {
			return true
		}
	}
	return false
}

// Add adds a change of the current report.
func (s *ProvenanceSearch) Add(d *Done) {
	if d.Member != "" {
		return
	}
	sentBy := s.addAttempt(d)
	if d.ID == "" {
		return
	}
	list := s.found[d.ID]
	if d.Result == ResultHeld {
		for i := range list {
			f := &list[i]
			f.held = f.held || f.Kind == d.Kind && f.Key == d.Key && f.report < len(s.finished)-1
		}
		return
	}
	action := d.Kind.Action()
	begins := action == ActionCreate || action == ActionAdopt || action == ActionRelease
	sets := slices.ContainsFunc(d.Attributes, func(a AttributeChange) bool { return a.Path == "externalId" })
	if !s.open[d.ID] || d.Result != ResultDone {
		return
	}
	p := Provenance{
		Kind: d.Kind, Key: d.Key, Run: s.report.Run, Commit: s.report.Commit.ID, Started: s.report.Started,
		Approval: d.Approval(),
	}
	if begins || sets {
		list = append(list, foundProvenance{Provenance: p, report: len(s.finished) - 1, sentBy: sentBy})
	}
	if d.Kind == DeactivateUser {
		p.Deactivation = true
		list = append(list, foundProvenance{Provenance: p, report: len(s.finished) - 1})
	}
	if len(list) > 0 {
		s.found[d.ID] = list
	}
	if begins {
		delete(s.open, d.ID)
	}
}

// addAttempt adds a line about a creation or adoption that had no valid response. It returns the
// attempt if an earlier run sent it and the line says that the object was found.
func (s *ProvenanceSearch) addAttempt(d *Done) *foundAttempt {
	action := d.Kind.Action()
	if d.Kind.OfMembership() || action != ActionCreate && action != ActionAdopt {
		return nil
	}
	by := Attempt{Run: s.report.Run, Commit: s.report.Commit.ID, Started: s.report.Started}
	if d.SentBy != nil {
		by = *d.SentBy
	}
	key := attemptOf{by.Run, d.ObjectRef()}
	a := s.attempts[key]
	if a == nil && d.SentBy != nil && d.Result == ResultDone && s.open[d.ID] {
		a = &foundAttempt{}
		s.attempts[key] = a
	}
	if a == nil || a.ended || d.Result == ResultHeld && d.SentBy == nil {
		return nil
	}
	a.Provenance = Provenance{Kind: d.Kind, Key: d.Key, Run: by.Run, Commit: by.Commit, Started: by.Started,
		Approval: d.Approval()}
	a.report, a.ended = len(s.finished)-1, d.SentBy == nil
	if d.Result == ResultDone && d.SentBy != nil {
		return a
	}
	return nil
}

// Result returns the provenances by id, each list with the newest first, and those of attempts by
// reference.
func (s *ProvenanceSearch) Result() map[string][]Provenance {
	older := make([]time.Time, len(s.finished)+1) // the latest end among the reports from i on
	for i := len(s.finished) - 1; i >= 0; i-- {
		older[i] = latest(older[i+1], s.finished[i])
	}
	out := make(map[string][]Provenance, len(s.found))
	for id, list := range s.found {
		for _, f := range list {
			p := f.Provenance
			if f.sentBy != nil {
				p, f.report = f.sentBy.Provenance, f.sentBy.report
			}
			p.Started = latest(p.Started, older[f.report+1])
			if !f.held {
				p.Approval = ""
			}
			out[id] = append(out[id], p)
		}
	}
	for key, a := range s.attempts {
		if p := a.Provenance; p.Run != "" {
			p.Started, p.Approval = latest(p.Started, older[a.report+1]), ""
			out[key.ref] = append(out[key.ref], p)
		}
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ReadCommit adds the facts of the commit's declarations. commit is nil if the source branch does
// not have it or it cannot be evaluated. head are the declarations of the newest commit; identity
// is that of the provisioner.
func (p *Provenance) ReadCommit(commit, head *schema.Declarations, identity string) {
	p.Declared = declares(commit, p.Kind, p.Key) || declares(head, p.Kind, p.Key)
	if commit == nil {
		return
	}
	if p.Kind.OfUser() {
		if u := commit.Users[p.Key]; u != nil {
			p.Previously = u.Previously
		}
	} else if g := commit.Groups[p.Key]; g != nil {
		p.Previously = g.Previously
	}
	for _, provisioner := range commit.Provisioners {
		if provisioner.Identity() == identity && provisioner.Adopt != "never" && provisioner.Adopt != "" {
			p.AdoptionAllowed = true
		}
	}
	if p.Approval != "" && commit.Approvals[p.Approval] != nil {
		p.AdoptionAllowed, p.ApprovalDeclared = true, true
	}
}

func declares(d *schema.Declarations, kind Kind, key string) bool {
	switch {
	case d == nil:
		return false
	case kind.OfUser():
		return d.Users[key] != nil
	}
	return d.Groups[key] != nil
}

// clockTolerance is how much the clocks of AWS and of the machines that share an audit branch may
// differ. AWS states the time of a creation in whole seconds.
const clockTolerance = time.Minute

// evidenceRule is one condition that a provenance must meet.
type evidenceRule struct {
	name string
	// broken returns why a provenance does not meet the rule; "" if it does. keys are the keys that
	// the object may have had, created is when AWS created it.
	broken func(p *Provenance, keys []string, created time.Time) string
}

// evidenceRules is the table of conditions. Each of them must hold.
var evidenceRules = []evidenceRule{
	{"the key", func(p *Provenance, keys []string, _ time.Time) string {
		if slices.Contains(keys, p.Key) {
			return ""
		}
		return fmt.Sprintf("run %s wrote its externalId for the key %q", p.Run, p.Key)
	}},
	{"the declaration", func(p *Provenance, _ []string, _ time.Time) string {
		if p.Declared {
			return ""
		}
		return fmt.Sprintf("the branch has no commit that declares %q for run %s", p.Key, p.Run)
	}},
	{"the adoption", func(p *Provenance, _ []string, _ time.Time) string {
		if p.Kind.Action() != ActionAdopt || p.AdoptionAllowed {
			return ""
		}
		return fmt.Sprintf("neither `adopt` nor an approval in Git allowed its adoption by run %s", p.Run)
	}},
	{"a time of creation", func(p *Provenance, _ []string, created time.Time) string {
		if p.Kind.Action() != ActionCreate || !created.IsZero() {
			return ""
		}
		return "AWS does not say when it was created"
	}},
	{"the time of creation", func(p *Provenance, _ []string, created time.Time) string {
		if p.Kind.Action() != ActionCreate || !created.Before(p.Started.Add(-clockTolerance)) {
			return ""
		}
		return fmt.Sprintf("AWS created it at %s, before run %s started", created.Format(time.RFC3339), p.Run)
	}},
}

// missingEvidence returns why provenances do not prove that roster owns an object under one of its
// keys; "" if they do. The newest change of the externalId decides which key the object has. The
// changes must lead back to a creation or an adoption.
func missingEvidence(found []Provenance, keys []string, created time.Time) string {
	for i := range found {
		p := &found[i]
		if p.Deactivation {
			continue
		}
		if p.Kind.Action() == ActionRelease {
			return fmt.Sprintf("run %s released it", p.Run)
		}
		for _, rule := range evidenceRules {
			if reason := rule.broken(p, keys, created); reason != "" {
				return reason
			}
		}
		if action := p.Kind.Action(); action == ActionCreate || action == ActionAdopt {
			return ""
		}
		keys = append(slices.Clone(keys), p.Previously...)
	}
	return "no report has its creation or adoption"
}

// missingDates reports whether an entry has a date for which there is no deactivation: it may have
// been dated back.
func missingDates(found []Provenance, owned Owned) bool {
	for _, date := range []*time.Time{owned.LeftScopeAt, owned.InactiveSince} {
		if date == nil {
			continue
		}
		i := slices.IndexFunc(found, func(p Provenance) bool { return p.Deactivation })
		if i < 0 || date.Before(found[i].Started.Add(-clockTolerance)) {
			return true
		}
	}
	return false
}
