package reconcile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

func TestOwnershipNeedsTwoRecords(t *testing.T) {
	for _, row := range []struct {
		name       string
		externalID string
		proved     mayOwn
		unproved   mayOwn
	}{
		{"the key", "g", owned, needsEvidence},
		{"an earlier key", "g-old", owned, needsEvidence},
		{"none", "", owned, contradicted},
		{"one that no entry has", "okta-77", owned, contradicted},
		{"a case variant of the key", "G", owned, contradicted},
		{"the key of another entry", "h", contradicted, contradicted},
	} {
		isKey := func(s string) bool { return s == "g" || s == "h" }
		for proved, want := range map[bool]mayOwn{true: row.proved, false: row.unproved} {
			if have := ownership(proved, row.externalID, []string{"g", "g-old"}, isKey); have != want {
				t.Errorf("externalId: %s; proved %v: %v, want %v", row.name, proved, have, want)
			}
		}
	}
}

// The times of the evidence in tests.
var (
	evidenceStarted = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	evidenceCreated = evidenceStarted.Add(3 * time.Second)
)

// createdGroup is the provenance of a group "g" that a run created.
func createdGroup(changes ...func(*Provenance)) Provenance {
	p := Provenance{
		Kind: CreateGroup, Key: "g", Run: "run-1", Commit: "commit-1", Started: evidenceStarted, Declared: true,
	}
	for _, change := range changes {
		change(&p)
	}
	return p
}

func adoptedGroup(changes ...func(*Provenance)) Provenance {
	return createdGroup(append([]func(*Provenance){func(p *Provenance) {
		p.Kind, p.AdoptionAllowed = AdoptGroup, true
	}}, changes...)...)
}

// evidenceRow is one case of the evidence for the group "g" with the earlier key "g-old".
type evidenceRow struct {
	name    string
	created time.Time
	found   []Provenance
	// reason is a part of why there is no evidence; empty if there is.
	reason string
}

func evidenceRows() []evidenceRow {
	rekeyed := createdGroup(func(p *Provenance) {
		p.Kind, p.Run, p.Previously = UpdateGroup, "run-2", []string{"g-older"}
	})
	repaired := createdGroup(func(p *Provenance) { p.Kind, p.Run = UpdateGroup, "run-2" })
	return []evidenceRow{
		{name: "a run created it", created: evidenceCreated, found: []Provenance{createdGroup()}},
		{name: "a run created it under an earlier key", created: evidenceCreated,
			found: []Provenance{createdGroup(func(p *Provenance) { p.Key = "g-old" })}},
		{name: "AWS's clock is 59 seconds behind", created: evidenceStarted.Add(-59 * time.Second),
			found: []Provenance{createdGroup()}},
		{name: "a run adopted it", created: evidenceStarted.AddDate(-1, 0, 0), found: []Provenance{adoptedGroup()}},
		{name: "its externalId was repaired since", created: evidenceCreated,
			found: []Provenance{repaired, createdGroup()}},
		{name: "its key was changed since", created: evidenceCreated,
			found: []Provenance{rekeyed, createdGroup(func(p *Provenance) { p.Key = "g-older" })}},
		{name: "no report has it", created: evidenceCreated, reason: "no report"},
		{name: "only a change of its externalId is reported", created: evidenceCreated, found: []Provenance{repaired},
			reason: "no report"},
		{name: "it was created for another key", created: evidenceCreated,
			found: []Provenance{createdGroup(func(p *Provenance) { p.Key = "h" })}, reason: `for the key "h"`},
		{name: "its externalId was set for another key since", created: evidenceCreated,
			found: []Provenance{createdGroup(func(p *Provenance) { p.Kind, p.Key = UpdateGroup, "h" }),
				createdGroup()},
			reason: `for the key "h"`},
		{name: "it was created for a case variant of the key", created: evidenceCreated,
			found: []Provenance{createdGroup(func(p *Provenance) { p.Key = "G" })}, reason: `for the key "G"`},
		{name: "its key was changed without a declaration of the earlier key", created: evidenceCreated,
			found:  []Provenance{repaired, createdGroup(func(p *Provenance) { p.Key = "g-older" })},
			reason: `for the key "g-older"`},
		{name: "no commit declared it", created: evidenceCreated,
			found: []Provenance{createdGroup(func(p *Provenance) { p.Declared = false })}, reason: "declares"},
		{name: "it is older than the run that created it", created: evidenceStarted.Add(-2 * time.Minute),
			found: []Provenance{createdGroup()}, reason: "AWS created it at"},
		{name: "AWS does not say when it was created", found: []Provenance{createdGroup()}, reason: "does not say"},
		{name: "its adoption was not allowed", created: evidenceCreated,
			found: []Provenance{adoptedGroup(func(p *Provenance) { p.AdoptionAllowed = false })}, reason: "allowed"},
	}
}

func (r evidenceRow) check() string {
	reason := missingEvidence(r.found, []string{"g", "g-old"}, r.created)
	if (reason == "") == (r.reason == "") && strings.Contains(reason, r.reason) {
		return ""
	}
	return "missing evidence: " + reason + "; want: " + r.reason
}

func TestEvidence(t *testing.T) {
	for _, r := range evidenceRows() {
		t.Run(r.name, func(t *testing.T) {
			if wrong := r.check(); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// TestRowsNoticeAMissingRuleOfEvidence removes each rule. A row must then fail.
func TestRowsNoticeAMissingRuleOfEvidence(t *testing.T) {
	for i, rule := range evidenceRules {
		t.Run(rule.name, func(t *testing.T) {
			defer func() { evidenceRules[i] = rule }()
			evidenceRules[i].broken = func(*Provenance, []string, time.Time) string { return "" }
			if !slices.ContainsFunc(evidenceRows(), func(r evidenceRow) bool { return r.check() != "" }) {
				t.Error("no row notices that the rule is missing")
			}
		})
	}
}

// done returns a report of a run that created the group "g" with the id "id-g".
func reportOfGroup(run string, started time.Time, change func(*Done)) *Report {
	d := Done{Result: ResultDone, Change: &Change{Kind: CreateGroup, Key: "g", ID: "id-g"}}
	if change != nil {
		change(&d)
	}
	return &Report{
		Run: run, Commit: CommitRef{ID: "commit-" + run}, Started: started, Finished: started.Add(time.Minute),
		Changes: []Done{d},
	}
}

func searchReports(ids []string, reports ...*Report) map[string][]Provenance {
	s := NewProvenanceSearch(ProvenanceQuery{IDs: ids})
	for _, r := range reports {
		if s.Begin(r) {
			for i := range r.Changes {
				s.Add(&r.Changes[i])
			}
		}
	}
	return s.Result()
}

func TestProvenances(t *testing.T) {
	at := evidenceStarted
	held := func(d *Done) { d.Kind, d.Result = AdoptGroup, ResultHeld }
	approved := func(d *Done) { d.Kind, d.Decision = AdoptGroup, &Decision{Approval: "sha256:1"} }
	other := func(d *Done) { d.Key, d.ID = "h", "id-h" }
	for _, row := range []struct {
		name    string
		reports []*Report // the newest first
		want    []Provenance
	}{
		{"the creation ends the search",
			[]*Report{reportOfGroup("2", at.Add(time.Hour), nil), reportOfGroup("1", at, nil)},
			[]Provenance{{Kind: CreateGroup, Key: "g", Run: "2", Commit: "commit-2", Started: at.Add(time.Hour)}}},
		{"a change that failed is no evidence",
			[]*Report{reportOfGroup("1", at, func(d *Done) { d.Result = ResultFailed })}, nil},
		{"a change of another attribute is no evidence", []*Report{reportOfGroup("1", at, func(d *Done) {
			d.Kind, d.Attributes = RenameGroup, []AttributeChange{{Path: "displayName"}}
		})}, nil},
		{"an appended report cannot date itself before an older one", []*Report{
			reportOfGroup("3", at.AddDate(-3, 0, 0), nil), reportOfGroup("2", at.AddDate(-4, 0, 0), other),
			reportOfGroup("1", at, other)},
			[]Provenance{{Kind: CreateGroup, Key: "g", Run: "3", Commit: "commit-3", Started: at.Add(time.Minute)}}},
		{"an approval counts if an older report held the change",
			[]*Report{reportOfGroup("2", at.Add(time.Hour), approved), reportOfGroup("1", at, held)},
			[]Provenance{{Kind: AdoptGroup, Key: "g", Run: "2", Commit: "commit-2", Started: at.Add(time.Hour),
				Approval: "sha256:1"}}},
		{"an approval does not count if no older report held the change",
			[]*Report{reportOfGroup("3", at.Add(2*time.Hour), held), reportOfGroup("2", at.Add(time.Hour), approved),
				reportOfGroup("1", at, other)},
			[]Provenance{{Kind: AdoptGroup, Key: "g", Run: "2", Commit: "commit-2", Started: at.Add(time.Hour)}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			have := searchReports([]string{"id-g"}, row.reports...)["id-g"]
			if !slices.EqualFunc(have, row.want, func(a, b Provenance) bool {
				return a.Kind == b.Kind && a.Key == b.Key && a.Run == b.Run && a.Commit == b.Commit &&
					a.Started.Equal(b.Started) && a.Approval == b.Approval
			}) {
				t.Errorf("have %+v, want %+v", have, row.want)
			}
		})
	}
}

func TestAReleasedObjectHasNoEvidence(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	created := Provenance{Kind: CreateUser, Key: "u", Run: "r1", Started: at, Declared: true}
	released := Provenance{Kind: ReleaseUser, Key: "u", Run: "r2", Started: at.Add(time.Hour), Declared: true}
	if reason := missingEvidence([]Provenance{created}, []string{"u"}, at); reason != "" {
		t.Errorf("before the release: %s", reason)
	}
	if missingEvidence([]Provenance{released, created}, []string{"u"}, at) == "" {
		t.Error("the released object counts as owned")
	}
}

func TestDatesNeedEvidence(t *testing.T) {
	at := evidenceStarted
	deactivated := func(started time.Time) []Provenance {
		return []Provenance{
			{Kind: DeactivateUser, Started: started, Deactivation: true}, {Kind: CreateUser, Started: at},
		}
	}
	for _, row := range []struct {
		name    string
		found   []Provenance
		entry   Owned
		missing bool
	}{
		{"no date", nil, Owned{}, false},
		{"a user was deactivated, then dated", deactivated(at), Owned{LeftScopeAt: &at}, false},
		{"a user was deactivated in scope, then dated", deactivated(at), Owned{InactiveSince: &at}, false},
		{"a user was dated before the deactivation", deactivated(at.Add(time.Hour)), Owned{LeftScopeAt: &at}, true},
		{"a user in scope was dated before the deactivation", deactivated(at.Add(time.Hour)),
			Owned{InactiveSince: &at}, true},
		{"a user was never deactivated", deactivated(at)[1:], Owned{LeftScopeAt: &at}, true},
	} {
		if have := missingDates(row.found, row.entry); have != row.missing {
			t.Errorf("%s: missing is %v", row.name, have)
		}
	}
	only := []Provenance{{Kind: DeactivateUser, Key: "u", Started: at, Deactivation: true, Declared: true}}
	if reason := missingEvidence(only, []string{"u"}, at); reason == "" {
		t.Error("a deactivation is evidence of ownership")
	}
}

func TestFactsOfACommit(t *testing.T) {
	declarations := func(adopt, approval string) *schema.Declarations {
		d := &schema.Declarations{
			Groups: map[string]*schema.Group{"g": {Key: "g", Previously: []string{"g-old"}}},
			Provisioners: map[string]*schema.Provisioner{
				"aws": {Key: "aws", Adopt: adopt, Endpoint: "https://scim.us-east-1.amazonaws.com/tenant-1/scim/v2/"},
			},
			Approvals: map[string]*schema.Approval{},
		}
		d.Approvals[approval] = &schema.Approval{Key: approval}
		return d
	}
	identity := declarations("", "").Provisioners["aws"].Identity()
	for _, row := range []struct {
		name     string
		commit   *schema.Declarations
		identity string
		allowed  bool
	}{
		{"adopt is never", declarations("never", "sha256:2"), identity, false},
		{"adopt is match", declarations("match", ""), identity, true},
		{"adopt is take-over", declarations("take-over", ""), identity, true},
		{"adopt is match for another tenant", declarations("match", ""), "us-east-1/tenant-2", false},
		{"the approval is declared", declarations("never", "sha256:1"), identity, true},
		{"the commit cannot be read", nil, identity, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := adoptedGroup(func(p *Provenance) {
				p.Declared, p.AdoptionAllowed, p.Approval = false, false, "sha256:1"
			})
			p.ReadCommit(row.commit, &schema.Declarations{}, row.identity)
			if p.AdoptionAllowed != row.allowed {
				t.Errorf("the adoption is allowed: %v", p.AdoptionAllowed)
			}
			if declared := row.commit != nil; p.Declared != declared || (len(p.Previously) > 0) != declared {
				t.Errorf("declared is %v, previously is %q", p.Declared, p.Previously)
			}
		})
	}
	p := createdGroup(func(p *Provenance) { p.Declared = false })
	if p.ReadCommit(nil, declarations("never", ""), identity); !p.Declared {
		t.Error("the newest commit declares the group, and this does not count")
	}
}
