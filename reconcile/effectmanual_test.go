package reconcile

import "testing"

// A plan undoes what was done in AWS by hand. Its first line says what that was.
func TestASentenceSaysWhatWasDoneByHand(t *testing.T) {
	set := func(path string) []AttributeChange { return []AttributeChange{{Path: path, Old: "x", New: "y"}} }
	for name, test := range map[string]struct {
		change Change
		want   string
	}{
		"a deleted user": {Change{Kind: CreateUser, Decision: &Decision{Held: []Hold{{Gate: "vanished"}}}},
			"ann is new in AWS (held; deleted by hand)"},
		"a user deleted and created again": {
			Change{Kind: AdoptUser, Decision: &Decision{Held: []Hold{{Gate: "vanished"}}}},
			"the existing AWS user of ann is adopted (held; deleted and created again by hand)"},
		"a group deleted and created again": {Change{Kind: AdoptGroup},
			"group ann in AWS is adopted (deleted and created again by hand)"},
		"a deactivated user": {Change{Kind: ActivateUser, Decision: &Decision{Held: []Hold{{Gate: "switchedOff"}}}},
			"ann may sign in again (held; deactivated by hand)"},
		"an activated user": {Change{Kind: DeactivateUser}, "ann may no longer sign in (activated by hand)"},
		"a renamed user": {Change{Kind: RenameUser, Attributes: set("userName")},
			"sign-in name of ann changes (renamed by hand)"},
		"another title": {Change{Kind: UpdateUser, Attributes: set("title")},
			"title of ann changes (changed by hand)"},
		"a deleted group": {Change{Kind: CreateGroup}, "group ann is created (deleted by hand)"},
		"a renamed group": {Change{Kind: RenameGroup, Attributes: set("displayName")},
			"group ann is renamed (renamed by hand)"},
		"a removed member": {Change{Kind: AddMember, Member: "u", MemberName: "bob"},
			"bob joins 1 group (removed by hand)"},
		"an added member": {Change{Kind: RemoveMember, Member: "u", MemberName: "bob"},
			"bob leaves 1 group (added by hand)"},
	} {
		c := test.change
		c.Key, c.Name, c.Origin = "ann", "ann", Drift
		if got := Line(Effects(Planned([]Change{c}), nil), 200); got != test.want {
			t.Errorf("%s: the line is %q, want %q", name, got, test.want)
		}
		c.Origin = ""
		if got := Line(Effects(Planned([]Change{c}), nil), 200); got == test.want {
			t.Errorf("%s: a declared change has the same line", name)
		}
	}
}

// The same effect on two people is two sentences, if only one of them undoes a manual change.
func TestDeclaredAndManualChangesAreNotCountedTogether(t *testing.T) {
	changes := []Change{
		{Kind: DeactivateUser, Key: "a", Name: "ann", Origin: Drift},
		{Kind: DeactivateUser, Key: "b", Name: "bob"},
		{Kind: DeactivateUser, Key: "c", Name: "cleo", Origin: Drift},
	}
	const want = "bob may no longer sign in; ann and cleo may no longer sign in (activated by hand)"
	if got := Line(Effects(Planned(changes), nil), 200); got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
}
