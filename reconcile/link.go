package reconcile

import (
	"cmp"
	"slices"
	"strings"
)

// Situation is how a desired key relates to the ledger and the directory.
type Situation string

// The situations. The table in the comment of Link says what follows from each.
const (
	Linked         Situation = "linked"          // the ledger and the directory have the object
	Unmatched      Situation = "unmatched"       // neither has it
	DeletedOutside Situation = "deleted outside" // the ledger has it, the directory does not
	// Adoptable: the directory has an object with that externalId, or one of that name without an
	// externalId.
	Adoptable Situation = "adoptable"
	// ForeignExternalID: the directory's object of that name has another externalId.
	ForeignExternalID Situation = "foreign externalId"
	// NameTaken: another managed object has the name and keeps it.
	NameTaken Situation = "name taken"
)

// Linking is an observed directory by keys.
type Linking struct {
	// State holds the managed objects, and marked as not owned those that can be adopted.
	State State
	// Users and Groups hold the situations of desired keys, except linked and unmatched.
	Users, Groups map[string]Situation
	// Conflicts holds the object of the directory that has the externalId or the name of a desired
	// one, by "user/" or "group/" and key.
	Conflicts map[string]ConflictingObject
	// UnmanagedUsers holds the userNames of unmanaged users, by member reference.
	UnmanagedUsers map[string]string
	// Unmanaged are the objects that are not in State: first users, then groups, each by name.
	Unmanaged []UnmanagedObject
	// RenamedUsers and RenamedGroups map the new key of a renamed user or group to the key that the
	// ledger has.
	RenamedUsers, RenamedGroups map[string]string
	// Recreated are the desired users and groups, by "user/" or "group/" and key, whose object was
	// deleted outside roster, and for which the directory has another object, with another id.
	Recreated map[string]bool

	// Contradicted are the entries of the ledger that do not make their object owned, by "user/" or
	// "group/" and key. Verified are the unproved entries for which evidence was found.
	Contradicted map[string]Contradiction
	Verified     UnprovedEntries
	// Undated are the verified entries of users whose dates have no evidence, by their keys in the
	// ledger. Their dates do not count.
	Undated map[string]bool

	// AdoptionConfirmed and adoptionEvidence are set if the status has AdoptionUnconfirmed, see
	// confirmAdoption.
	AdoptionConfirmed bool
	adoptionEvidence  []string

	keyByID map[string]string // the keys of the objects in State, by id
	rest    *rest             // the objects in sync that are not in State; nil if there are none
}

// UnmanagedObject is an object of the directory that is neither managed nor adoptable.
type UnmanagedObject struct {
	Kind       string `json:"kind"` // "user" or "group"
	ID         string `json:"id"`
	Name       string `json:"name"`
	ExternalID string `json:"externalId,omitempty"`
}

// unmanaged reports whether an object is neither managed nor adoptable.
func (l *Linking) unmanaged(id string) bool { return l.keyByID[id] == "" }

// ConflictingObject is an object of the directory that has the externalId or the name of a desired
// one.
type ConflictingObject struct {
	ID, Name, ExternalID, Key string // Key is empty for an unmanaged object
}

// Link joins the observed directory with the ledger and the desired state.
//
//	situation          | adopt never               | adopt match | adopt take-over
//	-------------------+---------------------------+-------------+-----------------------------
//	linked             | compared                  | same        | same
//	unmatched          | created, if active        | same        | same
//	deleted outside    | held (vanished)           | same        | same
//	adoptable          | equal: counted; else held | adopted     | adopted
//	foreign externalId | held                      | held        | adopted, held until approved
//	(recreated)        | adopted, held (vanished)  | same        | same
//	name taken         | held; if the other user waits for deletion, approval deletes that user
//	(unmanaged)        | not changed, and listed
func Link(o *Observed, ledger *Ledger, desired *Desired) *Linking {
	return linkPart(o, ledger, desired, nil)
}

// linkPart links a part of a directory. left has the users in sync that the part leaves out.
func linkPart(o *Observed, ledger *Ledger, desired *Desired, left *rest) *Linking {
	l := &Linking{
		State: State{Users: make(map[string]*User, len(o.Users)), Groups: make(map[string]*Group, len(o.Groups))},
		Users: map[string]Situation{}, Groups: map[string]Situation{}, Conflicts: map[string]ConflictingObject{},
		UnmanagedUsers: map[string]string{}, Recreated: map[string]bool{},
		RenamedUsers: renamedKeys(ledger.Users, desired.Users,
			func(u *DesiredUser) []string { return u.Previously }),
		RenamedGroups: renamedKeys(ledger.Groups, desired.Groups,
			func(g *DesiredGroup) []string { return g.Previously }),
		keyByID: make(map[string]string, len(o.Users)+len(o.Groups)),
		rest:    left,
	}
	l.linkUsers(o, ledger, desired)
	l.linkGroups(o, ledger, desired)
	slices.SortFunc(l.Unmanaged, func(a, b UnmanagedObject) int {
		return cmp.Or(strings.Compare(b.Kind, a.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return l
}

// renamedKeys finds the objects whose key was renamed: the ledger has only an earlier key. Of
// several earlier keys it takes one that has not left the scope, the first in order. No earlier key
// has two new ones.
func renamedKeys[D any](ledger map[string]Owned, desired map[string]D, previously func(D) []string) map[string]string {
	var keys []string
	for key, d := range desired {
		if _, managed := ledger[key]; !managed && len(previously(d)) > 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	out, taken := map[string]string{}, map[string]bool{}
	for _, key := range keys {
		earlier := slices.DeleteFunc(managedKeys(ledger, desired, previously(desired[key])),
			func(old string) bool { return taken[old] })
		if len(earlier) == 0 {
			continue
		}
		i := slices.IndexFunc(earlier, func(old string) bool { return ledger[old].LeftScopeAt == nil })
		out[key] = earlier[max(i, 0)]
		taken[out[key]] = true
	}
	return out
}

// managedKeys returns the keys that the ledger has and that are not desired.
func managedKeys[D any](ledger map[string]Owned, desired map[string]D, keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		_, managed := ledger[key]
		_, declared := desired[key]
		return !managed || declared
	})
}

// ownedUser returns the ledger's entry of a user, under an earlier key if the user was renamed.
func (l *Linking) ownedUser(ledger *Ledger, key string) Owned {
	return ownedAs(ledger.Users, l.RenamedUsers, key)
}

// ownedGroup returns the ledger's entry of a group, under an earlier key if the group was renamed.
func (l *Linking) ownedGroup(ledger *Ledger, key string) Owned {
	return ownedAs(ledger.Groups, l.RenamedGroups, key)
}

func ownedAs(entries map[string]Owned, renamed map[string]string, key string) Owned {
	if old := renamed[key]; old != "" {
		key = old
	}
	return entries[key]
}

// keysByID returns the keys of entries by their ids. If two entries have one id, the first key
// counts.
func keysByID(entries map[string]Owned) map[string]string {
	out := make(map[string]string, len(entries))
	for key, owned := range entries {
		if have, twice := out[owned.ID]; !twice || key < have {
			out[owned.ID] = key
		}
	}
	return out
}

// linkUsers links the users.
func (l *Linking) linkUsers(o *Observed, ledger *Ledger, desired *Desired) {
	keyOf := keysByID(ledger.Users)
	for key, old := range l.RenamedUsers {
		keyOf[ledger.Users[old].ID] = key
	}
	users := make([]User, len(o.Users)) // one allocation instead of one for each user
	for i := range o.Users {
		u := &o.Users[i]
		if key, managed := keyOf[u.ID]; managed {
			users[i] = User{Key: key, ID: u.ID, Attributes: u.Attributes}
			l.State.Users[key], l.keyByID[u.ID] = &users[i], key
		} else {
			l.UnmanagedUsers[UnmanagedRef(u.ID)] = u.UserName()
		}
	}
	index := newNameIndex(len(o.Users),
		func(i int) (string, string) { return o.Users[i].ExternalID(), o.Users[i].UserName() })
	for _, key := range missingKeys(desired.Users, l.State.Users) {
		if owned := l.ownedUser(ledger, key); owned.ID != "" && owned.DeleteSentAt == nil {
			l.Users[key] = DeletedOutside
		}
		name, _ := desired.Users[key].Attributes.Get("userName")
		i, situation := index().find(key, name)
		if situation == Unmatched {
			continue
		}
		u := &o.Users[i]
		conflict := ConflictingObject{ID: u.ID, Name: u.UserName(), ExternalID: u.ExternalID(), Key: keyOf[u.ID]}
		l.Conflicts[UserRef(key)] = conflict
		if l.keyByID[u.ID] != "" { // another key has the object
			if l.Users[key] != DeletedOutside { // what was deleted outside is held, whatever it is called now
				l.Users[key] = NameTaken
			}
			continue
		}
		if l.Users[key] == DeletedOutside {
			l.Recreated[UserRef(key)] = true
		}
		l.Users[key] = situation
		users[i] = User{Key: key, ID: u.ID, Attributes: u.Attributes, NotOwned: true}
		l.State.Users[key], l.keyByID[u.ID] = &users[i], key
	}
	if len(l.UnmanagedUsers) == 0 {
		return
	}
	for i := range o.Users {
		if u := &o.Users[i]; l.unmanaged(u.ID) {
			l.Unmanaged = append(l.Unmanaged,
				UnmanagedObject{Kind: "user", ID: u.ID, Name: u.UserName(), ExternalID: u.ExternalID()})
		}
	}
}

// linkGroups links the groups with their members.
func (l *Linking) linkGroups(o *Observed, ledger *Ledger, desired *Desired) {
	keyOf := keysByID(ledger.Groups)
	for key, old := range l.RenamedGroups {
		keyOf[ledger.Groups[old].ID] = key
	}
	add := func(key string, g *RemoteGroup, notOwned bool) {
		l.keyByID[g.ID] = key
		l.State.Groups[key] = &Group{Key: key, ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.DisplayName,
			Members: l.memberRefs(o.Members[g.ID]), NotOwned: notOwned}
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		if key, managed := keyOf[g.ID]; managed {
			add(key, g, false)
		}
	}
	index := newNameIndex(len(o.Groups),
		func(i int) (string, string) { return o.Groups[i].ExternalID, o.Groups[i].DisplayName })
	for _, key := range missingKeys(desired.Groups, l.State.Groups) {
		if owned := l.ownedGroup(ledger, key); owned.ID != "" && owned.DeleteSentAt == nil {
			l.Groups[key] = DeletedOutside
		}
		i, situation := index().find(key, desired.Groups[key].DisplayName)
		if situation == Unmatched {
			continue
		}
		g := &o.Groups[i]
		conflict := ConflictingObject{ID: g.ID, Name: g.DisplayName, ExternalID: g.ExternalID, Key: keyOf[g.ID]}
		l.Conflicts[GroupRef(key)] = conflict
		if l.keyByID[g.ID] != "" {
			if l.Groups[key] != DeletedOutside { // what was deleted outside is held, whatever it is called now
				l.Groups[key] = NameTaken
			}
			continue
		}
		if l.Groups[key] == DeletedOutside {
			l.Recreated[GroupRef(key)] = true
		}
		l.Groups[key] = situation
		add(key, g, true)
	}
	for _, g := range o.Groups {
		if l.unmanaged(g.ID) {
			l.Unmanaged = append(l.Unmanaged,
				UnmanagedObject{Kind: "group", ID: g.ID, Name: g.DisplayName, ExternalID: g.ExternalID})
		}
	}
}

// recreates reports whether a change adopts an object that was created again outside roster.
func (l *Linking) recreates(c *Change) bool {
	switch {
	case c.Kind.Action() != ActionAdopt:
		return false
	case c.Kind.OfUser():
		return l.Recreated[UserRef(c.Key)]
	}
	return l.Recreated[GroupRef(c.Key)]
}

// memberRefs returns the sorted member references of user ids.
func (l *Linking) memberRefs(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = cmp.Or(l.keyByID[id], l.rest.leftOut(id))
		if out[i] == "" { // unmanaged, or created between the two listings
			out[i] = UnmanagedRef(id)
		}
	}
	slices.Sort(out)
	return out
}

// nameIndex finds the object of a desired key: by externalId first, then by name.
type nameIndex struct {
	byExternalID, byName map[string]int
	externalID           []string
}

// newNameIndex returns a function that builds the index of n objects on its first call. No index is
// needed if all desired objects are linked.
func newNameIndex(n int, names func(i int) (externalID, name string)) func() *nameIndex {
	var x *nameIndex
	return func() *nameIndex {
		if x != nil {
			return x
		}
		x = &nameIndex{
			byExternalID: make(map[string]int, n),
			byName:       make(map[string]int, n),
			externalID:   make([]string, n),
		}
		for i := range n {
			externalID, name := names(i)
			x.byName[FoldName(name)], x.externalID[i] = i, externalID
			if externalID != "" {
				x.byExternalID[externalID] = i
			}
		}
		return x
	}
}

func (x *nameIndex) find(key, name string) (int, Situation) {
	byKey, hasKey := x.byExternalID[key]
	byName, hasName := x.byName[FoldName(name)]
	switch {
	case hasKey: // if another object has the name, gate nameTaken holds the change
		return byKey, Adoptable
	case hasName && x.externalID[byName] == "":
		return byName, Adoptable
	case hasName:
		return byName, ForeignExternalID
	}
	return 0, Unmatched
}
