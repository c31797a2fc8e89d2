package awssim

import (
	"iter"
	"strings"
)

// finder yields the objects of a listing in their order, from after the one with the given number.
type finder[T any] func(after uint64) iter.Seq[T]

// one is the finder of one object, or of none.
func one[T sequenced](v T, ok bool) finder[T] {
	return func(after uint64) iter.Seq[T] {
		return func(yield func(T) bool) {
			if ok && v.sequence() > after {
				yield(v)
			}
		}
	}
}

// clauses are the comparisons of a filter that AWS may understand: attribute eq "value", at most two, joined by and.
// The first is the one on id, if there is one.
func equalityClauses(f filter) ([]comparison, bool) {
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
		if _, text := c.value.(string); !text || c.op != "eq" {
			return nil, false
		}
	}
	return list, len(list) > 0
}

func badFilter(format string, args ...any) *problem {
	return invalid(scimTypeFilter, format, args...).says(detailFilter)
}

// shape is the attributes of a filter in order, such as "id and manager".
func attributeNames(list []comparison) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.path.String()
	}
	return strings.Join(names, " and ")
}

// text is the value of a clause that clauses has let through.
func (c comparison) text() string {
	s, _ := c.value.(string)
	return s
}

// findUsers makes the finder for a filter, "" for all users.
func (rules *rules) findUsers(d *directory, text string) (finder[*user], error) {
	if text == "" {
		return d.userOrder.after, nil
	}
	f, err := parseFilter(text, rules.exactNames)
	if err != nil {
		return nil, badFilter("filter: %v", err)
	}
	list, ok := equalityClauses(f)
	exact := !rules.opt.FilterIgnoresCase
	switch form := attributeNames(list); {
	case ok && form == "userName":
		return named(&d.userNames, d.user.userName, list[0].text(), exact && !rules.rfc), nil
	case ok && form == "externalId" && !rules.rfc:
		return named(&d.userExternalIDs, d.user.externalID, list[0].text(), exact), nil
	case ok && form == "id":
		u, found := d.users[list[0].text()]
		return one(u, found), nil
	case ok && form == "id and manager" && !rules.rfc:
		u, found := d.users[list[0].text()]
		return one(u, found && d.manager(u) == list[1].text()), nil
	case ok && form == "groups.value" && rules.memberFilters:
		g, found := d.groups[list[0].text()]
		if status := rules.opt.UnknownGroupStatus; !found && status >= 400 && !rules.rfc {
			return nil, &problem{status: status, detail: detailNotFound, reason: "filter: there is no group " + list[0].text()}
		}
		return func(after uint64) iter.Seq[*user] {
			if !found {
				return func(func(*user) bool) {}
			}
			return afterIn(g.members, after)
		}, nil
	case rules.rfc:
		return scan(d.userOrder.after, d.user, f, func(u *user, p attrPath) []any { return d.userValues(u, p) })
	}
	return nil, badFilter("filter: IAM Identity Center has no such filter on users: %s", text)
}

// findGroups makes the finder for a filter, "" for all groups.
func (rules *rules) findGroups(d *directory, text string) (finder[*group], error) {
	if text == "" {
		return d.groupOrder.after, nil
	}
	f, err := parseFilter(text, rules.exactNames)
	if err != nil {
		return nil, badFilter("filter: %v", err)
	}
	list, ok := equalityClauses(f)
	exact := !rules.opt.FilterIgnoresCase
	switch form := attributeNames(list); {
	case ok && form == "displayName" && !rules.rfc:
		return named(&d.groupNames, d.group.displayName, list[0].text(), exact), nil
	case ok && form == "externalId" && !rules.rfc:
		return named(&d.groupExternalIDs, d.group.externalID, list[0].text(), exact), nil
	case ok && form == "id":
		g, found := d.groups[list[0].text()]
		return one(g, found), nil
	case ok && form == "id and members" && !rules.rfc:
		g, found := d.groups[list[0].text()]
		u, known := d.users[list[1].text()]
		if !known {
			return nil, unknownResource("filter: there is no user %s", list[1].text())
		}
		return one(g, found && g.has(u)), nil
	case ok && form == "members.value" && rules.memberFilters:
		u, known := d.users[list[0].text()]
		if !known && !rules.rfc {
			return nil, unknownResource("filter: there is no user %s", list[0].text())
		}
		return func(after uint64) iter.Seq[*group] {
			if !known {
				return func(func(*group) bool) {}
			}
			return afterIn(u.groups, after)
		}, nil
	case rules.rfc:
		return scan(d.groupOrder.after, d.group, f, func(g *group, p attrPath) []any { return d.groupValues(g, p) })
	}
	return nil, badFilter("filter: IAM Identity Center has no such filter on groups: %s", text)
}

// manager is the id of the user's manager.
func (d *directory) manager(u *user) string {
	ext, _ := u.attrs.get(d.user.extension).(object)
	m, _ := ext.named("manager").(object)
	id, _ := m.named("value").(string)
	return id
}

// named is the finder of the objects that have the text at a; exact is whether case counts.
func named[T interface {
	attributed
	sequenced
}](x *index[T], a *attribute, text string, exact bool) finder[T] {
	var list []T
	for v := range x.all(fold(text)) {
		if _, attrs := v.key(); !exact || attrs.text(a) == text {
			list = insertAll(list, []T{v})
		}
	}
	return func(after uint64) iter.Seq[T] { return afterIn(list, after) }
}
