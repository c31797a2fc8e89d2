package records

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
)

// hashedFS has the content of a file as its hash.
type hashedFS struct{ fstest.MapFS }

func (f hashedFS) Hash(name string) (string, error) {
	if file := f.MapFS[name]; file != nil {
		return string(file.Data), nil
	}
	return "", os.ErrNotExist
}

func newSchema(t testing.TB) *constraint.Schema {
	t.Helper()
	text, err := source.ReadSchema(os.DirFS("../../cue"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := constraint.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t testing.TB, files fstest.MapFS, c *Cache) *Records {
	t.Helper()
	fsys, limits := hashedFS{files}, source.StandardLimits()
	scanner := source.Scanner{FS: fsys, Limits: limits.FileLimits, Size: c.Size(fsys)}
	list, err := scanner.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := Read(Input{FS: fsys, Files: list, Limits: limits, Schema: newSchema(t), Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keys returns the keys of all records: those that were accepted, and those that were not.
func keys(r *Records) (accepted, others []string) {
	for key := range r.Users {
		accepted = append(accepted, "users "+key)
	}
	for key := range r.Groups {
		accepted = append(accepted, "groups "+key)
	}
	for kind, b := range r.Literals {
		for _, f := range b.Node.Fields {
			others = append(others, kind+" "+f.Name)
		}
	}
	slices.Sort(accepted)
	slices.Sort(others)
	return accepted, others
}

// line returns a record of a user, which may be invalid.
func line(key string, value int) string {
	return fmt.Sprintf(`{"key": %q, "userId": "u%s%d", "firstName": "F", "lastName": "L", "email": "%s%d@example.com"}`+
		"\n", key, key, value, key, value)
}

// readsAgree compares a Read after each of some edits with one that has no Cache. It returns the
// number of users whose value was kept from one Read to the next.
func readsAgree(t *testing.T, seed uint64) (kept int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	files, cache := fstest.MapFS{}, &Cache{}
	var last *Records
	for range 12 {
		var text strings.Builder
		for k := range 5 {
			if r.IntN(5) > 0 {
				text.WriteString(line(fmt.Sprint("k", k, "-", r.IntN(2)), r.IntN(3)))
			}
		}
		if r.IntN(4) == 0 {
			text.WriteString(`{"key": "k", "userId": 3}` + "\n")
		}
		name := fmt.Sprintf("users/%d.jsonl", r.IntN(3))
		files = maps.Clone(files)
		files[name] = &fstest.MapFile{Data: []byte(text.String())}
		have, want := read(t, files, cache), read(t, files, &Cache{})
		haveKeys, haveOthers := keys(have)
		wantKeys, wantOthers := keys(want)
		if !slices.Equal(haveKeys, wantKeys) || !slices.Equal(haveOthers, wantOthers) ||
			!reflect.DeepEqual(have.Users, want.Users) || !reflect.DeepEqual(have.Findings, want.Findings) {
			t.Fatalf("seed %d: with a cache\n%v %v %v\nwithout\n%v %v %v", seed, haveKeys, haveOthers, have.Findings,
				wantKeys, wantOthers, want.Findings)
		}
		if last != nil {
			kept += sameUsers(last.Users, have.Users)
			checkDiff(t, last, have)
		}
		last = have
	}
	return kept
}

func sameUsers(a, b map[string]*declaration.User) (n int) {
	for key, u := range a {
		if b[key] == u {
			n++
		}
	}
	return n
}

// checkDiff requires that the difference between two Reads leads from the one to the other.
func checkDiff(t *testing.T, last, now *Records) {
	t.Helper()
	if last.Index == nil || now.Index == nil || now.Index.Diff == nil || now.Index.Diff.From != last.Index.Users {
		return
	}
	users := maps.Clone(last.Users)
	for _, u := range now.Index.Diff.Removed {
		delete(users, u.Key)
	}
	for _, u := range now.Index.Diff.Added {
		users[u.Key] = u
	}
	if !maps.Equal(users, now.Users) {
		t.Fatalf("the difference leads to %v; want %v", users, now.Users)
	}
}

func TestAReadWithACacheHasTheRecordsOfANewRead(t *testing.T) {
	kept := 0
	for seed := range uint64(40) {
		kept += readsAgree(t, seed)
	}
	if kept == 0 {
		t.Error("no user was ever kept, which tests nothing")
	}
}

// FuzzReads compares Reads of random edits with Reads that have no Cache.
func FuzzReads(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { readsAgree(t, seed) })
}

func TestAcceptedAndOtherRecords(t *testing.T) {
	for _, row := range []struct {
		name            string
		files           map[string]string
		accepted, other string
	}{
		{"a valid user is accepted", map[string]string{"users/a.jsonl": line("a", 1)}, "users a", ""},
		{"an invalid user is not", map[string]string{"users/a.jsonl": `{"key": "a"}`}, "", "users a"},
		{
			"a user in two files is not",
			map[string]string{"users/a.jsonl": line("a", 1), "users/b.jsonl": line("a", 1)}, "", "users a",
		},
		{
			"a user that CUE extends is not",
			map[string]string{"users/a.jsonl": line("a", 1), "b.cue": "package roster\nusers: a: lastName: string\n"},
			"", "users a",
		},
		{
			"a user beside one that CUE declares is",
			map[string]string{
				"users/a.jsonl": line("a", 1), "b.cue": "package roster\nusers: b: lastName: \"x\" + \"y\"\n",
			},
			"users a", "",
		},
		{
			"members in another file are accepted with their group", map[string]string{
				"groups/g.yaml": "g: {displayName: G}\n", "groups/h.yaml": "g: {members: {a: {}}}\n",
			}, "groups g", "",
		},
		{
			"members without their group are not", map[string]string{"groups/h.yaml": "g: {members: {a: {}}}\n"}, "",
			"groups g",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range row.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			accepted, other := keys(read(t, files, &Cache{}))
			if strings.Join(accepted, ",") != row.accepted || strings.Join(other, ",") != row.other {
				t.Errorf("got %q and %q; want %q and %q", accepted, other, row.accepted, row.other)
			}
		})
	}
}
