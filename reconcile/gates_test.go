package reconcile

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// gateRow is one case of one gate.
type gateRow struct {
	gate string
	name string
	// plan changes the input, which is in sync before. The other gates are off unless alone is set.
	plan func(p *planFixture)
	// holds lists the changes that the gate holds; none if the gate lets the plan pass.
	holds []string
	// dependents lists the changes that are held because they depend on these.
	dependents []string
	// passes lists changes that are not held. The row lists all changes of its plan.
	passes []string
	// many replaces the lists above for a row with many changes: the number of changes that the
	// gate holds.
	many int
	// notApprovable is true if no approval releases the changes.
	notApprovable bool
}

// rowsByGate returns the rows of each gate.
func rowsByGate() map[string][]gateRow {
	return map[string][]gateRow{
		"firstContact":      initialAdoptionRows(),
		"removed":           removedRows(),
		"history":           historyRows(),
		GateOutOfReach:      outOfReachRows(),
		"audit":             auditRows(),
		"contradicted":      contradictedRows(),
		"emptySource":       emptySourceRows(),
		"scopeFlip":         scopeFlipRows(),
		gateMaxRemovals:     maxRemovalsRows(),
		"groupDeletes":      groupDeletesRows(),
		gateMemberRemovals:  memberRemovalsRows(),
		gateSignInNames:     signInNamesRows(),
		gateUpdates:         updatesRows(),
		gateActivations:     activationsRows(),
		gateSwitchedOff:     switchedOffRows(),
		"vanished":          deletedOutsideRows(),
		"adopt":             adoptRows(),
		"foreignExternalId": foreignExternalIDRows(),
		"nameTaken":         nameTakenRows(),
		"protected":         protectedRows(),
		"deprovision":       deprovisionRows(),
		gateAssertions:      assertionRows(),
		"unreviewed":        unreviewedRows(),
	}
}

// gateRows returns the rows of all gates, in the order of the table of gates.
func gateRows() []gateRow {
	var out []gateRow
	rows := rowsByGate()
	for _, g := range gates {
		for _, r := range rows[g.name] {
			r.gate = g.name
			out = append(out, r)
		}
	}
	return out
}

// newPlan returns the plan of a row in which only its gate can hold changes, apart from gates that
// are always on.
func (r gateRow) newPlan(change func(in *PlanInput)) *Plan {
	p := newPlanFixture()
	r.plan(p)
	for _, g := range gates {
		if g.name != r.gate && !g.alwaysOn {
			p.in.Provisioner.Limits[g.name] = &schema.Limit{Off: true, Reason: "not tested"}
		}
	}
	if change != nil {
		change(&p.in)
	}
	return NewPlan(p.in)
}

// heldBy lists the changes of a plan that a gate holds.
func heldBy(p *Plan, gate string) []string {
	var out []string
	for i := range p.Changes {
		c := &p.Changes[i]
		if slices.ContainsFunc(c.Held(), func(h Hold) bool { return h.Gate == gate }) {
			out = append(out, c.Ref().String())
		}
	}
	return out
}

// check returns what of a row's plan is not as expected.
func (r gateRow) check() []string {
	p := r.newPlan(nil)
	var wrong []string
	expect := func(what string, want, got any) {
		if diff := cmp.Diff(want, got); diff != "" {
			wrong = append(wrong, fmt.Sprintf("%s (-want +got):\n%s", what, diff))
		}
	}
	if r.many > 0 {
		expect("number of held changes", r.many, len(heldBy(p, r.gate)))
	} else {
		expect("held by the gate", r.holds, heldBy(p, r.gate))
		expect("held as dependents", r.dependents, heldBy(p, "dependency"))
	}
	var passes, others []string
	for i := range p.Changes {
		c := &p.Changes[i]
		if len(c.Held()) == 0 {
			passes = append(passes, c.Ref().String())
		}
		for _, h := range c.Held() {
			if h.Gate != r.gate && h.Gate != "dependency" {
				others = append(others, fmt.Sprintf("%s by %s", c.Ref(), h.Gate))
			}
			if h.Gate == r.gate && h.NotApprovable != r.notApprovable {
				wrong = append(wrong, fmt.Sprintf("%s: NotApprovable is %v", c.Ref(), h.NotApprovable))
			}
		}
	}
	if r.many == 0 && r.passes != nil {
		expect("not held", r.passes, passes)
	}
	expect("held by other gates", []string(nil), others)
	if len(p.Changes) == 0 {
		wrong = append(wrong, "the plan has no changes")
	}
	return wrong
}

func (r gateRow) isHeld() bool { return len(r.holds)+r.many > 0 }

func TestGates(t *testing.T) {
	for _, r := range gateRows() {
		t.Run(r.gate+": "+r.name, func(t *testing.T) {
			for _, text := range r.check() {
				t.Error(text)
			}
			if !r.isHeld() {
				return
			}
			r.testTurnedOff(t)
			r.testApproval(t)
		})
	}
}

// testTurnedOff checks that a gate which is turned off holds nothing, and that the plan shows the
// reason.
func (r gateRow) testTurnedOff(t *testing.T) {
	t.Helper()
	p := r.newPlan(func(in *PlanInput) {
		in.Provisioner.Limits[r.gate] = &schema.Limit{Off: true, Reason: "we know"}
	})
	off, notice := len(heldBy(p, r.gate)) == 0, slices.Contains(p.Notices, "gate "+r.gate+" is off: we know")
	if alwaysOn := gateNamed(r.gate).alwaysOn; off == alwaysOn || notice == alwaysOn {
		t.Errorf("turned off: holds nothing is %v, the notice is %v, always on is %v", off, notice, alwaysOn)
	}
}

// testApproval checks that an approval of the held digest releases all held changes, or none if
// they are not approvable.
func (r gateRow) testApproval(t *testing.T) {
	t.Helper()
	digest := r.newPlan(nil).HeldDigest
	p := r.newPlan(func(in *PlanInput) {
		expires := &schema.Date{Text: "2026-11-25", Start: in.Now.AddDate(0, 0, 1), End: in.Now.AddDate(0, 0, 1)}
		in.Approvals = map[string]*schema.Approval{digest: {Key: digest, Reason: "wanted", Expires: expires}}
		in.ApprovalEvidence = map[string]*ApprovalEvidence{digest: {Added: CommitRef{ID: "later"}, Printed: &Report{}}}
	})
	held := len(heldBy(p, r.gate)) + len(heldBy(p, "dependency"))
	if released := held == 0 && len(p.Approvals) == 1; released == r.notApprovable {
		t.Errorf("approved: %d changes are held, the approvals are %v, not approvable is %v",
			held, p.Approvals, r.notApprovable)
	}
}

// TestRowsNoticeAGateThatFails breaks each gate in two ways. If the gate never holds a change, a
// row in which it holds must fail. If it holds everything, a row in which it does not hold must
// fail.
func TestRowsNoticeAGateThatFails(t *testing.T) {
	fails := func(gate string, held bool) bool {
		return slices.ContainsFunc(gateRows(), func(r gateRow) bool {
			return r.gate == gate && r.isHeld() == held && len(r.check()) > 0
		})
	}
	for i := range gates {
		g := gates[i]
		t.Run(g.name, func(t *testing.T) {
			defer func() { gates[i] = g }()
			gates[i].holds = func(*gateInput, limit) map[int]string { return nil }
			if !fails(g.name, true) {
				t.Error("no row notices that the gate never holds a change")
			}
			gates[i].holds = func(in *gateInput, _ limit) map[int]string { return in.all("everything") }
			if !fails(g.name, false) {
				t.Error("no row notices that the gate holds everything")
			}
		})
	}
	for gate := range rowsByGate() {
		if gateNamed(gate).holds == nil {
			t.Errorf("rows test the gate %s, which does not exist", gate)
		}
	}
}

// TestReasonsOfGates writes the reasons of all gates to one file, so that the language can be read
// as a whole.
func TestReasonsOfGates(t *testing.T) {
	reasons := map[string][]string{}
	add := func(gate, row, reason string) {
		if text := fmt.Sprintf("\t%s\n\t\t%s\n", row, reason); !slices.Contains(reasons[gate], text) {
			reasons[gate] = append(reasons[gate], text)
		}
	}
	for _, r := range gateRows() {
		p := r.newPlan(nil)
		seen := map[string]bool{}
		for i := range p.Changes {
			for _, h := range p.Changes[i].Held() {
				if !seen[h.Gate] {
					add(h.Gate, r.name, h.Reason)
				}
				seen[h.Gate] = h.Gate == "dependency" // one example of a row is enough
			}
		}
	}
	reasons["dependency"] = reasons["dependency"][:1]
	var b strings.Builder
	for _, gate := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(&b, "%s\n%s", gate, strings.Join(reasons[gate], ""))
	}
	path := filepath.Join("..", "testdata", "messages", "gates.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: write it with go test -update", err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (write it with go test -update, and read the difference):\n%s", path, diff)
	}
}

// TestGatesMatchTheSchema compares the table of gates with the gates that a declaration can tune or
// turn off, in the definition #Limits.
func TestGatesMatchTheSchema(t *testing.T) {
	const path = "../schema/cue/cue.mod/pkg/github.com/seed-d64a251c/roster/schema/declarations.cue"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	definition := regexp.MustCompile(`(?s)\n#Limits: \{\n(.*?)\n\}\n`).FindSubmatch(text)
	if definition == nil {
		t.Fatal("the schema has no definition #Limits")
	}
	var declared, counted []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+)\?: #`).FindAllSubmatch(definition[1], -1) {
		declared = append(declared, string(m[1]))
	}
	var tunable []string
	for _, g := range gates {
		if !g.alwaysOn {
			tunable = append(tunable, g.name)
		}
		if g.limit != nil {
			counted = append(counted, g.name)
		}
	}
	if !slices.Equal(tunable, declared) {
		t.Errorf("gates that are not always on are %q, but the schema has %q", tunable, declared)
	}
	if !slices.Equal(counted, schema.CountedGates()) {
		t.Errorf("gates with a limit are %q, but the schema has %q", counted, schema.CountedGates())
	}
	for _, name := range counted {
		if !slices.ContainsFunc(kinds, func(info KindInfo) bool { return slices.Contains(info.CountedBy, name) }) {
			t.Errorf("gate %s counts no kind of change", name)
		}
	}
}
