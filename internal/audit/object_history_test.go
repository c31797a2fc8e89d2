package audit

import (
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// created returns a change that creates a user with a name.
func created(key, id, given, family string) *reconcile.Change {
	return &reconcile.Change{Kind: reconcile.CreateUser, Key: key, ID: id, Name: key + "@example.com",
		Attributes: []reconcile.AttributeChange{{Path: "name.familyName", New: family},
			{Path: "name.givenName", New: given}}}
}

// The changes of a case are the newest first.
func TestReportedKeys(t *testing.T) {
	display := func(key, id, before, now string) *reconcile.Change {
		return &reconcile.Change{Kind: reconcile.UpdateUser, Key: key, ID: id,
			Attributes: []reconcile.AttributeChange{{Path: "displayName", Old: before, New: now}}}
	}
	group := &reconcile.Change{Kind: reconcile.CreateGroup, Key: "g", ID: "1", Name: "Zürich"}
	member := &reconcile.Change{Kind: reconcile.RemoveMember, Key: "g", ID: "9", Member: reconcile.UnmanagedRef("1"),
		MemberName: "Ann Lee"}
	for _, tt := range []struct {
		name, kind, word string
		changes          []*reconcile.Change
		want             []string
	}{
		{"first and last name in another case", "user", "ZOË núñez",
			[]*reconcile.Change{created("z", "1", "Zoë", "Núñez")}, []string{"z"}},
		{"first and last name with separate accents", "user", "Zoe\u0308 Nu\u0301n\u0303ez",
			[]*reconcile.Change{created("z", "1", "Zoë", "Núñez")}, []string{"z"}},
		{"a part of a name", "user", "Zoë", []*reconcile.Change{created("z", "1", "Zoë", "Núñez")}, nil},
		{"a displayName that a change replaced", "user", "ann lee",
			[]*reconcile.Change{display("a", "1", "Ann Lee", "Ann Poe")}, []string{"a"}},
		{"two users with one name", "user", "ann lee",
			[]*reconcile.Change{created("b", "2", "Ann", "Lee"), created("a", "1", "Ann", "Lee")}, []string{"b", "a"}},
		{"two keys of one user in AWS", "user", "ann lee",
			[]*reconcile.Change{display("b", "1", "Ann Lee", "X"), created("a", "1", "Ann", "Lee")}, []string{"b"}},
		{"an unmanaged member that was a managed user later", "user", "ann lee",
			[]*reconcile.Change{created("a", "1", "Ann", "Lee"), member}, []string{"a"}},
		{"an unmanaged member of a group with the id of nobody", "user", "ann lee",
			[]*reconcile.Change{created("a", "9", "Ann", "Lee"), member}, []string{"a", reconcile.UnmanagedRef("1")}},
		{"an id, which only one has", "user", "1",
			[]*reconcile.Change{created("a", "1", "Ann", "Lee"), created("b", "2", "1", "")}, []string{"a"}},
		{"a displayName of a group with a separate accent", "group", "zu\u0308rich",
			[]*reconcile.Change{group, created("z", "2", "Zürich", "")}, []string{"g"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := ReportedName{tt.kind, tt.word, schema.SameName(tt.word)}
			found := reportedKeys{name: name, ids: map[string]string{}}
			for _, c := range tt.changes {
				if found.add(c) {
					break
				}
			}
			if !slices.Equal(found.keys, tt.want) {
				t.Errorf("the keys are %q; want %q", found.keys, tt.want)
			}
		})
	}
}
