package awssim

import (
	"iter"
	"strings"
)

// finder yields the objects of a listing in their order, starting after the object with the given
// number.
type finder[T any] func(after uint64) iter.Seq[T]

// findOne returns the finder of a single object, or of none if it does not exist.
func findOne[T stored](v T, exists bool) finder[T] {
	return func(after uint64) iter.Seq[T] {
		return func(yield func(T) bool) {
			if exists && v.sequence() > after {
				yield(v)
			}
		}
	}
}

// findIn returns the finder of a sorted list.
func findIn[T stored](list []T) finder[T] {
	return func(after uint64) iter.Seq[T] { return afterIn(list, after) }
}

// finder returns the finder of the objects that have the string.
func (x *index[T]) finder(text string, caseSensitive bool) finder[T] {
	var list []T
	for v := range x.all(text) {
		if _, attrs := v.identity(); !caseSensitive || x.text(attrs) == text {
			list = insertAll(list, []T{v})
		}
	}
	return findIn(list)
}

// equalities returns the comparisons of a filter if it has a form that AWS may support: attribute
// eq "value", once or twice, joined by and. A comparison of id is the first.
func equalities(f filter) ([]comparison, bool) {
	var list []comparison
	switch f := f.(type) {
	case comparison:
		list = []comparison{f}
	case junction:
		left, okLeft := f.left.(comparison)
		right, okRight := f.right.(comparison)
		if f.or || !okLeft || !okRight {
			return nil, false
		}
		if right.path.String() == "id" {
			left, right = right, left
		}
		list = []comparison{left, right}
	}
	for _, c := range list {
		if _, isString := c.value.(string); !isString || c.op != "eq" {
			return nil, false
		}
	}
	return list, len(list) > 0
}

func badFilter(format string, args ...any) *problem {
	return invalid(scimTypeFilter, format, args...).withRecentDetail(detailFilter)
}

// attributeNames returns the attributes of comparisons in their order, such as "id and manager".
func attributeNames(list []comparison) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.path.String()
	}
	return strings.Join(names, " and ")
}

// text returns the value of a comparison that is one of equalities.
func (c comparison) text() string {
	s, _ := c.value.(string)
	return s
}

// findUsers returns the finder for a filter. The filter "" finds all users.
func (r *rules) findUsers(d *directory, text string) (finder[*user], error) {
	if text == "" {
		return d.userOrder.after, nil
	}
	f, err := parseFilter(text, r.caseSensitive)
	if err != nil {
		return nil, badFilter("filter: %v", err)
	}
	list, ok := equalities(f)
	caseSensitive := !r.opt.FilterIgnoresCase
	switch names := attributeNames(list); {
	case ok && names == "userName":
		return d.userNames.finder(list[0].text(), caseSensitive && !r.rfc), nil
	case ok && names == "externalId" && !r.rfc:
		return d.userExternalIDs.finder(list[0].text(), caseSensitive), nil
	case ok && names == "id":
		u, found := d.users[list[0].text()]
		return findOne(u, found), nil
	case ok && names == "id and manager" && !r.rfc:
		u, found := d.users[list[0].text()]
		return findOne(u, found && d.manager(u) == list[1].text()), nil
	case ok && names == "groups.value" && r.memberFilters:
		return r.findMembers(d, list[0].text())
	case r.rfc:
		return scan(d.userOrder.after, d.user, f, d.userValues)
	}
	return nil, badFilter("filter: IAM Identity Center does not support this filter on users: %s", text)
}

// findMembers returns the finder of the users in a group.
func (r *rules) findMembers(d *directory, groupID string) (finder[*user], error) {
	g, found := d.groups[groupID]
	if found {
		return findIn(g.members), nil
	}
	if status := r.opt.UnknownGroupStatus; status >= 400 && !r.rfc {
		return nil, &problem{status: status, detail: detailNotFound, reason: "filter: group " + groupID + " not found"}
	}
	return findIn[*user](nil), nil
}

// findGroups returns the finder for a filter. The filter "" finds all groups.
func (r *rules) findGroups(d *directory, text string) (finder[*group], error) {
	if text == "" {
		return d.groupOrder.after, nil
	}
	f, err := parseFilter(text, r.caseSensitive)
	if err != nil {
		return nil, badFilter("filter: %v", err)
	}
	list, ok := equalities(f)
	caseSensitive := !r.opt.FilterIgnoresCase
	switch names := attributeNames(list); {
	case ok && names == "displayName" && !r.rfc:
		return d.groupNames.finder(list[0].text(), caseSensitive), nil
	case ok && names == "externalId" && !r.rfc:
		return d.groupExternalIDs.finder(list[0].text(), caseSensitive), nil
	case ok && names == "id":
		g, found := d.groups[list[0].text()]
		return findOne(g, found), nil
	case ok && names == "id and members" && !r.rfc:
		g, found := d.groups[list[0].text()]
		u, known := d.users[list[1].text()]
		if !known {
			return nil, notFound("filter: user %s not found", list[1].text())
		}
		return findOne(g, found && g.has(u)), nil
	case ok && names == "members.value" && r.memberFilters:
		return r.findGroupsOf(d, list[0].text())
	case r.rfc:
		return scan(d.groupOrder.after, d.group, f, d.groupValues)
	}
	return nil, badFilter("filter: IAM Identity Center does not support this filter on groups: %s", text)
}

// findGroupsOf returns the finder of the groups of a user.
func (r *rules) findGroupsOf(d *directory, userID string) (finder[*group], error) {
	u, found := d.users[userID]
	switch {
	case found:
		return findIn(u.groups), nil
	case r.rfc:
		return findIn[*group](nil), nil
	}
	return nil, notFound("filter: user %s not found", userID)
}

// manager returns the id of the user's manager.
func (d *directory) manager(u *user) string {
	ext, _ := u.attrs.get(d.user.extension).(object)
	m, _ := ext.getByName("manager").(object)
	id, _ := m.getByName("value").(string)
	return id
}
