package reconcile

import (
	"cmp"
	"slices"
	"strings"
)

// Situation says how a key stands to the directory.
type Situation string

// The situations. What follows from each is decided in one place, the table in Link's comment.
const (
	LinkedTo          Situation = "linked"    // the ledger has it, the directory has it
	Unmatched         Situation = "unmatched" // neither the ledger nor the directory has it
	Deleted           Situation = "deleted"   // the ledger has it, the directory has lost it
	Adoptable         Situation = "unlinked"  // the directory has an object of that externalId, or of that name without one
	ForeignExternalID Situation = "disputed"  // the directory's object of that name has somebody else's externalId
	NameTaken         Situation = "collision" // the name is held by an object of ours that does not give it up
)

// Linking is an observed directory in terms of our keys.
type Linking struct {
	// State holds what is ours, and as unclaimed what adoption would make ours.
	State State
	// Situations of the desired keys that are not simply linked or unmatched.
	Users, Groups map[string]Situation
	// Holders says, for the situations unlinked, disputed and collision, which object stands in the way.
	Conflicts map[string]ConflictingObject // by "user/" or "group/" and key
	// Names of users who are not ours, by member reference.
	UnmanagedUsers map[string]string
	// Foreign are the objects that are neither ours nor wanted, users first, each by name.
	Unmanaged []UnmanagedObject
	// claimed has the keys of the objects in State, by id.
	keyByID map[string]string
	// Moved maps the new key of a renamed group to the key under which the ledger has it.
	Moved map[string]string
}

// Foreign is an object of the directory that is not ours and that nothing declared meets.
type UnmanagedObject struct {
	Kind       string `json:"kind"` // "user" or "group"
	ID         string `json:"id"`
	Name       string `json:"name"`
	ExternalID string `json:"externalId,omitempty"`
}

// foreign reports whether an object is neither ours nor one that something declared meets.
func (l *Linking) unmanaged(id string) bool { return l.keyByID[id] == "" }

// Holder is an object in the directory that a desired one meets.
type ConflictingObject struct {
	ID, Name, ExternalID, Key string // Key is empty unless it is ours
}

// Link joins what was observed with what is ours and what is wanted.
//
//	situation  | adopt never              | adopt match         | adopt take-over
//	-----------+--------------------------+---------------------+----------------
//	linked     | compared                 | same                | same
//	unmatched  | created, if active       | same                | same
//	deleted    | a user is created again; a group is held (vanished)
//	unlinked   | equal: counted; else held| adopted             | adopted
//	disputed   | held                     | held                | adopted, held until approved
//	collision  | held, until the holder's deletion is approved if it waits for that
//	(foreign)  | left alone and listed
func Link(o *Observed, ledger *Ledger, want *Desired) *Linking {
	l := &Linking{State: State{Users: make(map[string]*User, len(o.Users)), Groups: make(map[string]*Group, len(o.Groups))}, Users: map[string]Situation{}, Groups: map[string]Situation{}, Conflicts: map[string]ConflictingObject{},
		UnmanagedUsers: map[string]string{}, Moved: moved(ledger, want), keyByID: make(map[string]string, len(o.Users)+len(o.Groups))}
	l.linkUsers(o, ledger, want)
	l.linkGroups(o, ledger, want)
	slices.SortFunc(l.Unmanaged, func(a, b UnmanagedObject) int {
		return cmp.Or(strings.Compare(b.Kind, a.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return l
}

// moved finds groups whose key was renamed: the ledger has the old key only.
func moved(ledger *Ledger, want *Desired) map[string]string {
	out := map[string]string{}
	for key, g := range want.Groups {
		if _, ours := ledger.Groups[key]; ours {
			continue
		}
		for _, old := range g.Previously {
			if _, ours := ledger.Groups[old]; ours && want.Groups[old] == nil {
				out[key] = old
				break
			}
		}
	}
	return out
}

// linkUsers fills in the users.
func (l *Linking) linkUsers(o *Observed, ledger *Ledger, want *Desired) {
	keyOf := make(map[string]string, len(ledger.Users))
	for key, owned := range ledger.Users {
		keyOf[owned.ID] = key
	}
	users := make([]User, len(o.Users)) // one piece of memory instead of a hundred thousand
	for i := range o.Users {
		u := &o.Users[i]
		if key, ours := keyOf[u.ID]; ours {
			users[i] = User{Key: key, ID: u.ID, Attributes: u.Attributes}
			l.State.Users[key], l.keyByID[u.ID] = &users[i], key
		} else {
			l.UnmanagedUsers[UnmanagedRef(u.ID)] = u.UserName()
		}
	}
	index := newNameIndex(len(o.Users), func(i int) (string, string) { return o.Users[i].ExternalID(), o.Users[i].UserName() })
	for _, key := range missingKeys(want.Users, l.State.Users) {
		if _, ours := ledger.Users[key]; ours {
			l.Users[key] = Deleted
		}
		name, _ := want.Users[key].Attributes.Get("userName")
		i, situation := index().find(key, name)
		if situation == Unmatched {
			continue
		}
		u := &o.Users[i]
		holder := ConflictingObject{ID: u.ID, Name: u.UserName(), ExternalID: u.ExternalID(), Key: keyOf[u.ID]}
		l.Conflicts["user/"+key] = holder
		if l.keyByID[u.ID] != "" { // by its owner, or by another key that meets it: a collision unless that one gives the name up
			l.Users[key] = NameTaken
			continue
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
			l.Unmanaged = append(l.Unmanaged, UnmanagedObject{Kind: "user", ID: u.ID, Name: u.UserName(), ExternalID: u.ExternalID()})
		}
	}
}

func (l *Linking) linkGroups(o *Observed, ledger *Ledger, want *Desired) {
	keyOf := make(map[string]string, len(ledger.Groups))
	for key, owned := range ledger.Groups {
		keyOf[owned.ID] = key
	}
	for key, old := range l.Moved {
		keyOf[ledger.Groups[old].ID] = key
	}
	add := func(key string, g *RemoteGroup, unclaimed bool) {
		l.keyByID[g.ID] = key
		l.State.Groups[key] = &Group{Key: key, ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.DisplayName,
			Members: l.memberRefs(o.Members[g.ID]), NotOwned: unclaimed}
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		if key, ours := keyOf[g.ID]; ours {
			add(key, g, false)
		}
	}
	index := newNameIndex(len(o.Groups), func(i int) (string, string) { return o.Groups[i].ExternalID, o.Groups[i].DisplayName })
	for _, key := range missingKeys(want.Groups, l.State.Groups) {
		if _, ours := ledger.Groups[key]; ours {
			l.Groups[key] = Deleted
		}
		i, situation := index().find(key, want.Groups[key].DisplayName)
		if situation == Unmatched {
			continue
		}
		g := &o.Groups[i]
		holder := ConflictingObject{ID: g.ID, Name: g.DisplayName, ExternalID: g.ExternalID, Key: keyOf[g.ID]}
		l.Conflicts["group/"+key] = holder
		if l.keyByID[g.ID] != "" {
			l.Groups[key] = NameTaken
			continue
		}
		l.Groups[key] = situation
		add(key, g, true)
	}
	for _, g := range o.Groups {
		if l.unmanaged(g.ID) {
			l.Unmanaged = append(l.Unmanaged, UnmanagedObject{Kind: "group", ID: g.ID, Name: g.DisplayName, ExternalID: g.ExternalID})
		}
	}
}

func (l *Linking) memberRefs(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		if out[i] = l.keyByID[id]; out[i] == "" { // not ours, or created between the two listings
			out[i] = UnmanagedRef(id)
		}
	}
	slices.Sort(out)
	return out
}

// nameIndex finds the object that a desired key meets: by our externalId first, then by name.
type nameIndex struct {
	byExternalID, byName map[string]int
	externalID           []string
}

// newNameIndex returns a function that makes the index of n objects when it is first called: nobody needs one while all that is desired is linked.
func newNameIndex(n int, names func(i int) (externalID, name string)) func() *nameIndex {
	var x *nameIndex
	return func() *nameIndex {
		if x != nil {
			return x
		}
		x = &nameIndex{byExternalID: make(map[string]int, n), byName: make(map[string]int, n), externalID: make([]string, n)}
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
	case hasKey: // whoever else has the name keeps it: gate collision
		return byKey, Adoptable
	case hasName && x.externalID[byName] == "":
		return byName, Adoptable
	case hasName:
		return byName, ForeignExternalID
	}
	return 0, Unmatched
}
