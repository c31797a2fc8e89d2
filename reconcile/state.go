package reconcile

import (
	"maps"
	"slices"
	"strings"
)

// State is a directory by keys: as observed, or as it should be. It has no unmanaged objects.
type State struct {
	Users  map[string]*User  // by key
	Groups map[string]*Group // by key
}

// User is one user of a State. Attributes include userName, active and externalId; none is empty.
type User struct {
	Key, ID    string
	Attributes Attributes
	// NotOwned means that the directory has the user and the ledger does not. An adoption makes the
	// user owned.
	NotOwned bool
	// ActivateApart makes the activation of the user a change of its own.
	ActivateApart bool
}

// Group is one group of a State.
type Group struct {
	Key, ID, ExternalID, DisplayName string
	// Members are sorted member references: keys of users, or UnmanagedRef.
	Members  []string
	NotOwned bool // as of a User
}

// NewState returns an empty state.
func NewState() State { return State{Users: map[string]*User{}, Groups: map[string]*Group{}} }

// Name returns the userName.
func (u *User) Name() string { v, _ := u.Attributes.Get("userName"); return v }

// ExternalID returns the externalId or "".
func (u *User) ExternalID() string { v, _ := u.Attributes.Get("externalId"); return v }

// Active reports whether the user may sign in.
func (u *User) Active() bool { v, _ := u.Attributes.Get("active"); return v == "true" }

// UnmanagedRef returns the member reference of an unmanaged user: "#" and the directory's id. No
// key starts with "#".
func UnmanagedRef(id string) string { return "#" + id }

// UnmanagedID returns the directory's id in the member reference of an unmanaged user; ok is false
// if the reference is a key.
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

// After returns the state that results from a when every change is made, in order. The ids of
// created objects are empty.
func After(changes []Change, a State) State {
	s := a.clone()
	for i := range changes {
		s.apply(&changes[i])
	}
	return s
}

func (s State) apply(c *Change) {
	info := c.Kind.Info()
	deletes := info.Action == ActionDelete
	switch {
	case info.Object == ObjectUser && deletes:
		delete(s.Users, c.Key)
		for _, g := range s.Groups { // the memberships end with the user
			g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == c.Key })
		}
	case info.Object == ObjectGroup && deletes:
		delete(s.Groups, c.Key)
	case info.Object == ObjectGroup:
		s.applyGroup(c)
	case info.Object == ObjectMembership && !deletes:
		g := s.Groups[c.Key]
		if i, found := slices.BinarySearch(g.Members, c.Member); !found {
			g.Members = slices.Insert(g.Members, i, c.Member)
		}
	case info.Object == ObjectMembership:
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

// PatchAttributes returns attributes with changes applied. It modifies neither argument.
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
