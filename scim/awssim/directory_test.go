package awssim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// inconsistencies describes where the indexes of the directory disagree.
func (d *directory) inconsistencies() []string {
	var out []string
	report := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	users := slices.Collect(d.userOrder.after(0))
	groups := slices.Collect(d.groupOrder.after(0))
	if len(users) != len(d.users) || len(groups) != len(d.groups) {
		report("%d of %d users and %d of %d groups are in order", len(users), len(d.users), len(groups), len(d.groups))
	}
	if !slices.IsSortedFunc(users, bySequence) || !slices.IsSortedFunc(groups, bySequence) {
		report("the users or the groups are not sorted")
	}
	for _, u := range users {
		if d.users[u.id] != u {
			report("user %s is not found by id", u.id)
		}
		if !slices.IsSortedFunc(u.groups, bySequence) {
			report("the groups of user %s are not sorted", u.id)
		}
		for _, g := range u.groups {
			if d.groups[g.id] != g || !slices.Contains(g.members, u) {
				report("user %s has the group %s, which does not have the user", u.id, g.id)
			}
		}
	}
	for _, g := range groups {
		if d.groups[g.id] != g {
			report("group %s is not found by id", g.id)
		}
		if !slices.IsSortedFunc(g.members, bySequence) {
			report("the members of group %s are not sorted", g.id)
		}
		for _, u := range g.members {
			if d.users[u.id] != u || !g.has(u) || !slices.Contains(u.groups, g) {
				report("group %s has the member %s, which does not have the group", g.id, u.id)
			}
		}
	}
	for _, x := range d.userIndexes() {
		out = append(out, x.inconsistencies(users)...)
	}
	for _, x := range d.groupIndexes() {
		out = append(out, x.inconsistencies(groups)...)
	}
	return out
}

// inconsistencies describes where the index disagrees with the objects of the directory.
func (x *index[T]) inconsistencies(objects []T) []string {
	var out []string
	keys := 0
	for _, v := range objects {
		id, attrs := v.identity()
		text := x.text(attrs)
		if text == "" {
			continue
		}
		keys++
		if !slices.Contains(slices.Collect(x.all(text)), v) {
			out = append(out, fmt.Sprintf("%s is not found by its %s %q", id, x.label, text))
		}
	}
	if n := x.size(); n != keys {
		out = append(out, fmt.Sprintf("the index of %s has %d entries, want %d", x.label, n, keys))
	}
	return out
}

// size returns the number of entries.
func (x *index[T]) size() int {
	n := len(x.first)
	for _, list := range x.more {
		n += len(list)
	}
	return n
}

// machine sends random calls to a server and applies them to a model, which consists of maps.
type machine struct {
	s      *Server
	users  map[string]string          // id: userName
	groups map[string]map[string]bool // id: ids of members
}

func (m *machine) call(t *rapid.T, method, path, body string) (int, map[string]any) {
	r := httptest.NewRequestWithContext(t.Context(), method, m.s.Path()+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+m.s.Token())
	r.Header.Set("User-Agent", "test")
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	w := httptest.NewRecorder()
	m.s.ServeHTTP(w, r)
	var out map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return w.Code, out
}

func (m *machine) createUser(t *rapid.T) {
	name := rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "name")
	taken := slices.Contains(slices.Collect(maps.Values(m.users)), name)
	code, out := m.call(t, "POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":%q,"externalId":%q,`+
		`"name":{"givenName":"g","familyName":"f"},"displayName":"d"}`, urnUser, name, name))
	switch {
	case taken && code != 409, !taken && code != 201:
		t.Fatalf("create %s, taken %v: %d", name, taken, code)
	case code == 201:
		m.users[out["id"].(string)] = name
	}
}

func (m *machine) renameUser(t *rapid.T) {
	id := m.someUser(t)
	name := rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "name")
	taken := false
	for other, have := range m.users {
		taken = taken || have == name && other != id
	}
	code, _ := m.call(t, "PATCH", "/Users/"+id, patchBody(`{"op":"replace","path":"userName","value":"`+name+`"}`,
		`{"op":"replace","path":"externalId","value":"`+name+`"}`))
	if want := map[bool]int{true: 409, false: 200}[taken]; code != want {
		t.Fatalf("rename to %s: %d, want %d", name, code, want)
	}
	if !taken {
		m.users[id] = name
	}
}

func (m *machine) deleteUser(t *rapid.T) {
	id := m.someUser(t)
	if code, _ := m.call(t, "DELETE", "/Users/"+id, ""); code != 204 {
		t.Fatalf("delete: %d", code)
	}
	delete(m.users, id)
	for _, members := range m.groups {
		delete(members, id)
	}
}

func (m *machine) createGroup(t *rapid.T) {
	if len(m.groups) > 3 {
		t.Skip("enough groups")
	}
	ids := m.someUsers(t)
	code, out := m.call(t, "POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":%s}`,
		urnGroup, m.s.random.uuid(), memberList(ids)))
	if code != 201 {
		t.Fatalf("create group: %d", code)
	}
	set := map[string]bool{}
	for _, id := range ids {
		set[id] = true
	}
	m.groups[out["id"].(string)] = set
}

func (m *machine) deleteGroup(t *rapid.T) {
	id := m.someGroup(t)
	if code, _ := m.call(t, "DELETE", "/Groups/"+id, ""); code != 204 {
		t.Fatalf("delete group: %d", code)
	}
	delete(m.groups, id)
}

func (m *machine) changeMembers(t *rapid.T) {
	id := m.someGroup(t)
	add, remove := m.someUsers(t), m.someUsers(t)
	if len(add) == 0 || len(remove) == 0 {
		t.Skip("no users")
	}
	ops := []string{`{"op":"add","path":"members","value":` + memberList(add) + `}`}
	if m.s.Profile == ProfileRFC {
		for _, u := range remove {
			if m.groups[id][u] || slices.Contains(add, u) {
				ops = append(ops, `{"op":"remove","path":"members[value eq \"`+u+`\"]"}`)
			}
		}
	} else {
		ops = append(ops, `{"op":"remove","path":"members","value":`+memberList(remove)+`}`)
	}
	next := maps.Clone(m.groups[id])
	for _, u := range add {
		next[u] = true
	}
	for _, u := range remove {
		delete(next, u)
	}
	code, _ := m.call(t, "PATCH", "/Groups/"+id, patchBody(ops...))
	if code >= 300 {
		t.Fatalf("change members: %d", code)
	}
	m.groups[id] = next
}

func patchBody(ops ...string) string {
	return `{"schemas":["` + urnPatch + `"],"Operations":[` + strings.Join(ops, ",") + `]}`
}

func memberList(ids []string) string {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"value":%q}`, id))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (m *machine) someUser(t *rapid.T) string {
	if len(m.users) == 0 {
		t.Skip("no users")
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.users))).Draw(t, "user")
}

func (m *machine) someUsers(t *rapid.T) []string {
	if len(m.users) == 0 {
		return nil
	}
	list := rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(m.users))), 0, 5).Draw(t, "users")
	slices.Sort(list)
	return slices.Compact(list)
}

func (m *machine) someGroup(t *rapid.T) string {
	if len(m.groups) == 0 {
		t.Skip("no group")
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.groups))).Draw(t, "group")
}

// listing reads all pages of a listing and returns the ids.
func (m *machine) listing(t *rapid.T, path, filter string) []string {
	count := rapid.IntRange(1, 4).Draw(t, "count")
	var ids []string
	cursor := ""
	for {
		q := url.Values{"cursor": {cursor}, "count": {fmt.Sprint(count)}}
		if filter != "" {
			q.Set("filter", filter)
		}
		code, out := m.call(t, "GET", path+"?"+q.Encode(), "")
		if code != 200 {
			t.Fatalf("list %s %s: %d", path, filter, code)
		}
		for _, r := range out["Resources"].([]any) {
			ids = append(ids, r.(map[string]any)["id"].(string))
		}
		if cursor, _ = out["nextCursor"].(string); cursor == "" {
			slices.Sort(ids)
			return ids
		}
	}
}

func (m *machine) check(t *rapid.T) {
	if found := m.s.dir.inconsistencies(); found != nil {
		t.Fatal(strings.Join(found, "\n"))
	}
	if got, want := m.listing(t, "/Users", ""), slices.Sorted(maps.Keys(m.users)); !slices.Equal(got, want) {
		t.Fatalf("users %v, want %v", got, want)
	}
	if got, want := m.listing(t, "/Groups", ""), slices.Sorted(maps.Keys(m.groups)); !slices.Equal(got, want) {
		t.Fatalf("groups %v, want %v", got, want)
	}
	for id, members := range m.groups {
		got, want := m.listing(t, "/Users", `groups.value eq "`+id+`"`), slices.Sorted(maps.Keys(members))
		if !slices.Equal(got, want) {
			t.Fatalf("members %v, want %v", got, want)
		}
	}
	for id, name := range m.users {
		var want []string
		for g, members := range m.groups {
			if members[id] {
				want = append(want, g)
			}
		}
		slices.Sort(want)
		if got := m.listing(t, "/Groups", `members.value eq "`+id+`"`); !slices.Equal(got, want) {
			t.Fatalf("groups of %s: %v, want %v", name, got, want)
		}
		if got := m.listing(t, "/Users", `userName eq "`+name+`"`); !slices.Equal(got, []string{id}) {
			t.Fatalf("%s is found as %v", name, got)
		}
	}
}

// TestAgainstAModel compares the directory with the model after random calls.
func TestAgainstAModel(t *testing.T) {
	for _, profile := range []Profile{ProfileAWS, ProfileRFC} {
		t.Run(profile.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := &machine{
					s: &Server{Profile: profile, Tokens: []Token{{Secret: "secret"}},
						Options: Options{Throttle: Throttle{Unlimited: true}, RemoveAllMembers: true, Seed: 1}},
					users: map[string]string{}, groups: map[string]map[string]bool{},
				}
				m.s.init()
				t.Repeat(map[string]func(*rapid.T){
					"create user": m.createUser, "rename user": m.renameUser, "delete user": m.deleteUser,
					"create group": m.createGroup, "delete group": m.deleteGroup, "change members": m.changeMembers,
					"": m.check,
				})
			})
		})
	}
}

// TestConcurrentCalls runs reads, writes, management and faults concurrently, for the race detector
// and the indexes.
func TestConcurrentCalls(t *testing.T) {
	s := &Server{
		Tenant: "t", Tokens: []Token{{Secret: "secret"}}, Options: Options{Throttle: Throttle{Unlimited: true}},
	}
	if err := s.Open(t.TempDir() + "/directory"); err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, s.Path()+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("User-Agent", "test")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	team, err := s.PutGroup(Group{DisplayName: "team"})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 25 {
				name := fmt.Sprintf("user-%d-%d", worker, i)
				id, err := s.PutUser(User{UserName: name})
				if err != nil {
					t.Error(err)
				}
				add := patchBody(`{"op":"add","path":"members","value":` + memberList([]string{id}) + `}`)
				steps := []int{
					send("PATCH", "/Groups/"+team, add),
					send("GET", "/Users?cursor&count=7", ""),
					send("GET", "/Users?cursor&filter="+url.QueryEscape(`groups.value eq "`+team+`"`), ""),
				}
				if i%2 == 0 {
					steps = append(steps, send("DELETE", "/Users/"+id, ""))
				}
				for _, code := range steps {
					if code >= 300 {
						t.Errorf("status %d", code)
					}
				}
				s.State()
				s.Calls()
				if err := s.Inject(Fault{Name: FaultStale, Times: 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if found := s.dir.inconsistencies(); found != nil {
		t.Error(strings.Join(found, "\n"))
	}
	if n := len(s.State().MemberNames("team")); n != 4*12 {
		t.Errorf("%d members, want 48", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
