package awssim

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
)

// mutateDirectly changes the directory without a protocol call. Such a change is not counted,
// throttled or affected by faults.
func (s *Server) mutateDirectly(operation string, f func(d *directory) error) error {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(s.dir); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// asExistError converts a conflict with another object into [fs.ErrExist].
func asExistError(err error) error {
	var p *problem
	if errors.As(err, &p) && p.status == http.StatusConflict {
		return fmt.Errorf("%s: %w", p.reason, fs.ErrExist)
	}
	return err
}

// PutUser creates or replaces a user directly, as the console or another API would, and returns its
// id. If u has no ID, PutUser generates one. It fails with [fs.ErrExist] if a name belongs to
// another user. It does not check the service's lengths and patterns.
func (s *Server) PutUser(u User) (id string, err error) {
	err = s.mutateDirectly("put user "+u.UserName, func(d *directory) error {
		o, err := s.userObject(u)
		if err := cmp.Or(err, u.Meta.validate()); err != nil {
			return err
		}
		if err := asExistError(s.rules.checkUserUnique(d, o, u.ID)); err != nil {
			return err
		}
		id = s.idOrNew(u.ID)
		meta := u.Meta.withDefaults(s.clock.now())
		return s.commit(change{
			kind: changePutUser, id: id, attrs: o, at: meta.LastModified, created: meta.Created,
		})
	})
	return id, err
}

func (s *Server) idOrNew(id string) string {
	if id != "" {
		return id
	}
	return s.random.id(s.Options.IDPrefix)
}

// DeleteUser deletes a user and its memberships directly. It fails with [fs.ErrNotExist] if the id
// is unknown.
func (s *Server) DeleteUser(id string) error {
	return s.mutateDirectly("delete user "+id, func(d *directory) error {
		if d.users[id] == nil {
			return fs.ErrNotExist
		}
		return s.commit(change{kind: changeDeleteUser, id: id, at: s.clock.now()})
	})
}

// PutGroup creates or replaces a group directly and returns its id. It replaces the members unless
// g.Members is nil.
func (s *Server) PutGroup(g Group) (id string, err error) {
	err = s.mutateDirectly("put group "+g.DisplayName, func(d *directory) error {
		o, err := s.groupObject(g)
		if err := cmp.Or(err, g.Meta.validate()); err != nil {
			return err
		}
		if err := asExistError(s.rules.checkGroupUnique(d, o, g.ID)); err != nil {
			return err
		}
		members, err := resolveMembers(d, g)
		if err != nil {
			return err
		}
		id = s.idOrNew(g.ID)
		meta := g.Meta.withDefaults(s.clock.now())
		at := meta.LastModified
		changes := []change{{kind: changePutGroup, id: id, attrs: o, at: at, created: meta.Created}}
		if current := d.groups[id]; current != nil && g.Members != nil && len(current.members) > 0 {
			changes = append(changes, change{kind: changeRemoveMembers, id: id, at: at, members: memberIDs(current)})
		}
		if len(members) > 0 {
			changes = append(changes, change{kind: changeAddMembers, id: id, at: at, members: members})
		}
		return s.commit(changes...)
	})
	return id, err
}

// resolveMembers returns the ids of the group's members, which are ids or userNames.
func resolveMembers(d *directory, g Group) ([]string, error) {
	var ids []string
	for _, name := range g.Members {
		id := ""
		if d.users[name] != nil {
			id = name
		}
		for u := range d.userNames.all(name) {
			if id == "" && u.attrs.getString(d.user.userName) == name {
				id = u.id
			}
		}
		if id == "" {
			return nil, &absentError{fmt.Sprintf("member %s of group %s", name, g.DisplayName)}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// DeleteGroup deletes a group directly. It fails with [fs.ErrNotExist] if the id is unknown.
func (s *Server) DeleteGroup(id string) error {
	return s.mutateDirectly("delete group "+id, func(d *directory) error {
		if d.groups[id] == nil {
			return fs.ErrNotExist
		}
		return s.commit(change{kind: changeDeleteGroup, id: id, at: s.clock.now()})
	})
}

// AddMember adds users to a group directly. It fails with [fs.ErrNotExist] if an id is unknown.
func (s *Server) AddMember(groupID string, userIDs ...string) error {
	return s.mutateDirectly("add members", func(d *directory) error {
		return s.changeMembers(d, changeAddMembers, groupID, userIDs)
	})
}

// RemoveMember removes users from a group directly. It fails with [fs.ErrNotExist] if an id is
// unknown, and ignores users that are not members.
func (s *Server) RemoveMember(groupID string, userIDs ...string) error {
	return s.mutateDirectly("remove members", func(d *directory) error {
		return s.changeMembers(d, changeRemoveMembers, groupID, userIDs)
	})
}

func (s *Server) changeMembers(d *directory, kind changeKind, groupID string, userIDs []string) error {
	if d.groups[groupID] == nil {
		return &absentError{"group " + groupID}
	}
	for _, id := range userIDs {
		if d.users[id] == nil {
			return &absentError{"user " + id}
		}
	}
	return s.commit(change{kind: kind, id: groupID, at: s.clock.now(), members: userIDs})
}
