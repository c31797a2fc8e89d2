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

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// company is a directory of users and groups of a hundred members each, ten groups a user at the
// full size.
func company(users, groups int) awssim.State {
	var st awssim.State
	id := func(n, kind int) string {
		return fmt.Sprintf("%08x-0000-70%02d-0000-%012x", uint32(n)*2654435761, kind, n)
	}
	for i := range users {
		name := fmt.Sprintf("person%06d@example.com", i)
		st.Users = append(st.Users, awssim.User{
			ID: id(i, 1), ExternalID: fmt.Sprintf("u-%06d", i), UserName: name, DisplayName: "Given Family", Active: true, Title: "Engineer",
			Name: &awssim.Name{GivenName: "Given", FamilyName: "Family"}, Emails: []awssim.Value{{Value: name, Type: "work", Primary: true}},
			Enterprise: &awssim.Enterprise{Department: "Platform", EmployeeNumber: fmt.Sprint(i)},
		})
	}
	for g := range groups {
		group := awssim.Group{ID: id(g, 2), ExternalID: fmt.Sprintf("g-%05d", g), DisplayName: fmt.Sprintf("group-%05d", g)}
		for m := range 100 {
			group.Members = append(group.Members, id((g*97+m*991)%users, 1))
		}
		st.Groups = append(st.Groups, group)
	}
	return st
}

// kind is a kind of call, made on the company that bigServer has.
type kind struct {
	name         string
	method       string
	path         func(i int) string
	body         func(i int) string
	status       int
	otherwiseToo int
	crowd        bool // also measured with many callers
}

// bigServer is a server of 100,000 users, 10,000 groups and 1,000,000 memberships, and what can be
// asked of it.
func bigServer(b *testing.B) (*awssim.Server, []kind) {
	const users, groups = 100_000, 10_000
	st := company(users, groups)
	s := &awssim.Server{Tenant: "t", Tokens: []awssim.Token{{Secret: "secret"}}, Options: awssim.Options{Throttle: awssim.Throttle{Unlimited: true}, MaxUsers: 1 << 30, MaxGroups: 1 << 30}}
	if err := s.Load(st); err != nil {
		b.Fatal(err)
	}
	user := func(i int) string { return st.Users[i*7919%users].ID }
	group := func(i int) string { return st.Groups[i*7919%groups].ID }
	middle := cursorTo(b, s, 50)
	return s, []kind{
		{"GetUser", "GET", func(i int) string { return "/Users/" + user(i) }, nil, 200, 0, true},
		{"GetGroup", "GET", func(i int) string { return "/Groups/" + group(i) }, nil, 200, 0, false},
		{"ListUsers/page of 100", "GET", func(int) string { return "/Users" + query("cursor", middle) }, nil, 200, 0, true},
		{"ListGroups/page of 100", "GET", func(int) string { return "/Groups?cursor" }, nil, 200, 0, false},
		{"ListUsers/by userName", "GET", func(i int) string { return "/Users" + filter(`userName eq "`+st.Users[i%users].UserName+`"`) }, nil, 200, 0, true},
		{"ListUsers/members of a group", "GET", func(i int) string { return "/Users" + filter(`groups.value eq "`+group(i)+`"`) + "&cursor" }, nil, 200, 0, true},
		{"ListGroups/groups of a user", "GET", func(i int) string { return "/Groups" + filter(`members.value eq "`+user(i)+`"`) + "&cursor" }, nil, 200, 0, false},
		{"ListGroups/is a member", "GET", func(i int) string { return "/Groups" + filter(`id eq "`+group(i)+`" and members eq "`+user(i)+`"`) }, nil, 200, 0, false},
		{"PatchUser", "PATCH", func(i int) string { return "/Users/" + user(i) }, func(i int) string { return patch(fmt.Sprintf(`{"op":"replace","path":"title","value":"T%d"}`, i)) }, 200, 0, false},
		{"PutUser", "PUT", func(i int) string { return "/Users/" + st.Users[0].ID }, func(i int) string { return userJSON(fmt.Sprint("put", i)) }, 200, 0, false},
		{"PatchGroup/one member", "PATCH", func(i int) string { return "/Groups/" + group(i) }, func(i int) string { return patch(`{"op":"add","path":"members","value":` + values(user(i)) + `}`) }, 204, 0, false},
		{"PatchGroup/100 members", "PATCH", func(i int) string { return "/Groups/" + group(i) }, func(i int) string {
			var ids []string
			for m := range 100 {
				ids = append(ids, user(i*100+m))
			}
			return patch(`{"op":"add","path":"members","value":` + values(ids...) + `}`)
		}, 204, 0, true},
		{"CreateUser", "POST", func(int) string { return "/Users" }, func(i int) string { return userJSON(fmt.Sprint("new", i)) }, 201, 409, true},
		{"CreateGroup/100 members", "POST", func(int) string { return "/Groups" }, func(i int) string {
			var ids []string
			for m := range 100 {
				ids = append(ids, user(i*100+m))
			}
			return fmt.Sprintf(`{"displayName":"new%d","members":%s}`, i, values(ids...))
		}, 201, 409, false},
	}
}

// BenchmarkServer measures calls without a network.
func BenchmarkServer(b *testing.B) {
	before := heap()
	s, kinds := bigServer(b)
	held := heap() - before
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				body := ""
				if kind.body != nil {
					b.StopTimer()
					body = kind.body(i)
					b.StartTimer()
				}
				if code := serveOnce(s, kind.method, kind.path(i), body); code != kind.status && code != kind.otherwiseToo {
					b.Fatalf("status %d", code)
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

// BenchmarkThroughput makes calls over HTTP, so many at once, from this very process: what it
// reports is a lower bound.
func BenchmarkThroughput(b *testing.B) {
	s, kinds := bigServer(b)
	server := httptest.NewServer(s)
	defer server.Close()
	for _, atOnce := range []int{1, 5, 20} {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
		for _, kind := range kinds {
			if !kind.crowd {
				continue
			}
			b.Run(fmt.Sprintf("%d at once/%s", atOnce, kind.name), func(b *testing.B) {
				var next atomic.Int64
				var callers sync.WaitGroup
				for range atOnce {
					callers.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							if code, err := kind.send(client, server.URL+s.Path(), int(i)); err != nil || code != kind.status && code != kind.otherwiseToo {
								b.Errorf("status %d, %v", code, err)
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

func (k kind) send(client *http.Client, endpoint string, i int) (status int, err error) {
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

// BenchmarkOpen measures a restart from a file with the same directory.
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

func serveOnce(s *awssim.Server, method, path, body string) int {
	return record(s, method, path, body).Code
}

func record(s *awssim.Server, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, s.Path()+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("User-Agent", "bench")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// cursorTo walks n pages and returns the cursor that leads on.
func cursorTo(b *testing.B, s *awssim.Server, n int) string {
	cursor := ""
	for range n {
		_, rest, ok := strings.Cut(record(s, "GET", "/Users"+query("cursor", cursor), "").Body.String(), `"nextCursor":"`)
		if !ok {
			b.Fatal("there are no more pages")
		}
		cursor, _, _ = strings.Cut(rest, `"`)
	}
	return cursor
}
