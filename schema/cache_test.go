package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// loadResult returns the result of a Load in a comparable form, without mappings, which are
// functions.
func loadResult(t *testing.T, d *Declarations, err error) any {
	t.Helper()
	if d == nil {
		return err
	}
	c := *d
	c.Mappings, c.loaded = nil, nil
	out := []any{c}
	for _, key := range slices.Sorted(maps.Keys(d.Mappings)) {
		m := d.Mappings[key]
		out = append(out, m.Describe(nil))
	}
	return out
}

// editableWords are the words that a random edit replaces with another word of the same kind.
var editableWords = regexp.MustCompile(`p-0000\d\d|g-0000\d|user\d+|dept-\d|First\d+|ACTIVE|Group ` +
	`\d+|UTC|department|title|"int"|"string"|members|email\b`)

func randomWord(r *rand.Rand, like string) string {
	switch {
	case strings.HasPrefix(like, "p-"):
		return strings.Replace(schematest.UserKey(r.IntN(45)), "p", []string{"p", "p", "p", "P"}[r.IntN(4)], 1)
	case strings.HasPrefix(like, "g-"):
		return schematest.GroupKey(r.IntN(6))
	case strings.HasPrefix(like, "user"):
		return fmt.Sprintf("user%d", r.IntN(45))
	case strings.HasPrefix(like, "dept"):
		return fmt.Sprintf("dept-%d", r.IntN(99))
	case strings.HasPrefix(like, "First"):
		return []string{"Zoë", "Fi<rst", "First", ""}[r.IntN(4)]
	case strings.HasPrefix(like, "Group"):
		return fmt.Sprintf("Group %d", r.IntN(6))
	}
	others := []string{
		"ACTIVE", "LOCKED", "UTC", "Europe/Amsterdam", "department", "level", "nickName", `"int"`, `"string"`,
		"members", "userId",
	}
	return others[r.IntN(len(others))]
}

// edit changes one place of a text.
func edit(r *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	i := r.IntN(len(lines))
	switch places := editableWords.FindAllStringIndex(text, -1); {
	case len(places) > 0 && r.IntN(5) > 0:
		p := places[r.IntN(len(places))]
		return text[:p[0]] + randomWord(r, text[p[0]:p[1]]) + text[p[1]:]
	case r.IntN(2) == 0:
		return strings.Join(slices.Delete(lines, i, i+1), "")
	}
	return strings.Join(slices.Insert(lines, i, lines[i]), "")
}

// mixture returns a small organization in all formats. It has groups with members in two files, and
// a user with fields in two files.
func mixture() *schematest.Tree {
	all := schematest.Organization{Users: 10, Groups: 2, Members: 4, Format: "jsonl"}.Tree()
	for _, format := range []string{"csv", "yaml", "cue", "json"} {
		tree := schematest.Organization{Users: 40, Groups: 6, Members: 5, Format: format, PerFile: 10}.Tree()
		i := map[string]int{"csv": 1, "yaml": 2, "cue": 3, "json": 1}[format]
		names := []string{
			fmt.Sprintf("users/%04d.%s", i, format), fmt.Sprintf("groups/%04d.%s", i+1, format),
			fmt.Sprintf("groups/members/%04d.%s", i+1, format),
		}
		for _, name := range names {
			if tree.MapFS[name] != nil && !(format == "json" && strings.HasPrefix(name, "users/")) &&
				!(format == "json" && i == 1) {
				all.Write(name, tree.Text(name))
			}
		}
	}
	all.Write("zone.cue", "package roster\n\ntimezone: \"UTC\"\n")
	all.Write("groups/more.json", `{"g-00001": {"members": {"p-000100": {"until": "2026-12-31"}}}}`)
	all.Write("users/pieces.cue", "package roster\n\nusers: \"p-000100\": {userId: \"pieces\", firstName: \"A\", "+
		"lastName: \"B\"}\n")
	all.Write("users/pieces.yaml", "p-000100:\n  email: pieces@example.com\n")
	return all
}

// TestCacheAgreesWithLoad edits an organization at random. A Cache that has loaded all versions
// must return what a new Load returns, with and without the fast path.
func TestCacheAgreesWithLoad(t *testing.T) {
	noFastPath := source.StandardLimits()
	noFastPath.NoFastPath = true
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 1))
		tree := mixture()
		first := maps.Clone(tree.MapFS)
		names := slices.Sorted(maps.Keys(first))
		var cache Cache
		var last *Declarations
		invalid, valid, cached := 0, 0, 0
		for step := range 45 {
			name := names[r.IntN(len(names))]
			switch file := tree.MapFS[name]; {
			case step == 0:
			case file == nil || r.IntN(3) == 0:
				tree.Write(name, string(first[name].Data))
			case r.IntN(20) == 0:
				tree.Remove(name)
			default:
				tree.Write(name, edit(r, string(file.Data)))
			}
			if invalid > 2*valid {
				for name, file := range first {
					tree.Write(name, string(file.Data))
				}
			}
			d, err := cache.Load(tree)
			fresh, freshErr := Load(tree)
			slow, slowErr := load(t.Context(), tree, noFastPath, &Cache{}, Options{})
			if err == nil {
				valid++
				cached += checkMappedUsers(t, d)
				checkLoaded(t, d, last)
				last = d
			} else {
				invalid++
			}
			have := loadResult(t, d, err)
			if want := loadResult(t, fresh, freshErr); !reflect.DeepEqual(have, want) {
				t.Fatalf("seed %d, step %d, %s: the cache returns\n%v\nLoad returns\n%v", seed, step, name, have, want)
			}
			if want := loadResult(t, slow, slowErr); !reflect.DeepEqual(have, want) {
				t.Fatalf("seed %d, step %d, %s: the cache returns\n%v\nthe slow path returns\n%v", seed, step, name,
					have, want)
			}
		}
		if invalid == 0 || valid < 10 {
			t.Errorf("too few configurations: %d valid, %d invalid", valid, invalid)
		}
		if cached < valid*40 {
			t.Errorf("%d configurations with about 50 users each have only %d cached results", valid, cached)
		}
	}
}

// checkLoaded requires that what a Cache knows of declarations is what a visit of all records
// finds. earlier are the last valid declarations; nil if there are none.
func checkLoaded(t *testing.T, d, earlier *Declarations) {
	t.Helper()
	dated, all := maps.Collect(d.DatedUsers()), maps.Collect(only(d.Users, (*User).Dated))
	if !maps.Equal(dated, all) {
		t.Fatalf("the users with dates are %v; all %v", dated, all)
	}
	if have, want := maps.Collect(d.DatedGroups()), maps.Collect(only(d.Groups, (*Group).Dated)); !maps.Equal(have,
		want) {
		t.Fatalf("the groups with dates are %v; want %v", have, want)
	}
	if earlier == nil {
		return
	}
	have := d.ChangedSince(earlier)
	if users := changedKeys(earlier.Users, d.Users); !slices.Equal(have.Users, users) {
		t.Fatalf("the changed users are %v; want %v", have.Users, users)
	}
	if groups := changedKeys(earlier.Groups, d.Groups); !slices.Equal(have.Groups, groups) {
		t.Fatalf("the changed groups are %v; want %v", have.Groups, groups)
	}
}

// checkMappedUsers requires that the cached results of mappings equal new results. It returns the
// number of cached results.
func checkMappedUsers(t *testing.T, d *Declarations) (cached int) {
	t.Helper()
	for _, m := range d.Mappings {
		for _, u := range d.Users {
			have, err := m.Map(u, nil)
			again := *u
			want, wantErr := m.Map(&again, nil)
			if !reflect.DeepEqual(have, want) || err != nil || wantErr != nil {
				t.Fatalf("mapping %s, user %s: the cached result is\n%v, %v\nwant\n%v, %v", m.Key, u.Key, have, err,
					want, wantErr)
			}
			if same, _ := m.Map(u, nil); &same.Attributes[0] == &have.Attributes[0] {
				cached++
			}
			changed := *u
			if changed.State = Inactive; u.State == Inactive {
				changed.State = Active
			}
			if have, _ := m.Map(&changed, nil); reflect.DeepEqual(have, want) {
				t.Fatalf("mapping %s returns the cached result of %s for another state: %v", m.Key, u.Key, have)
			}
		}
	}
	return cached
}

// TestDeclarationsAreImmutableDuringLaterLoads maps the users of each Declarations while the Cache
// loads the next version. The race detector finds writes to shared data.
func TestDeclarationsAreImmutableDuringLaterLoads(t *testing.T) {
	o := schematest.Organization{Users: 60, Groups: 6, Members: 10, Format: "jsonl", PerFile: 10}
	tree := o.Tree()
	var c Cache
	var wait sync.WaitGroup
	var done atomic.Bool
	for i := range 4 {
		name := fmt.Sprintf("New%d", i)
		editUser(o, tree, i, name)
		d := mustLoad(t, &c, tree)
		wait.Go(func() {
			for first := true; first || !done.Load(); first = false {
				d.Membership(time.Now())
				for _, u := range d.Users {
					out, _ := d.Mappings["aws"].Map(u, nil)
					if got, _ := out.Attributes.Get("name.givenName"); got != u.FirstName {
						t.Errorf("%s is %q, want %q", u.Key, got, u.FirstName)
					}
				}
				if got := d.Users[schematest.UserKey(i)].FirstName; got != name {
					t.Errorf("user %d is %q, want %q", i, got, name)
				}
			}
		})
	}
	done.Store(true)
	wait.Wait()
}

// Declarations without users and groups stay so when the Cache loads the next version.
func TestEmptyDeclarationsAreImmutableDuringLaterLoads(t *testing.T) {
	var c Cache
	load := func(text string) *Declarations {
		d, err := c.Load(fstest.MapFS{"a.cue": {Data: []byte("package roster\n" + text)}})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	empty := load("")
	next := load(`users: z: {userId: "z", firstName: "A", lastName: "B", email: "z@example.com"}
groups: g: {displayName: "G", members: z: {}}
`)
	if len(next.Users) != 1 || len(next.Groups) != 1 || len(empty.Users) != 0 || len(empty.Groups) != 0 {
		t.Errorf("the next version has %d users and %d groups, the empty one %d and %d; want 1, 1, 0, 0",
			len(next.Users), len(next.Groups), len(empty.Users), len(empty.Groups))
	}
}

// TestMappingsThatReadGroupsCacheNoUsers: the groups of a user depend on the date.
func TestMappingsThatReadGroupsCacheNoUsers(t *testing.T) {
	tree := schematest.Organization{Users: 10, Groups: 1, Members: 5, Format: "jsonl"}.Tree()
	tree.Write("roster.cue", strings.Replace(tree.Text("roster.cue"), "title: user.attributes.department",
		`if list.Contains(user.groups, "everyone") {title: "All"}`, 1))
	tree.Write("roster.cue", strings.Replace(tree.Text("roster.cue"), "package roster\n", "package roster\n\nimport "+
		"\"list\"\n", 1))
	d := mustLoad(t, &Cache{}, tree)
	m, u := d.Mappings["aws"], d.Users[schematest.UserKey(3)]
	for _, c := range []struct {
		groups []string
		want   string
	}{{[]string{"everyone"}, "All"}, {nil, ""}} {
		out, err := m.Map(u, c.groups)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := out.Attributes.Get("title"); got != c.want {
			t.Errorf("in %v: the title is %q, want %q", c.groups, got, c.want)
		}
	}
}

func TestCacheReadsOnlyChangedFiles(t *testing.T) {
	for _, format := range []string{"jsonl", "json", "csv", "yaml", "cue"} {
		o := schematest.Organization{Users: 200, Groups: 20, Members: 10, Format: format, PerFile: 10}
		tree := o.Tree()
		var c Cache
		before := mustLoad(t, &c, tree)
		tree.Reads()
		editUser(o, tree, 42, "Zoe")
		after := mustLoad(t, &c, tree)
		if n := tree.Reads(); n != 2 { // the file, and the configuration that CUE evaluates
			t.Errorf("%s: %d files were read", format, n)
		}
		if u := after.Users[schematest.UserKey(42)]; u.FirstName != "Zoe" {
			t.Errorf("%s: the user is %q", format, u.FirstName)
		}
		if a, b := before.Users[schematest.UserKey(5)], after.Users[schematest.UserKey(5)]; a != b || a == nil {
			t.Errorf("%s: unchanged users were created again", format)
		}
	}
}

// plainTree has no hashes.
type plainTree struct{ tree *schematest.Tree }

func (t plainTree) Open(name string) (fs.File, error)    { return t.tree.Open(name) }
func (t plainTree) ReadFile(name string) ([]byte, error) { return t.tree.ReadFile(name) }

func TestCacheWithoutHashesReadsAllFiles(t *testing.T) {
	tree := schematest.Organization{Users: 20, Groups: 2, Members: 3, Format: "yaml"}.Tree()
	var c Cache
	for range 2 {
		if _, err := c.Load(plainTree{tree}); err != nil {
			t.Fatal(err)
		}
		if n := tree.Reads(); n < 3 {
			t.Errorf("%d files were read, want 3", n)
		}
	}
}

// loadRepeatedly loads an organization repeatedly, each time with one changed user. It returns the
// live heap after a quarter of the loads and at the end.
func loadRepeatedly(t testing.TB, o schematest.Organization, loads int) (early, late uint64) {
	tree := o.Tree()
	var c Cache
	for i := range loads {
		editUser(o, tree, i*37%o.Users, fmt.Sprintf("New%d", i))
		if i%10 == 9 { // sometimes a file is invalid
			tree.Write("users/wrong.yaml", fmt.Sprintf("p-%06d: {userId: x}\n", i))
			if _, err := c.Load(tree); err == nil {
				t.Fatal("a user without a name was accepted")
			}
			tree.Remove("users/wrong.yaml")
		}
		mustLoad(t, &c, tree)
		if i == loads/4 {
			early = liveHeap()
		}
	}
	late = liveHeap()
	runtime.KeepAlive(&c)
	return early, late
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestCacheDoesNotGrow(t *testing.T) {
	o := schematest.Organization{Users: 500, Groups: 20, Members: 20, Format: "yaml", PerFile: 50}
	early, late := loadRepeatedly(t, o, 80)
	if late > early+early/10+1<<20 {
		t.Errorf("the heap grew from %d to %d kB", early>>10, late>>10)
	}
}
