package awssim

import (
	"cmp"
	"fmt"
	"io/fs"
)

// behind makes changes that no client asked for: no counters, no throttle, no faults.
func (s *Server) mutateDirectly(what string, f func(d *directory) error) error {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(s.dir); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// exists turns the refusal of a name that is taken into [fs.ErrExist].
func asExistError(err error) error {
	if p, ok := err.(*problem); ok && p.status == 409 {
		return fmt.Errorf("%s: %w", p.reason, fs.ErrExist)
	}
	return err
}

// PutUser creates or overwrites a user behind the client's back, as the console or another API would, and returns the id.
// Without an ID it makes one. A name that is taken is [fs.ErrExist]. The service's lengths and patterns are not asked for.
func (s *Server) PutUser(u User) (id string, err error) {
	err = s.mutateDirectly("put user "+u.UserName, func(d *directory) error {
		o, err := s.userObject(u)
		if err != nil {
			return err
		}
		if err := asExistError(s.rules.checkUserUnique(d, o, u.ID)); err != nil {
			return err
		}
		id = s.idOrNew(u.ID)
		now := s.clock.now()
		return s.commit(change{
			kind: changePutUser, id: id, attrs: o, at: cmp.Or(u.Meta.LastModified, now), created: cmp.Or(u.Meta.Created, now),
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

// DeleteUser deletes a user and the memberships behind the client's back. An unknown id is [fs.ErrNotExist].
func (s *Server) DeleteUser(id string) error {
	return s.mutateDirectly("delete user "+id, func(d *directory) error {
		if d.users[id] == nil {
			return fs.ErrNotExist
		}
		return s.commit(change{kind: changeDeleteUser, id: id, at: s.clock.now()})
	})
}

// PutGroup creates or overwrites a group behind the client's back and returns the id. Members are set unless they are nil.
func (s *Server) PutGroup(g Group) (id string, err error) {
	err = s.mutateDirectly("put group "+g.DisplayName, func(d *directory) error {
		o := s.groupObject(g)
		if err := asExistError(s.rules.checkGroupUnique(d, o, g.ID)); err != nil {
			return err
		}
		members, err := s.resolveMembers(d, g)
		if err != nil {
			return err
		}
		id = s.idOrNew(g.ID)
		now := s.clock.now()
		put := change{
			kind: changePutGroup, id: id, attrs: o, at: cmp.Or(g.Meta.LastModified, now), created: cmp.Or(g.Meta.Created, now),
		}
		steps := []change{put}
		if was := d.groups[id]; was != nil && g.Members != nil && len(was.members) > 0 {
			steps = append(steps, change{kind: changeRemoveMembers, id: id, at: put.at, members: memberIDs(was)})
		}
		if len(members) > 0 {
			steps = append(steps, change{kind: changeAddMembers, id: id, at: put.at, members: members})
		}
		return s.commit(steps...)
	})
	return id, err
}

// resolveMembers finds the members that a group names by id or userName.
func (s *Server) resolveMembers(d *directory, g Group) ([]string, error) {
	var ids []string
	for _, name := range g.Members {
		id := ""
		if d.users[name] != nil {
			id = name
		}
		for u := range d.userNames.all(fold(name)) {
			if id == "" && u.attrs.text(d.user.userName) == name {
				id = u.id
			}
		}
		if id == "" {
			return nil, fmt.Errorf("member %s of group %s: %w", name, g.DisplayName, fs.ErrNotExist)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// DeleteGroup deletes a group behind the client's back. An unknown id is [fs.ErrNotExist].
func (s *Server) DeleteGroup(id string) error {
	return s.mutateDirectly("delete group "+id, func(d *directory) error {
		if d.groups[id] == nil {
			return fs.ErrNotExist
		}
		return s.commit(change{kind: changeDeleteGroup, id: id, at: s.clock.now()})
	})
}

// AddMember makes the users members of the group behind the client's back. An unknown id is [fs.ErrNotExist].
func (s *Server) AddMember(groupID string, userIDs ...string) error {
	return s.mutateDirectly("add members", func(d *directory) error { return s.changeMembers(d, changeAddMembers, groupID, userIDs) })
}

// RemoveMember ends memberships behind the client's back. An unknown id is [fs.ErrNotExist]; somebody who is no member is
// passed over.
func (s *Server) RemoveMember(groupID string, userIDs ...string) error {
	return s.mutateDirectly("remove members", func(d *directory) error { return s.changeMembers(d, changeRemoveMembers, groupID, userIDs) })
}

func (s *Server) changeMembers(d *directory, kind changeKind, groupID string, userIDs []string) error {
	if d.groups[groupID] == nil {
		return fmt.Errorf("group %s: %w", groupID, fs.ErrNotExist)
	}
	for _, id := range userIDs {
		if d.users[id] == nil {
			return fmt.Errorf("user %s: %w", id, fs.ErrNotExist)
		}
	}
	return s.commit(change{kind: kind, id: groupID, at: s.clock.now(), members: userIDs})
}
