package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Target is the state that a run works towards, with what does not show in it.
type Target struct {
	State State
	// Left are our people who are no longer in scope, by key, with what becomes of them.
	Leavers map[string]Disposition
	// MakesWay are those among them who are deleted before their time because the key given needs their name.
	FreesName map[string]string
	// absent are those in scope who are not to be created.
	notCreated map[string]bool
	// Released leave the ledger without any change in the directory.
	ReleasedUsers, ReleasedGroups []string
}

type Disposition string

const (
	Deactivated Disposition = "deactivated"
	DeletedNow  Disposition = "deleted"
	Kept        Disposition = "kept"
)

// aim overlays what is desired on what is linked: whatever roster does not manage stays as it is, so that Diff never has to be told
// what to leave alone.
func newTarget(l *Linking, want *Desired, ledger *Ledger, p *schema.Provisioner, now time.Time) *Target {
	t := &Target{State: State{Users: maps.Clone(l.State.Users), Groups: make(map[string]*Group, len(want.Groups))}, Leavers: map[string]Disposition{},
		FreesName: map[string]string{}, notCreated: map[string]bool{}}
	met := 0
	for key, have := range l.State.Users {
		if u := want.Users[key]; u != nil {
			met++
			t.update(have, u)
		} else {
			t.deprovision(have, ledger.Users[key], p.Deprovision, now)
		}
	}
	if met < len(want.Users) {
		for _, key := range missingKeys(want.Users, l.State.Users) {
			t.create(want.Users[key])
		}
	}
	t.freeNames(l, want, ledger)
	t.addGroups(l, want, p)
	return t
}

// makeWay deletes who waits for deletion and holds a name that somebody wanted takes. Gate collision holds it until approved.
func (t *Target) freeNames(l *Linking, want *Desired, ledger *Ledger) {
	waiting := map[string]string{} // name -> who waits
	names := func(u *User, name func(string)) {
		mail, _ := u.Attributes.Get("emails.value")
		name("userName/" + FoldName(u.Name()))
		if mail != "" {
			name("emails.value/" + FoldName(mail))
		}
	}
	for key, what := range t.Leavers {
		if what == Deactivated && ledger.Users[key].LeftScopeAt != nil && !l.State.Users[key].Active() {
			names(l.State.Users[key], func(name string) { waiting[name] = key })
		}
	}
	if len(waiting) == 0 {
		return
	}
	for key := range want.Users {
		if u := t.State.Users[key]; u != nil {
			names(u, func(name string) {
				if holder := waiting[name]; holder != "" {
					t.FreesName[holder], t.Leavers[holder] = key, DeletedNow
					delete(t.State.Users, holder)
				}
			})
		}
	}
}

// keep gives somebody what is wanted. Who has it already is in the target as they are.
func (t *Target) update(have *User, want *DesiredUser) {
	if have.NotOwned || !have.matches(want) {
		ours := Attributes{attribute("externalId", want.Key)}
		t.State.Users[want.Key] = &User{Key: want.Key, ID: have.ID, Attributes: merge(merge(have.Attributes, want.Attributes), ours)}
	}
}

// create adds somebody whom the directory has not. Somebody inactive or not yet valid is never created.
func (t *Target) create(want *DesiredUser) {
	if !want.Active {
		t.notCreated[want.Key] = true
		return
	}
	ours := Attributes{attribute("externalId", want.Key)}
	t.State.Users[want.Key] = &User{Key: want.Key, Attributes: merge(merge(want.OnCreate, want.Attributes), ours)}
}

// as reports whether the user has all that is wanted: merging it would change nothing.
func (u *User) matches(want *DesiredUser) bool {
	if id, _ := u.Attributes.Get("externalId"); id != want.Key {
		return false
	}
	have := u.Attributes
	for i := range want.Attributes {
		a := &want.Attributes[i]
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

// leave decides what becomes of somebody of ours who is not in scope any more.
func (t *Target) deprovision(have *User, owned Owned, policy schema.Deprovision, now time.Time) {
	switch policy.Mode {
	case "keep":
		t.Leavers[have.Key] = Kept
		t.ReleasedUsers = append(t.ReleasedUsers, have.Key)
		return
	case "delete":
		t.delete(have)
		return
	}
	if deletionDue(owned, policy, now) && !have.Active() {
		t.delete(have)
		return
	}
	t.Leavers[have.Key] = Deactivated
	t.State.Users[have.Key] = &User{Key: have.Key, ID: have.ID,
		Attributes: merge(have.Attributes, Attributes{attribute("active", "false")})}
}

func (t *Target) delete(have *User) {
	t.Leavers[have.Key] = DeletedNow
	delete(t.State.Users, have.Key)
}

// due reports whether somebody's wait for deletion is over.
func deletionDue(owned Owned, policy schema.Deprovision, now time.Time) bool {
	return policy.DeleteAfterDays != nil && owned.LeftScopeAt != nil && !now.Before(owned.LeftScopeAt.AddDate(0, 0, *policy.DeleteAfterDays))
}

func (t *Target) addGroups(l *Linking, want *Desired, p *schema.Provisioner) {
	for key, g := range want.Groups {
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
		case want.Groups[key] != nil:
		case want.Removed:
			left := *have
			left.Members = slices.DeleteFunc(slices.Clone(have.Members), func(m string) bool { return t.Leavers[m] != "" && t.Leavers[m] != Kept })
			t.State.Groups[key] = &left
		case !p.PushGroups:
			t.ReleasedGroups = append(t.ReleasedGroups, key)
			t.State.Groups[key] = have
		}
	}
	slices.Sort(t.ReleasedUsers)
	slices.Sort(t.ReleasedGroups)
}
