package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// person returns the declaration of a user.
func person(key, first, last string) string {
	return fmt.Sprintf("users: %q: {userId: \"id-%[1]s\", firstName: %q, lastName: %q, email: \"%[1]s@example.com\"}\n",
		key, first, last)
}

// formerNames are the cases of TestFormerUsersAndGroupsAreFoundByEachName. An element of commits is
// the file of a commit.
var formerNames = []struct {
	name, kind, word string
	commits          []string
	key, problem     string // the key that is found, or a part of the error
	removed          int    // the commit that removed the declaration, from 1; 0: it is declared
	note             string
}{
	{"a leaver by first and last name", "user", "Zoë Núñez",
		[]string{person("z", "Zoë", "Núñez") + person("a", "Ann", "Lee"), person("a", "Ann", "Lee")}, "z", "", 2, ""},
	{"a leaver by name in another case", "user", "ZOË nÚñez",
		[]string{person("z", "Zoë", "Núñez"), ""}, "z", "", 2, ""},
	{"a leaver by name with separate accents", "user", "Zoe\u0308 Nu\u0301n\u0303ez",
		[]string{person("z", "Zoë", "Núñez"), ""}, "z", "", 2, ""},
	{"a leaver whose file has separate accents", "user", "zoë núñez",
		[]string{person("z", "Zoe\u0308", "Nu\u0301n\u0303ez"), ""}, "z", "", 2, ""},
	{"a leaver whose file escapes the accents", "user", "zoë núñez",
		[]string{`users: z: {userId: "z", firstName: "Zo\u00eb", lastName: "N\u00fa\u00f1ez", email: "z@example.com"}`,
			""}, "z", "", 2, ""},
	{"a leaver with several given names", "user", "anna maria van der berg",
		[]string{person("m", "Anna Maria", "van der Berg"), ""}, "m", "", 2, ""},
	{"a leaver by email in another case", "user", "Z@EXAMPLE.com",
		[]string{person("z", "Zoë", "N"), ""}, "z", "", 2, ""},
	{"a leaver by userId in another case", "user", "ID-Z", []string{person("z", "Zoë", "N"), ""}, "z", "", 2, ""},
	{"a leaver while others with each of the names come", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), person("b", "Ann", "Poe") + person("c", "Bob", "Lee")}, "a", "", 2, ""},
	{"two leavers with one name", "user", "ann lee",
		[]string{person("a", "Ann", "Lee") + person("b", "Ann", "Lee"), person("b", "Ann", "Lee"), ""},
		"", `"ann lee" names several: "a", "b"; use a key`, 0, ""},
	{"two leavers with one name in one commit", "user", "Ann Lee",
		[]string{person("a", "Ann", "Lee") + person("b", "Ann", "Lee"), ""},
		"", `"Ann Lee" names several: "a", "b"; use a key`, 0, ""},
	{"one of two leavers with one name, by key", "user", "b",
		[]string{person("a", "Ann", "Lee") + person("b", "Ann", "Lee"), ""}, "b", "", 2, ""},
	{"a declared user with exactly the name of a leaver", "user", "Ann Lee",
		[]string{person("a", "Ann", "Lee") + person("b", "Ann", "Lee"), person("b", "Ann", "Lee")}, "b", "", 0, ""},
	{"a declared user and a leaver with the name in another case", "user", "ann lee",
		[]string{person("a", "Ann", "Lee") + person("b", "Ann", "Lee"), person("b", "Ann", "Lee")},
		"", `"ann lee" names several: "a", "b"; use a key`, 0, ""},
	{"a declared user with the name of a leaver, by email in another case", "user", "B@example.com",
		[]string{person("a", "Ann", "Lee") + person("b", "Ann", "Lee"), person("b", "Ann", "Lee")}, "b", "", 0, ""},
	{"a leaver who returned", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), "", person("a", "Ann", "Lee")}, "a", "", 0, ""},
	{"a leaver who left twice", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), "", person("a", "Ann", "Lee"), ""}, "a", "", 4, ""},
	{"a leaver by a name from before a change of name", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), person("a", "Ann", "Poe"), ""}, "a", "", 3, ""},
	{"a declared user by a name from before a change of name", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), person("a", "Ann", "Poe")}, "a", "", 0,
		`"ann lee" was a name of user "a" until`},
	{"a key that is that of another person now", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), "", person("a", "Bob", "Poe")}, "a", "", 0,
		`"ann lee" was a name of user "a" until`},
	{"a user with another key who then left", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), person("b", "Ann", "Lee") + "users: b: previously: a: {}\n", ""},
		"b", "", 3, ""},
	{"a leaver whom a commit removed that is not valid", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), "users: 7\n", person("b", "Bob", "Poe")}, "a", "", 2, ""},
	{"a leaver whom a commit after one that is not valid removed", "user", "ann lee",
		[]string{person("a", "Ann", "Lee"), person("a", "Ann", "Lee") + "users: 7\n", person("b", "Bob", "Poe")},
		"a", "", 3, ""},
	{"a user who moved to another file position", "user", "ann lee",
		[]string{person("a", "Ann", "Lee") + person("b", "Bob", "Poe"),
			person("b", "Bob", "Poe") + person("a", "Ann", "Lee")}, "a", "", 0, ""},
	{"a similar name of a declared user", "user", "anne lee",
		[]string{person("a", "Ann", "Lee")}, "", `did you mean "Ann Lee", a name of user "a"?`, 0, ""},
	{"a part of the name of a leaver", "user", "ann", []string{person("a", "Ann", "Lee"), ""},
		"", "the whole history was searched", 0, ""},
	{"a removed group by displayName in another case", "group", "break GLASS",
		[]string{"groups: g: displayName: \"Break Glass\"\n", ""}, "g", "", 2, ""},
	{"a removed group by displayName with a separate accent", "group", "zu\u0308rich",
		[]string{"groups: g: displayName: \"Zürich\"\n", ""}, "g", "", 2, ""},
	{"two removed groups with one displayName", "group", "ops",
		[]string{"groups: g: displayName: \"Ops\"\n", "groups: h: displayName: \"Ops\"\n", ""},
		"", `"ops" names several: "g", "h"; use a key`, 0, ""},
	{"a declared group and a removed one with the displayName in another case", "group", "teamx",
		[]string{"groups: g: displayName: \"TeamX\"\n", "", "groups: h: displayName: \"TeamX\"\n"},
		"", `"teamx" names several: "g", "h"; use a key`, 0, ""},
	{"a declared group with exactly the displayName of a removed one", "group", "TeamX",
		[]string{"groups: g: displayName: \"TeamX\"\n", "", "groups: h: displayName: \"TeamX\"\n"}, "h", "", 0, ""},
}

// Each user and group that a real repository ever declared is found by each of its names, and never
// another one.
func TestFormerUsersAndGroupsAreFoundByEachName(t *testing.T) {
	for _, tt := range formerNames {
		t.Run(tt.name, func(t *testing.T) {
			h := &history{t, t.TempDir()}
			h.git("init", "-q", "-b", "main")
			var ids []string
			for n, text := range tt.commits {
				ids = append(ids, h.commit("people.cue", fmt.Sprintf("// commit %d\n%s", n+1, text)))
			}
			s, err := findAtHead(t, h, ExplainRequest{Kind: tt.kind, Name: tt.word})
			if tt.problem != "" {
				isKnown := errors.Is(err, explain.ErrAmbiguous) || errors.Is(err, fs.ErrNotExist)
				if !isKnown || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("%q, %v; want the error %s", s.key, err, tt.problem)
				}
				return
			}
			if err != nil || s.key != tt.key || (s.former != nil) != (tt.removed > 0) {
				t.Fatalf("%q, %+v, %v; want %q", s.key, s.former, err, tt.key)
			}
			if s.former != nil && s.former.Removed.ID != ids[tt.removed-1] {
				t.Errorf("removed by %s; want commit %d of %q", s.former.Removed.ID, tt.removed, ids)
			}
			if !strings.Contains(s.note, tt.note) || tt.note == "" && s.note != "" {
				t.Errorf("the note is %q; want %q", s.note, tt.note)
			}
		})
	}
}

// findAtHead returns what a request names at the newest commit of a repository.
func findAtHead(t *testing.T, h *history, request ExplainRequest) (explainSubject, error) {
	t.Helper()
	repo, err := gitrepo.Open(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repo.Close() }()
	source := &Source{repo: repo}
	head := h.git("rev-parse", "HEAD")
	decls, err := source.Declarations(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	e := explainer{source: source, declarations: decls, commit: reconcile.CommitRef{ID: head},
		now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	return e.find(t.Context(), request, nil)
}

// The lines that two versions of a file have in common do not change the answer.
func TestCommonLinesDoNotChangeTheComparisonOfAName(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	words := []string{"ann", "lee", "Ann", `\u0041nn`, "Zo\u00e9", "zoe\u0301", "x", `{"firstName": "Ann"`,
		`"lastName": "Lee"}`}
	line := func() string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(words[r.IntN(len(words))] + " ")
		}
		return b.String() + strings.Repeat("-", r.IntN(300)) + "\n"
	}
	for round := range 300 {
		var before []string
		for range 1 + r.IntN(200) {
			before = append(before, line())
		}
		after := slices.Clone(before)
		for range r.IntN(4) {
			at := r.IntN(len(after) + 1)
			after = slices.Replace(after, at, min(len(after), at+r.IntN(2)), line())
		}
		for _, word := range []string{"ann", "Ann Lee", "zoé"} {
			text := newNameText("user", word)
			a, b := []byte(strings.Join(before, "")), []byte(strings.Join(after, ""))
			got, want := nameChange{around: map[string]int{}}, nameChange{around: map[string]int{}}
			text.compare(a, b, &got)
			for occurrence := range text.occurrences(a) {
				want.add(occurrence, 1)
			}
			for occurrence := range text.occurrences(b) {
				want.add(occurrence, -1)
			}
			if got.balance != want.balance || got.movesOrReplaces() != want.movesOrReplaces() {
				t.Fatalf("round %d, %q: got %d, %t; want %d, %t", round, word, got.balance, got.movesOrReplaces(),
					want.balance, want.movesOrReplaces())
			}
		}
	}
	big := bytes.Repeat([]byte(strings.Repeat("a", 99)+"\n"), 10_000)
	a, b := differingLines(big, append(slices.Clone(big), "more\n"...))
	if most := 4 * contextBytes; len(a) > most || len(b) > most {
		t.Errorf("%d and %d bytes of a large file are compared, want at most %d", len(a), len(b), most)
	}
}
