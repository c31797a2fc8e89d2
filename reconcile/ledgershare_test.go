package reconcile

import (
	"reflect"
	"testing"
	"time"
)

func ledgerOfTwo() *Ledger {
	return &Ledger{
		Users:       map[string]Owned{"ann": {ID: "1"}, "old": {ID: "2"}},
		Groups:      map[string]Owned{"g": {ID: "3", MembersUndecided: true}, "old": {ID: "4"}},
		Unconfirmed: map[string]Unconfirmed{UserRef("bob"): {}},
	}
}

// The ledger that a run changes shares its entries with the one that the audit branch has, which
// must never change.
func TestARunNeverChangesTheLedgerThatItStartedFrom(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	record := func(kind Kind, key, id string, d Disposition) func(*Ledger) {
		return func(l *Ledger) { l.Record(&Change{Kind: kind, Key: key, ID: id}, id, d, now) }
	}
	rename := func(kind Kind, id string) func(*Ledger) {
		return func(l *Ledger) {
			l.Record(&Change{Kind: kind, Key: "new", ID: id,
				Attributes: []AttributeChange{{Path: "externalId", Old: "old", New: "new"}}}, id, "", now)
		}
	}
	for name, edit := range map[string]func(*Ledger){
		"a user is created":          record(CreateUser, "bob", "9", ""),
		"a user is adopted":          record(AdoptUser, "bob", "9", ""),
		"a user is deactivated":      record(DeactivateUser, "ann", "1", ""),
		"a leaver is deactivated":    record(DeactivateUser, "ann", "1", Deactivated),
		"a user is activated":        record(ActivateUser, "ann", "9", ""),
		"a user is deleted":          record(DeleteUser, "ann", "1", ""),
		"a group is created":         record(CreateGroup, "h", "9", ""),
		"a group is adopted":         record(AdoptGroup, "h", "9", ""),
		"a group is deleted":         record(DeleteGroup, "g", "3", ""),
		"the key of a user changes":  rename(UpdateUser, "2"),
		"the key of a group changes": rename(UpdateGroup, "4"),
		"a deletion has no response": func(l *Ledger) {
			l.RecordUncertain(&Change{Kind: DeleteUser, Key: "ann", ID: "1"}, Attempt{}, now)
		},
		"a deactivation has no response": func(l *Ledger) {
			l.RecordUncertain(&Change{Kind: DeactivateUser, Key: "ann"}, Attempt{}, now)
		},
		"an unconfirmed user is found":   func(l *Ledger) { l.Resolve(UserRef("bob"), LookupResult{ID: "9"}, now) },
		"a user was not found":           func(l *Ledger) { dropMissed(l.editUsers(), "ann", now) },
		"a group was not found":          func(l *Ledger) { dropMissed(l.editGroups(), "g", now) },
		"members of a group are decided": func(l *Ledger) { l.editGroups()["g"] = Owned{ID: "3"} },
		"a renamed user was written late": func(l *Ledger) {
			there := &User{Key: "new", ID: "2", Attributes: Attributes{{Path: "externalId", Value: "new"}}}
			l.renameWritten(&Linking{RenamedUsers: map[string]string{"new": "old"},
				State: State{Users: map[string]*User{"new": there}}})
		},
	} {
		before := ledgerOfTwo()
		after := before.forChanges()
		edit(after)
		if !reflect.DeepEqual(before, ledgerOfTwo()) {
			t.Errorf("%s: the ledger that the run started from is %+v", name, before)
		}
		if reflect.DeepEqual(after.Users, before.Users) && reflect.DeepEqual(after.Groups, before.Groups) {
			t.Errorf("%s: the ledger after the run has the same entries", name)
		}
	}
}

func TestARunThatChangesNoEntryCopiesNone(t *testing.T) {
	before := ledgerOfTwo()
	after := before.forChanges()
	after.Record(&Change{Kind: UpdateUser, Key: "ann", ID: "1",
		Attributes: []AttributeChange{{Path: "displayName"}}}, "1", "", time.Time{})
	after.Record(&Change{Kind: AddMember, Key: "g", Member: "ann"}, "", "", time.Time{})
	if !sameMap(before.Users, after.Users) || !sameMap(before.Groups, after.Groups) {
		t.Error("the entries were copied")
	}
}
