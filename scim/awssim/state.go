package awssim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// State is the content of a directory, for assertions and snapshots. Users are sorted by userName,
// groups by displayName, and members by id.
type State struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups"`
}

// User is a user with all stored attributes. The JSON names are those of SCIM.
type User struct {
	ID                string      `json:"id,omitempty"`
	ExternalID        string      `json:"externalId,omitempty"`
	UserName          string      `json:"userName"`
	Name              *Name       `json:"name,omitempty"`
	DisplayName       string      `json:"displayName,omitempty"`
	NickName          string      `json:"nickName,omitempty"`
	ProfileURL        string      `json:"profileUrl,omitempty"`
	Title             string      `json:"title,omitempty"`
	UserType          string      `json:"userType,omitempty"`
	PreferredLanguage string      `json:"preferredLanguage,omitempty"`
	Locale            string      `json:"locale,omitempty"`
	Timezone          string      `json:"timezone,omitempty"`
	Active            bool        `json:"active"`
	Emails            []Value     `json:"emails,omitempty"`
	Addresses         []Address   `json:"addresses,omitempty"`
	PhoneNumbers      []Value     `json:"phoneNumbers,omitempty"`
	Roles             []Value     `json:"roles,omitempty"`
	Enterprise        *Enterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitempty"`

	// Only the rfc profile has these.
	IMs              []Value `json:"ims,omitempty"`
	Photos           []Value `json:"photos,omitempty"`
	Entitlements     []Value `json:"entitlements,omitempty"`
	X509Certificates []Value `json:"x509Certificates,omitempty"`

	Meta Meta `json:"meta,omitzero"`
}

// Name is the name of a user.
type Name struct {
	Formatted       string `json:"formatted,omitempty"`
	FamilyName      string `json:"familyName,omitempty"`
	GivenName       string `json:"givenName,omitempty"`
	MiddleName      string `json:"middleName,omitempty"`
	HonorificPrefix string `json:"honorificPrefix,omitempty"`
	HonorificSuffix string `json:"honorificSuffix,omitempty"`
}

// Value is one value of a multi-valued attribute.
type Value struct {
	Value   string `json:"value,omitempty"`
	Display string `json:"display,omitempty"`
	Type    string `json:"type,omitempty"`
	Primary bool   `json:"primary,omitempty"`
}

// Address is a postal address.
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"streetAddress,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	PostalCode    string `json:"postalCode,omitempty"`
	Country       string `json:"country,omitempty"`
	Type          string `json:"type,omitempty"`
	Primary       bool   `json:"primary,omitempty"`
}

// Enterprise is the enterprise extension.
type Enterprise struct {
	EmployeeNumber string   `json:"employeeNumber,omitempty"`
	CostCenter     string   `json:"costCenter,omitempty"`
	Organization   string   `json:"organization,omitempty"`
	Division       string   `json:"division,omitempty"`
	Department     string   `json:"department,omitempty"`
	Manager        *Manager `json:"manager,omitempty"`
}

// Manager is a reference to the manager of a user.
type Manager struct {
	Value string `json:"value,omitempty"`
	Ref   string `json:"$ref,omitempty"`
}

// Meta holds the times of an object's creation and last change.
type Meta struct {
	Created      time.Time `json:"created,omitzero"`
	LastModified time.Time `json:"lastModified,omitzero"`
}

func (m Meta) validate() error {
	return cmp.Or(validateTime("created", m.Created), validateTime("lastModified", m.LastModified))
}

func (m Meta) withDefaults(now time.Time) Meta {
	return Meta{cmp.Or(m.Created, now), cmp.Or(m.LastModified, now)}
}

// Group is a group with its members.
type Group struct {
	ID          string `json:"id,omitempty"`
	ExternalID  string `json:"externalId,omitempty"`
	DisplayName string `json:"displayName"`
	// Members are ids of users. Load and PutGroup also accept userNames.
	Members []string `json:"members"`
	Meta    Meta     `json:"meta,omitzero"`
}

// User returns the user with this userName.
func (st State) User(userName string) (User, bool) {
	i := slices.IndexFunc(st.Users, func(u User) bool { return u.UserName == userName })
	if i < 0 {
		return User{}, false
	}
	return st.Users[i], true
}

// Group returns the group with this displayName.
func (st State) Group(displayName string) (Group, bool) {
	i := slices.IndexFunc(st.Groups, func(g Group) bool { return g.DisplayName == displayName })
	if i < 0 {
		return Group{}, false
	}
	return st.Groups[i], true
}

// MemberNames returns the userNames of a group's members, sorted. It returns nil if there is no
// group with this displayName.
func (st State) MemberNames(displayName string) []string {
	g, ok := st.Group(displayName)
	if !ok {
		return nil
	}
	byID := make(map[string]string, len(st.Users))
	for _, u := range st.Users {
		byID[u.ID] = u.UserName
	}
	names := make([]string, 0, len(g.Members))
	for _, id := range g.Members {
		names = append(names, byID[id])
	}
	slices.Sort(names)
	return names
}

// State returns a copy of the directory.
func (s *Server) State() State {
	s.init()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := State{Users: []User{}, Groups: []Group{}}
	for u := range s.dir.userOrder.after(0) {
		st.Users = append(st.Users, s.exportUser(u))
	}
	for g := range s.dir.groupOrder.after(0) {
		st.Groups = append(st.Groups, s.exportGroup(g))
	}
	slices.SortStableFunc(st.Users, func(a, b User) int { return cmp.Compare(a.UserName, b.UserName) })
	slices.SortStableFunc(st.Groups, func(a, b Group) int { return cmp.Compare(a.DisplayName, b.DisplayName) })
	return st
}

// exportUser converts a user by way of its JSON, which has the same names as that of User. A test
// compares the two.
func (s *Server) exportUser(u *user) User {
	b := appendObject(nil, u.attrs, viewStored)
	out := User{}
	if err := json.Unmarshal(b, &out); err != nil { // impossible while the test passes
		out = User{UserName: u.attrs.getString(s.rules.user.userName)}
	}
	out.ID = u.id
	out.Meta = Meta{u.created.UTC(), u.modified.UTC()}
	return out
}

func (s *Server) exportGroup(g *group) Group {
	t := s.rules.group
	out := Group{
		ID: g.id, ExternalID: g.attrs.getString(t.externalID), DisplayName: g.attrs.getString(t.displayName),
		Members: memberIDs(g), Meta: Meta{g.created.UTC(), g.modified.UTC()},
	}
	slices.Sort(out.Members)
	return out
}

// userObject converts a User. It does not check the service's constraints, because objects that
// were not created through SCIM need not meet them.
func (s *Server) userObject(u User) (object, error) {
	if u.UserName == "" {
		return nil, errors.New("the user has no userName")
	}
	u.ID, u.Meta = "", Meta{}
	b, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	return s.decodeStored(s.rules.user, b)
}

// decodeStored decodes the stored JSON of an object.
func (s *Server) decodeStored(t *resourceType, b []byte) (object, error) {
	doc, err := parseDocument(b)
	if err != nil {
		return nil, err
	}
	d := &decoder{rules: s.rules, lenient: true}
	return d.resource(t, doc)
}

// groupObject converts a Group without its members. Like userObject, it checks no constraints.
func (s *Server) groupObject(g Group) (object, error) {
	if g.DisplayName == "" {
		return nil, errors.New("the group has no displayName")
	}
	t := s.rules.group
	o := object{}.with(t.displayName, g.DisplayName)
	if g.ExternalID != "" {
		o = o.with(t.externalID, g.ExternalID)
	}
	return o, nil
}

// Load replaces the directory with st. It generates missing ids. Members are ids or userNames. If
// it fails, the directory is unchanged.
func (s *Server) Load(st State) error {
	s.init()
	d, err := s.buildDirectory(st)
	if err != nil {
		return fmt.Errorf("load state: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.changeLog.rewrite(s, d); err != nil {
		return fmt.Errorf("load state: %w", err)
	}
	s.dir = d
	if s.replica != nil {
		s.replica = &replica{dir: d.clone(s.rules), lag: s.replica.lag}
	}
	return nil
}

// buildDirectory returns a directory with the content of st.
func (s *Server) buildDirectory(st State) (*directory, error) {
	d := newDirectory(s.rules)
	now := s.clock.now()
	for _, u := range st.Users {
		o, err := s.userObject(u)
		if err == nil {
			err = u.Meta.validate()
		}
		if err == nil {
			err = asExistError(s.rules.checkUserUnique(d, o, ""))
		}
		if err == nil && d.users[u.ID] != nil {
			err = fmt.Errorf("id %s: %w", u.ID, fs.ErrExist)
		}
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", u.UserName, err)
		}
		meta := u.Meta.withDefaults(now)
		d.apply(change{
			kind: changePutUser, id: s.idOrNew(u.ID), attrs: o, at: meta.LastModified, created: meta.Created,
		})
	}
	for _, g := range st.Groups {
		if err := s.buildGroup(d, g, now); err != nil {
			return nil, fmt.Errorf("group %s: %w", g.DisplayName, err)
		}
	}
	return d, nil
}

func (s *Server) buildGroup(d *directory, g Group, now time.Time) error {
	o, err := s.groupObject(g)
	if err == nil {
		err = g.Meta.validate()
	}
	if err != nil {
		return err
	}
	if err := asExistError(s.rules.checkGroupUnique(d, o, "")); err != nil {
		return err
	}
	if d.groups[g.ID] != nil {
		return fmt.Errorf("id %s: %w", g.ID, fs.ErrExist)
	}
	members, err := resolveMembers(d, g)
	if err != nil {
		return err
	}
	id, meta := s.idOrNew(g.ID), g.Meta.withDefaults(now)
	d.apply(change{kind: changePutGroup, id: id, attrs: o, at: meta.LastModified, created: meta.Created})
	d.apply(change{kind: changeAddMembers, id: id, at: meta.LastModified, members: members})
	return nil
}
