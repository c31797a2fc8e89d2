package declaration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Membership has the members of each group at one moment: include is flattened, rules are applied,
// and ended memberships are omitted. It ignores the validity of users.
type Membership struct {
	Groups map[string][]GroupMember

	// declared are the users and groups; its maps are nil for an empty Membership.
	declared Principals
	At       time.Time // the moment
	// nextEnd is the earliest end of a declared membership after that moment; nil if there is none.
	nextEnd *Date

	dated sync.Mutex
	// undated are the declared and included members on any date of the groups for which Ended was
	// called.
	undated map[string][]GroupMember

	indexed sync.Once
	// users is computed on first use.
	users map[string][]string
}

// Group returns the members of a group, sorted by user key. The caller must not modify them.
func (m *Membership) Group(key string) []GroupMember { return m.Groups[key] }

// Ended returns the membership of a user that has ended: of several, the one that lasted longest.
// It returns false for a member, and for a user who was never one. It may be called concurrently.
func (m *Membership) Ended(group, user string) (GroupMember, bool) {
	if m.declared.Groups == nil {
		return GroupMember{}, false
	}
	if _, member := m.Member(group, user); member {
		return GroupMember{}, false
	}
	return findMember(m.onAnyDate(group), user)
}

// onAnyDate returns the members of a group on any date, without those that a rule selects: a rule
// has no end.
func (m *Membership) onAnyDate(group string) []GroupMember {
	m.dated.Lock()
	defer m.dated.Unlock()
	members, found := m.undated[group]
	if !found {
		f := &flattener{declared: m.declared, lasts: func(*Date) bool { return true }, done: map[string][]GroupMember{}}
		members = f.group(group)
		if m.undated == nil {
			m.undated = map[string][]GroupMember{}
		}
		m.undated[group] = members
	}
	return members
}

// Member returns the membership of a user; false if the user is not a member.
func (m *Membership) Member(group, user string) (GroupMember, bool) {
	return findMember(m.Groups[group], user)
}

// findMember finds a user among sorted members.
func findMember(members []GroupMember, user string) (GroupMember, bool) {
	i, found := slices.BinarySearchFunc(members, user,
		func(m GroupMember, key string) int { return strings.Compare(m.User, key) })
	if !found {
		return GroupMember{}, false
	}
	return members[i], true
}

// GroupsOf returns the keys of a user's groups, sorted. The caller must not modify them.
func (m *Membership) GroupsOf(user string) []string {
	m.indexed.Do(m.indexUsers)
	return m.users[user]
}

// indexUsers computes users from groups. All lists share one array.
func (m *Membership) indexUsers() {
	numbers := map[string]int32{}
	var counts []int32
	total := 0
	for _, members := range m.Groups {
		total += len(members)
		for i := range members {
			n, ok := numbers[members[i].User]
			if !ok {
				n = int32(len(counts))
				numbers[members[i].User] = n
				counts = append(counts, 0)
			}
			counts[n]++
		}
	}
	all := make([]string, total)
	lists := make([][]string, len(counts))
	for i, n := range counts {
		lists[i], all = all[:0:n], all[n:]
	}
	for _, key := range slices.Sorted(maps.Keys(m.Groups)) {
		for i := range m.Groups[key] {
			n := numbers[m.Groups[key][i].User]
			lists[n] = append(lists[n], key) // sorted, because the groups are
		}
	}
	m.users = make(map[string][]string, len(counts))
	for user, n := range numbers {
		m.users[user] = lists[n]
	}
}

// Membership returns the members of each group at now.
func (p Principals) Membership(now time.Time) *Membership {
	m := p.membership(func(until *Date) bool { return !until.Over(now) })
	m.At = now
	return m
}

// UndatedMembership returns the members of each group on any date.
func (p Principals) UndatedMembership() *Membership {
	return p.membership(func(*Date) bool { return true })
}

func (p Principals) membership(lasts func(*Date) bool) *Membership {
	f := &flattener{declared: p, lasts: lasts, done: make(map[string][]GroupMember, len(p.Groups))}
	f.applyRules(func(*Group) bool { return true })
	for key := range p.Groups {
		f.group(key)
	}
	return &Membership{Groups: f.done, declared: p, nextEnd: f.nextEnd}
}

// flattener computes the effective members of each group, after those of the groups that it
// includes.
type flattener struct {
	declared Principals
	lasts    func(*Date) bool
	// rules are the users that each group's rule selects, sorted.
	rules map[string][]string
	done  map[string][]GroupMember
	// nextEnd is the earliest end of the declared members so far who are members.
	nextEnd *Date
}

// applyRules applies the rules of some groups in one pass over the users.
func (f *flattener) applyRules(applies func(*Group) bool) {
	f.rules = map[string][]string{}
	var ruled []*Group
	for _, g := range f.declared.Groups {
		if g.Where != nil && applies(g) {
			ruled = append(ruled, g)
		}
	}
	if len(ruled) == 0 {
		return
	}
	selected := make([][]string, len(ruled))
	for _, key := range slices.Sorted(maps.Keys(f.declared.Users)) {
		u := f.declared.Users[key]
		for i, g := range ruled {
			if g.Where.Matches(u) {
				selected[i] = append(selected[i], key)
			}
		}
	}
	for i, g := range ruled {
		f.rules[g.Key] = selected[i]
	}
}

// group returns the members of a group. Load has rejected cycles, so an unfinished group has no
// members yet.
func (f *flattener) group(key string) []GroupMember {
	if have, ok := f.done[key]; ok {
		return have
	}
	f.done[key] = nil
	g := f.declared.Groups[key]
	if g == nil {
		return nil
	}
	n := len(g.Members) + len(f.rules[key])
	for nested := range g.Include {
		n += len(f.group(nested))
	}
	members := g.Members // shared, because most groups have only declared members
	if ended := f.findEnds(members); n > len(members) || ended {
		members = slices.DeleteFunc(append(make([]GroupMember, 0, n), members...), f.ended)
	}
	if n > len(g.Members) {
		members = f.indirect(g, members)
	}
	f.done[key] = members
	return members
}

// findEnds reports whether a membership has ended, and notes the earliest end of the others.
func (f *flattener) findEnds(members []GroupMember) (ended bool) {
	for i := range members {
		switch until := members[i].Until; {
		case until == nil:
		case !f.lasts(until):
			ended = true
		case f.nextEnd == nil || until.End.Before(f.nextEnd.End):
			f.nextEnd = until
		}
	}
	return ended
}

func (f *flattener) ended(m GroupMember) bool { return m.Until != nil && !f.lasts(m.Until) }

// indirect adds the members of the rule and of included groups. If a user is a member in several
// ways, the one that lasts longest counts, and of those the first in the order direct, rule,
// include.
func (f *flattener) indirect(g *Group, members []GroupMember) []GroupMember {
	for _, user := range f.rules[g.Key] {
		members = append(members, GroupMember{User: user, Pos: g.Where.Pos, Via: "where"})
	}
	for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
		via := fmt.Sprintf("include %q", nested)
		for _, e := range f.group(nested) {
			members = append(members, GroupMember{
				User: e.User, Pos: g.Include[nested], Via: via, Until: e.Until, Reason: e.Reason,
			})
		}
	}
	slices.SortStableFunc(members, func(a, b GroupMember) int { return strings.Compare(a.User, b.User) })
	out := members[:0]
	for _, e := range members {
		if n := len(out); n > 0 && out[n-1].User == e.User {
			if out[n-1].Until != nil && (e.Until == nil || e.Until.End.After(out[n-1].Until.End)) {
				out[n-1] = e
			}
			continue
		}
		out = append(out, e)
	}
	return out
}

// GroupsByDate returns the keys of a user's groups on each date. The receiver has the members on
// any date. The first element has all groups; in each of the others, more memberships have ended.
func (m *Membership) GroupsByDate(user string) [][]string {
	all := m.GroupsOf(user)
	sets := [][]string{all}
	var ends []time.Time
	until := make([]*Date, len(all))
	for i, group := range all {
		member, _ := m.Member(group, user)
		if until[i] = member.Until; until[i] != nil {
			ends = append(ends, until[i].End)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	for _, end := range slices.CompactFunc(ends, time.Time.Equal) {
		var groups []string
		for i, group := range all {
			if until[i] == nil || !until[i].Over(end) {
				groups = append(groups, group)
			}
		}
		sets = append(sets, groups)
	}
	return sets
}
