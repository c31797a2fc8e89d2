package reconcile

import (
	"maps"
	"slices"
	"strings"
)

// State is a directory in terms of our keys: as observed, or as it should become. Objects that are not ours are not in it.
type State struct {
	Users  map[string]*User  // by key
	Groups map[string]*Group // by key
}

// User is one user of a State. Attributes include userName, active and externalId; none is empty.
type User struct {
	Key, ID    string
	Attributes Attributes
	// Unclaimed says that the directory has the user but the ledger has not: the change that makes it ours is an adoption.
	NotOwned bool
}

// Group is one group of a State.
type Group struct {
	Key, ID, ExternalID, DisplayName string
	// Members are sorted user keys; somebody who is not ours is "#" and an AWS id.
	Members  []string
	NotOwned bool
}

// NewState returns an empty state.
func NewState() State { return State{Users: map[string]*User{}, Groups: map[string]*Group{}} }

// Name returns the userName.
func (u *User) Name() string { v, _ := u.Attributes.Get("userName"); return v }

// Active reports whether the user may sign in.
func (u *User) Active() bool { v, _ := u.Attributes.Get("active"); return v == "true" }

// UnmanagedRef returns the member reference of a directory user that roster does not manage. No key begins with "#".
func UnmanagedRef(id string) string { return "#" + id }

// UnmanagedID returns the directory's id of the user that a member reference names; ok is false if the reference is a key.
func UnmanagedID(member string) (id string, ok bool) { return strings.CutPrefix(member, "#") }

func (s State) clone() State {
	c := State{Users: maps.Clone(s.Users), Groups: make(map[string]*Group, len(s.Groups))}
	if c.Users == nil {
		c.Users = map[string]*User{}
	}
	for k, g := range s.Groups {
		d := *g
		d.Members = slices.Clone(g.Members)
		c.Groups[k] = &d
	}
	return c
}

// After returns the state that a becomes when every change has been carried out, in order. The ids of created objects are empty.
func After(changes []Change, a State) State {
	s := a.clone()
	for i := range changes {
		s.apply(&changes[i])
	}
	return s
}

func (s State) apply(c *Change) {
	switch c.Kind {
	case DeleteUser:
		delete(s.Users, c.Key)
		for _, g := range s.Groups { // a deleted user is in no group
			g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == c.Key })
		}
	case DeleteGroup:
		delete(s.Groups, c.Key)
	case CreateGroup, AdoptGroup, RenameGroup, UpdateGroup, TemporaryRenameGroup:
		s.applyGroup(c)
	case AddMember:
		g := s.Groups[c.Key]
		if i, found := slices.BinarySearch(g.Members, c.Member); !found {
			g.Members = slices.Insert(g.Members, i, c.Member)
		}
	case RemoveMember:
		g := s.Groups[c.Key]
		if i, found := slices.BinarySearch(g.Members, c.Member); found {
			g.Members = slices.Delete(g.Members, i, i+1)
		}
	default:
		s.applyUser(c)
	}
}

func (s State) applyUser(c *Change) {
	u := &User{Key: c.Key}
	if old := s.Users[c.Key]; old != nil {
		u.ID, u.Attributes = old.ID, old.Attributes
	}
	u.Attributes = PatchAttributes(u.Attributes, c.Attributes)
	s.Users[c.Key] = u
}

func (s State) applyGroup(c *Change) {
	g := s.Groups[c.Key]
	if g == nil {
		g = &Group{Key: c.Key}
		s.Groups[c.Key] = g
	}
	g.NotOwned = false
	for _, a := range c.Attributes {
		switch a.Path {
		case "displayName":
			g.DisplayName = a.New
		case "externalId":
			g.ExternalID = a.New
		}
	}
}

// PatchAttributes returns attributes with changes applied; neither argument is modified.
func PatchAttributes(attributes Attributes, changes []AttributeChange) Attributes {
	out := make(Attributes, 0, len(attributes)+len(changes))
	i := 0
	for _, c := range changes {
		for i < len(attributes) && attributes[i].Path < c.Path {
			out = append(out, attributes[i])
			i++
		}
		if i < len(attributes) && attributes[i].Path == c.Path {
			i++
		}
		if c.New != "" {
			out = append(out, attribute(c.Path, c.New))
		}
	}
	return append(out, attributes[i:]...)
}
