package explainindex

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// organization declares users with attributes, dates and earlier keys, and groups with members,
// rules and includes, at random. mapping is a line of the mapping.
func organization(t *testing.T, r *rand.Rand, users int, mapping string) *schema.Declarations {
	t.Helper()
	var b strings.Builder
	b.WriteString(`package roster
attributeTypes: {team: {type: "string"}, level: {type: "int"}, sites: {type: "strings"}, pay: {type: "bool",
	redact: true}}
apps: app: displayName: "AWS"
mappings: m: {user: #User, scim: {` + schematest.SCIM + `
	` + mapping + `
}}
provisioners: {
	a: {app: "app", mapping: "m", endpoint: "http://127.0.0.1:8740/t0/scim/v2", auth: token: {env: "ROSTER_SECRET_A"}
		groups: ["g0", "g1"], timezone: "Europe/Berlin"}
	b: {app: "app", mapping: "m", endpoint: "http://127.0.0.1:8740/t1/scim/v2", auth: token: {env: "ROSTER_SECRET_B"}
		paused: {reason: "moving", until: "2027-01-01"}}
}
`)
	for u := range users {
		fmt.Fprintf(&b, "users: \"U-%d\": {userId: \"n%[1]d\", firstName: \"N\u00e9\", lastName: \"T%[1]d\", "+
			"email: \"N%[1]d@example.com\"\n"+
			"attributes: {team: \"t%d\", level: %d, sites: [\"BER\"], pay: true}\n", u, r.IntN(3), r.IntN(3))
		switch r.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "validUntil: \"2026-11-%02d\"\n", 1+r.IntN(28))
		case 1:
			fmt.Fprintf(&b, "state: \"LOCKED\", previously: \"old-%d\": {}\n", u)
		}
		b.WriteString("}\n")
	}
	for g := range 6 {
		fmt.Fprintf(&b, "groups: g%d: {displayName: \"G%[1]d\"\n", g)
		for u := range users {
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, "members: \"U-%d\": {until: \"2026-11-%02d\", reason: \"cover\"}\n", u, 1+r.IntN(28))
			}
		}
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, "where: {team: \"t%d\", level: [1, 2]}\n", r.IntN(3))
		}
		if g < 5 && r.IntN(2) == 0 {
			fmt.Fprintf(&b, "include: g%d: {}\n", g+1)
		}
		b.WriteString("}\n")
	}
	d, err := schema.Load(fstest.MapFS{"a.cue": {Data: []byte(b.String())}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const noMore = `title: "T" + user.userId`

func write(t *testing.T, d *schema.Declarations) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, "id", []byte("key"), d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(data []byte) (*Index, error) {
	return Open(bytes.NewReader(data), int64(len(data)), "id", []byte("key"))
}

// explained returns the explanation of a user for each provisioner, from facts.
func explained(facts *explain.Declared, key string, now time.Time) []*explain.Explanation {
	var out []*explain.Explanation
	for _, name := range []string{"a", "b"} {
		out = append(out, explain.Explain(explain.Input{Kind: "user", Key: key, Declared: facts, Now: now,
			Provisioner: facts.Organization.Provisioners[name], Ledger: reconcile.NewLedger()}))
	}
	return out
}

// Explanations from the index are those from all declarations, on any date.
func TestAnIndexGivesTheSameExplanations(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := organization(t, r, 12, noMore)
		index, err := open(write(t, d))
		if err != nil {
			t.Fatal(err)
		}
		org := explain.OrganizationOf(d)
		commit := reconcile.CommitRef{ID: "abc"}
		for _, day := range []int{1, 10, 20, 30} {
			at := time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)
			for key := range d.Users {
				got, err := index.Declared(key, commit, at)
				if err != nil {
					t.Fatal(err)
				}
				want := explained(explain.DeclaredUser(d, org, key, commit, at), key, at)
				if have := explained(got, key, at); !reflect.DeepEqual(have, want) {
					t.Fatalf("seed %d, %s:\ngot  %+v\nwant %+v", seed, key, have[0], want[0])
				}
			}
		}
	}
}

// Names find the same keys in the index as in all declarations.
func TestAnIndexFindsTheSameNames(t *testing.T) {
	d := organization(t, rand.New(rand.NewPCG(3, 3)), 20, noMore)
	index, err := open(write(t, d))
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"nobody", "K"}
	for key, u := range d.Users {
		words = append(words, key, strings.ToLower(key), strings.ToUpper(u.Email), u.UserID, u.FirstName+" "+u.LastName,
			strings.ToLower(u.FirstName+" "+u.LastName), norm.NFD.String(u.FirstName+" "+u.LastName))
		words = append(words, u.Previously...)
	}
	for _, word := range words {
		named, err := index.Named(word)
		if err != nil {
			t.Fatal(err)
		}
		got, gotErr := explain.Find("user", word, named, nil, nil)
		want, wantErr := explain.Find("user", word, d, nil, nil)
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%q: got %q, %v; want %q, %v", word, got, gotErr, want, wantErr)
		}
	}
}

// A file with one changed byte, a cut one, and one of other declarations or of another key give an
// error or the same facts.
func TestADamagedOrForeignIndexChangesNoFact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	d := organization(t, r, 10, noMore)
	data := write(t, d)
	org, at := explain.OrganizationOf(d), time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	refused := 0
	check := func(what string, data []byte) {
		index, err := open(data)
		if err != nil {
			refused++
			return
		}
		for key := range d.Users {
			got, err := index.Declared(key, reconcile.CommitRef{}, at)
			want := explained(explain.DeclaredUser(d, org, key, reconcile.CommitRef{}, at), key, at)
			if err == nil && !reflect.DeepEqual(explained(got, key, at), want) {
				t.Errorf("%s: the facts of %s changed", what, key)
			}
		}
	}
	for range 300 {
		changed := bytes.Clone(data)
		i := r.IntN(len(changed))
		changed[i] ^= byte(1 + r.IntN(255))
		check(fmt.Sprintf("byte %d", i), changed)
	}
	for range 50 {
		check("cut", data[:r.IntN(len(data))])
	}
	if refused < 50 {
		t.Errorf("%d files were refused", refused)
	}
	for name, other := range map[string][2]string{"other declarations": {"other", "key"}, "another key": {"id",
		"other"}} {
		if _, err := Open(bytes.NewReader(data), int64(len(data)), other[0], []byte(other[1])); !errors.Is(err,
			errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The results of a mapping that reads groups change with the memberships, so there is no index.
func TestAMappingThatReadsGroupsHasNoIndex(t *testing.T) {
	d := organization(t, rand.New(rand.NewPCG(1, 1)), 3, `if len(user.groups) > 0 {title: "member"}`)
	if err := Write(&bytes.Buffer{}, "id", nil, d); !errors.Is(err, ErrNotIndexable) {
		t.Errorf("%v", err)
	}
}

// An index has hundreds of parts: they share the memory of one.
func TestWritingAnIndexAllocatesThePartsOnce(t *testing.T) {
	d := organization(t, rand.New(rand.NewPCG(1, 1)), 20, noMore)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Write(io.Discard, "id", []byte("key"), d); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if have, most := after.TotalAlloc-before.TotalAlloc, uint64(2<<20); have > most {
		t.Errorf("an index of 20 users allocates %d bytes, want at most %d", have, most)
	}
}

// Two names have a hash in common if explanations call them the same.
func TestNamesThatAreTheSameHaveAHashInCommon(t *testing.T) {
	for _, pair := range [][2]string{{"Ann", "aNN"}, {"K", "\u212a"}, {"\u017f", "S"}, {"stra\u00dfe", "STRASSE"},
		{"\u00e9", "\u00c9"}, {"Jos\u00e9 Ruiz", "JOSE\u0301 RUIZ"}, {"j\u030c", "J\u030c"}, {"\u01f0", "J\u030c"},
		{"", ""}, {"ab", "abc"}, {strings.Repeat("a", 100) + "x", strings.Repeat("A", 100) + "X"}} {
		a, b := nameHashes(nil, pair[0]), nameHashes(nil, pair[1])
		common := slices.ContainsFunc(a, func(hash uint64) bool { return slices.Contains(b, hash) })
		if want := schema.SameName(pair[0])(pair[1]); common != want && want {
			t.Errorf("%q and %q: hash in common %t, want %t", pair[0], pair[1], common, want)
		}
	}
	if a, b := nameHashes(nil, "ab"), nameHashes(nil, "abc"); a[0] == b[0] {
		t.Error("different names have the same hash")
	}
}

// FuzzNames looks for names that explanations call the same and that have no hash in common.
func FuzzNames(f *testing.F) {
	f.Add("Jos\u00e9", "JOSE\u0301")
	f.Add("\u01f0", "J\u030c")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, other := range []string{b, strings.ToUpper(a), strings.ToLower(a), norm.NFD.String(a),
			norm.NFC.String(a)} {
			if !schema.SameName(a)(other) {
				continue
			}
			hashes := nameHashes(nil, other)
			if !slices.ContainsFunc(nameHashes(nil, a), func(h uint64) bool { return slices.Contains(hashes, h) }) {
				t.Errorf("%q and %q have no hash in common", a, other)
			}
		}
	})
}
