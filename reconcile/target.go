package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Target is the state that a run works towards, with what the state does not show.
type Target struct {
	State State
	// Leavers are the managed users who left the scope, by key, with what happens to them.
	Leavers map[string]Disposition
	// FreesName are the leavers who are deleted early because another user needs their name, with
	// the key of that user.
	FreesName map[string]string
	// Rekeyed are the leavers who are probably still declared under another key that roster does
	// not manage yet, with this key. Merged are those whose key is an earlier key of a user who
	// keeps another object, with the key of this user.
	Rekeyed, Merged map[string]string
	// SwitchedOff are the users whom the target activates although they were deactivated outside
	// roster.
	SwitchedOff map[string]bool
	// notCreated are the users in scope who are not created because they are inactive.
	notCreated map[string]bool
	// ReleasedUsers and ReleasedGroups leave the ledger without a change in the directory.
	ReleasedUsers, ReleasedGroups []string
}

// ForApply returns what applying a plan needs of its target.
func (t *Target) ForApply() *Target { return &Target{Leavers: t.Leavers} }

// newTarget applies the desired state to the linked state. What roster does not manage stays as it
// is, so Diff needs no exceptions.
func newTarget(l *Linking, desired *Desired, ledger *Ledger, p *schema.Provisioner, now time.Time) *Target {
	t := &Target{
		State:     State{Users: maps.Clone(l.State.Users), Groups: make(map[string]*Group, len(desired.Groups))},
		Leavers:   map[string]Disposition{},
		FreesName: map[string]string{},
		Rekeyed:   map[string]string{}, Merged: map[string]string{},
		SwitchedOff: map[string]bool{}, notCreated: map[string]bool{},
	}
	linked := 0
	for key, have := range l.State.Users {
		if u := desired.Users[key]; u != nil {
			linked++
			t.update(have, u)
		} else {
			t.deprovision(have, dispositionOf(have, ledger.Users[key], p.Deprovision, now))
		}
	}
	if linked < len(desired.Users) {
		for _, key := range missingKeys(desired.Users, l.State.Users) {
			t.create(desired.Users[key])
		}
	}
	t.freeNames(l, desired, ledger)
	t.findRekeyed(l, desired)
	t.addGroups(l, desired, ledger, p)
	return t
}

// update gives a user the desired values. Users that already match are left unchanged.
func (t *Target) update(have *User, desired *DesiredUser) {
	if have.NotOwned || !have.matches(desired) {
		externalID := Attributes{attribute("externalId", desired.Key)}
		t.State.Users[desired.Key] = &User{
			Key: desired.Key, ID: have.ID, Attributes: merge(merge(have.Attributes, desired.Attributes), externalID),
		}
	}
}

// create adds a user that is not in the directory. An inactive or not yet valid user is never
// created.
func (t *Target) create(desired *DesiredUser) {
	if !desired.Active {
		t.notCreated[desired.Key] = true
		return
	}
	externalID := Attributes{attribute("externalId", desired.Key)}
	t.State.Users[desired.Key] = &User{
		Key: desired.Key, Attributes: merge(merge(desired.OnCreate, desired.Attributes), externalID),
	}
}

// matches reports whether the user has all desired values: merging them would change nothing.
func (u *User) matches(desired *DesiredUser) bool {
	if id, _ := u.Attributes.Get("externalId"); id != desired.Key {
		return false
	}
	have := u.Attributes
	for i := range desired.Attributes {
		a := &desired.Attributes[i]
		for len(have) > 0 && have[0].Path < a.Path {
			have = have[1:]
		}
		value := ""
		if len(have) > 0 && have[0].Path == a.Path {
			value = have[0].Value
		}
		if value != a.Value && a.Path != "externalId" {
			return false
		}
	}
	return true
}

func (t *Target) addGroups(l *Linking, desired *Desired, ledger *Ledger, p *schema.Provisioner) {
	for key, g := range desired.Groups {
		out := &Group{Key: key, ExternalID: key, DisplayName: g.DisplayName, Members: g.Members}
		if have := l.State.Groups[key]; have != nil {
			out.ID = have.ID
		}
		if len(t.notCreated) > 0 {
			out.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return t.notCreated[m] })
		}
		t.State.Groups[key] = out
	}
	for key, have := range l.State.Groups {
		switch {
		case desired.Groups[key] != nil:
		case desired.Removed:
			kept := *have
			kept.Members = slices.DeleteFunc(slices.Clone(have.Members), func(m string) bool {
				return t.Leavers[m] != "" && t.Leavers[m] != Kept
			})
			t.State.Groups[key] = &kept
		case !p.PushGroups:
			t.ReleasedGroups = append(t.ReleasedGroups, key)
			t.State.Groups[key] = have
		}
	}
	if !p.PushGroups && !desired.Removed { // the groups are not read any more
		t.ReleasedGroups = append(t.ReleasedGroups, missingKeys(ledger.Groups, l.State.Groups)...)
	}
	slices.Sort(t.ReleasedUsers)
	slices.Sort(t.ReleasedGroups)
}
