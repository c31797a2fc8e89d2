package reconcile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// declaredKinds returns the values of the constants of type Kind.
func declaredKinds(t *testing.T) []Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "kinds.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Kind" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, Kind(text))
		}
		return true
	})
	return out
}

func TestEveryKindHasOneRow(t *testing.T) {
	declared := declaredKinds(t)
	if len(declared) < 16 {
		t.Fatalf("found only the kinds %q in kinds.go", declared)
	}
	var rows []Kind
	for _, info := range kinds {
		rows = append(rows, info.Kind)
		if info.Kind.Info().Kind != info.Kind {
			t.Errorf("Info returns another row for %s", info.Kind)
		}
	}
	slices.Sort(declared)
	slices.Sort(rows)
	if !slices.Equal(declared, rows) {
		t.Errorf("the constants are %q, but the table has rows for %q", declared, rows)
	}
}

func TestRowsOfKindsAreComplete(t *testing.T) {
	gateNames := map[string]bool{}
	for _, g := range gates {
		gateNames[g.name] = true
	}
	for _, info := range kinds {
		t.Run(string(info.Kind), func(t *testing.T) {
			if !slices.Contains([]Object{ObjectUser, ObjectGroup, ObjectMembership}, info.Object) {
				t.Errorf("unknown object %q", info.Object)
			}
			if !slices.Contains([]Action{
				ActionCreate, ActionAdopt, ActionUpdate, ActionRename, ActionTemporaryRename, ActionDelete,
				ActionRelease,
			}, info.Action) {
				t.Errorf("unknown action %q", info.Action)
			}
			if info.Effect.Info().Kind != info.Effect || info.Effect == EffectUnknown {
				t.Errorf("effect %q is not in the table of effects", info.Effect)
			}
			if info.Action == ActionDelete && !info.TakesAccess {
				t.Error("a deletion takes access, but the table does not say so")
			}
			for _, gate := range info.CountedBy {
				if !gateNames[gate] {
					t.Errorf("counted by %q, which is no gate", gate)
				}
			}
			for _, kind := range info.AfterUser {
				if info.Object != ObjectMembership || !kind.OfUser() {
					t.Errorf("cannot be after %s", kind)
				}
			}
			for _, kind := range info.AfterGroup {
				if info.Object != ObjectMembership || !kind.OfGroup() {
					t.Errorf("cannot be after %s", kind)
				}
			}
			checkStage(t, info)
		})
	}
}

// checkStage checks that a kind is in a stage that sends changes of its object.
func checkStage(t *testing.T, info KindInfo) {
	t.Helper()
	stages := map[Object][]Stage{
		ObjectUser:       {StageUsers, StageDeactivations, StageUserDeletions},
		ObjectGroup:      {StageGroups, StageGroupDeletions},
		ObjectMembership: {StageGroups, StageShrinkingGroups},
	}[info.Object]
	if !slices.Contains(stages, info.Stage) {
		t.Errorf("stage %d does not send changes of a %s", info.Stage, info.Object)
	}
	if info.Object == ObjectMembership && (info.Stage == StageShrinkingGroups) != (info.Action == ActionDelete) {
		t.Errorf("a membership with action %q is in stage %d", info.Action, info.Stage)
	}
}

// A report of a later version may have kinds that this version does not have.
func TestUnknownKindsHaveNoFacts(t *testing.T) {
	k := Kind("merge-user")
	if k.OfUser() || k.OfGroup() || k.OfMembership() || k.TakesAccess() || k.Action() != "" {
		t.Errorf("the row of an unknown kind is %+v", k.Info())
	}
}
