package awssim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// company returns a directory with users and with groups of a hundred members each. At the full
// size each user is in ten groups.
func company(users, groups int) awssim.State {
	var st awssim.State
	id := func(n, kind int) string {
		return fmt.Sprintf("%08x-0000-70%02d-0000-%012x", uint32(n)*2654435761, kind, n)
	}
	for i := range users {
		name := fmt.Sprintf("person%06d@example.com", i)
		st.Users = append(st.Users, awssim.User{
			ID: id(i, 1), ExternalID: fmt.Sprintf("u-%06d", i), UserName: name, DisplayName: "Given Family",
			Active: true, Title: "Engineer", Name: &awssim.Name{GivenName: "Given", FamilyName: "Family"},
			Emails:     []awssim.Value{{Value: name, Type: "work", Primary: true}},
			Enterprise: &awssim.Enterprise{Department: "Platform", EmployeeNumber: fmt.Sprint(i)},
		})
	}
	for g := range groups {
		group := awssim.Group{
			ID: id(g, 2), ExternalID: fmt.Sprintf("g-%05d", g), DisplayName: fmt.Sprintf("group-%05d", g),
		}
		for m := range 100 {
			group.Members = append(group.Members, id((g*97+m*991)%users, 1))
		}
		st.Groups = append(st.Groups, group)
	}
	return st
}

// benchCall is a type of call to measure. path and body return those of the i-th call.
type benchCall struct {
	name       string
	method     string
	path       func(i int) string
	body       func(i int) string // nil means no body
	status     int
	altStatus  int  // also expected; 0 means none
	concurrent bool // measured with concurrent callers too
}

// expects reports whether a call may have the status.
func (k benchCall) expects(status int) bool { return status == k.status || status == k.altStatus }

// bigServer returns a server with 100,000 users, 10,000 groups and 1,000,000 memberships, and calls
// to it.
func bigServer(b *testing.B) (*awssim.Server, []benchCall) {
	st := company(100_000, 10_000)
	s := &awssim.Server{Tenant: "t", Tokens: []awssim.Token{{Secret: "secret"}}, Options: awssim.Options{
		Throttle: awssim.Throttle{Unlimited: true}, MaxUsers: 1 << 30, MaxGroups: 1 << 30,
		CursorLifetime: 24 * time.Hour, // the benchmarks use one cursor, also on a slow machine
	}}
	if err := s.Load(st); err != nil {
		b.Fatal(err)
	}
	user := func(i int) string { return st.Users[i*7919%len(st.Users)].ID }
	group := func(i int) string { return st.Groups[i*7919%len(st.Groups)].ID }
	middle := cursorTo(b, s, 50)
	return s, append(readCalls(st, user, group, middle), writeCalls(st, user, group)...)
}

func readCalls(st awssim.State, user, group func(int) string, middle string) []benchCall {
	byName := func(i int) string {
		return "/Users" + filter(`userName eq "`+st.Users[i%len(st.Users)].UserName+`"`)
	}
	members := func(i int) string { return "/Users" + filter(`groups.value eq "`+group(i)+`"`) + "&cursor" }
	groups := func(i int) string { return "/Groups" + filter(`members.value eq "`+user(i)+`"`) + "&cursor" }
	isMember := func(i int) string {
		return "/Groups" + filter(`id eq "`+group(i)+`" and members eq "`+user(i)+`"`)
	}
	page := func(int) string { return "/Users" + query("cursor", middle) }
	calls := []benchCall{
		{name: "GetUser", path: func(i int) string { return "/Users/" + user(i) }, concurrent: true},
		{name: "GetGroup", path: func(i int) string { return "/Groups/" + group(i) }},
		{name: "ListUsers/page of 100", path: page, concurrent: true},
		{name: "ListGroups/page of 100", path: func(int) string { return "/Groups?cursor" }},
		{name: "ListUsers/by userName", path: byName, concurrent: true},
		{name: "ListUsers/members of a group", path: members, concurrent: true},
		{name: "ListGroups/groups of a user", path: groups},
		{name: "ListGroups/is a member", path: isMember},
	}
	for i := range calls {
		calls[i].method, calls[i].status = "GET", 200
	}
	return calls
}

func writeCalls(st awssim.State, user, group func(int) string) []benchCall {
	path := func(p string) func(int) string { return func(int) string { return p } }
	userPath := func(i int) string { return "/Users/" + user(i) }
	groupPath := func(i int) string { return "/Groups/" + group(i) }
	hundred := func(i int) string {
		var ids []string
		for m := range 100 {
			ids = append(ids, user(i*100+m))
		}
		return values(ids...)
	}
	addMembers := func(list string) string { return patch(`{"op":"add","path":"members","value":` + list + `}`) }
	return []benchCall{
		{name: "PatchUser", method: "PATCH", path: userPath, status: 200, body: func(i int) string {
			return patch(fmt.Sprintf(`{"op":"replace","path":"title","value":"T%d"}`, i))
		}},
		{name: "PutUser", method: "PUT", path: path("/Users/" + st.Users[0].ID), status: 200, body: func(i int) string {
			return userJSON(fmt.Sprint("put", i))
		}},
		{name: "PatchGroup/one member", method: "PATCH", path: groupPath, status: 204, body: func(i int) string {
			return addMembers(values(user(i)))
		}},
		{name: "PatchGroup/100 members", method: "PATCH", path: groupPath, status: 204, body: func(i int) string {
			return addMembers(hundred(i))
		}, concurrent: true},
		{
			name: "CreateUser", method: "POST", path: path("/Users"), status: 201, altStatus: 409,
			body: func(i int) string { return userJSON(fmt.Sprint("new", i)) }, concurrent: true,
		},
		{
			name: "CreateGroup/100 members", method: "POST", path: path("/Groups"), status: 201, altStatus: 409,
			body: func(i int) string { return fmt.Sprintf(`{"displayName":"new%d","members":%s}`, i, hundred(i)) },
		},
	}
}

// BenchmarkServer measures calls without a network.
func BenchmarkServer(b *testing.B) {
	before := heap()
	s, calls := bigServer(b)
	held := heap() - before
	for _, call := range calls {
		b.Run(call.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				body := ""
				if call.body != nil {
					b.StopTimer()
					body = call.body(i)
					b.StartTimer()
				}
				if status := record(s, call.method, call.path(i), body).Code; !call.expects(status) {
					b.Fatalf("status %d", status)
				}
			}
		})
	}
	b.Run("State", func(b *testing.B) {
		for b.Loop() {
			s.State()
		}
	})
	b.Run("memory", func(b *testing.B) {
		for b.Loop() { // measured once, above
		}
		b.ReportMetric(float64(held)/1e6, "MB")
	})
}

// BenchmarkThroughput measures concurrent calls over HTTP. The callers run in this process, so the
// result is a lower bound.
func BenchmarkThroughput(b *testing.B) {
	s, calls := bigServer(b)
	server := httptest.NewServer(s)
	defer server.Close()
	for _, atOnce := range []int{1, 5, 20} {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
		for _, call := range calls {
			if !call.concurrent {
				continue
			}
			b.Run(fmt.Sprintf("%d at once/%s", atOnce, call.name), func(b *testing.B) {
				var next atomic.Int64
				var callers sync.WaitGroup
				for range atOnce {
					callers.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							status, err := call.send(client, server.URL+s.Path(), int(i))
							if err != nil || !call.expects(status) {
								b.Errorf("status %d, %v", status, err)
							}
						}
					})
				}
				callers.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			})
		}
	}
}

func (k benchCall) send(client *http.Client, endpoint string, i int) (status int, err error) {
	body := ""
	if k.body != nil {
		body = k.body(i)
	}
	r, err := http.NewRequest(k.method, endpoint+k.path(i), strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer secret")
	res, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// BenchmarkOpen measures a start with a file that holds the same directory.
func BenchmarkOpen(b *testing.B) {
	file := filepath.Join(b.TempDir(), "directory")
	s := &awssim.Server{}
	if err := s.Open(file); err != nil {
		b.Fatal(err)
	}
	if err := s.Load(company(100_000, 10_000)); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := &awssim.Server{}
		if err := s.Open(file); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// record makes a call without a network.
func record(s *awssim.Server, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, s.Path()+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("User-Agent", "bench")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// cursorTo reads n pages and returns the cursor of the next one.
func cursorTo(b *testing.B, s *awssim.Server, n int) string {
	cursor := ""
	for range n {
		page := record(s, "GET", "/Users"+query("cursor", cursor), "").Body.String()
		_, rest, ok := strings.Cut(page, `"nextCursor":"`)
		if !ok {
			b.Fatal("there is no further page")
		}
		cursor, _, _ = strings.Cut(rest, `"`)
	}
	return cursor
}
