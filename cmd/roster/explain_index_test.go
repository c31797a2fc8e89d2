package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// indexedOrg is a repository with enough users for an index. Its provisioner selects a small group,
// so that an apply is short.
func indexedOrg(t *testing.T) *explainOrg {
	o := newExplainOrg(t)
	var b strings.Builder
	fmt.Fprintf(&b, `package roster
apps: app: displayName: "AWS"
mappings: m: {user: #User, scim: {userName: user.userId + "@sign.in", displayName: user.userId,
	active: user.state == "ACTIVE"
	name: {givenName: user.firstName, familyName: user.lastName}}}
provisioners: aws: {app: "app", mapping: "m", enabled: true, endpoint: %q, auth: token: {env: "ROSTER_SECRET_AWS"}
	rate: {perSecond: 0, concurrency: 1}, groups: ["small"]}
groups: small: {displayName: "Small", members: {"p-3": {}, "p-4": {until: "2097-01-01"}, "p-5": {}}, include: other: {}}
groups: other: {displayName: "Other", where: emailDomain: "exmaple.com"}
`, o.sims["aws"].endpoint)
	for i := range 1100 {
		fmt.Fprintf(&b, "users: \"p-%d\": {userId: \"user%[1]d\", firstName: \"A\", lastName: \"B\u00e9%[1]d\", "+
			"email: \"u%[1]d@example.com\"}\n", i)
	}
	o.must(os.Mkdir(filepath.Join(o.work, "users"), 0o700))
	o.must(os.WriteFile(filepath.Join(o.work, "users", "other.jsonl"), []byte(`{"key": "other", "userId": "other", `+
		`"firstName": "O", "lastName": "O", "email": "other@example.com"}`), 0o600))
	o.write("org.cue", b.String())
	return o
}

// write writes a file of the repository, and commits and pushes it.
func (o *explainOrg) write(name, text string) {
	o.t.Helper()
	o.must(os.WriteFile(filepath.Join(o.work, name), []byte(text), 0o600))
	git(o.t, o.work, "add", "-A")
	git(o.t, o.work, "commit", "-q", "-m", "Change "+name)
	git(o.t, o.work, "push", "-q", "origin", "HEAD:main")
}

func (o *explainOrg) indexes() []string {
	files, err := filepath.Glob(filepath.Join(o.work, ".git", "roster", "explain", "*.index"))
	o.must(err)
	return files
}

func (o *explainOrg) ask(args ...string) string {
	o.t.Helper()
	out, errs, code := o.roster(append([]string{"explain", "-C", o.work, "--format", "json", "user"}, args...)...)
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.Contains(line, `"evaluatedAt"`) { // the time of the question
			kept = append(kept, line)
		}
	}
	return fmt.Sprintf("%d %s%s", code, strings.Join(kept, ""), errs)
}

// The index of a commit never changes an answer: it is missing, used, damaged, or of another
// commit.
func TestAnIndexNeverChangesAnExplanation(t *testing.T) {
	o := indexedOrg(t)
	o.apply("aws")
	o.write("more.cue", `package roster
users: "p-left": {userId: "left", firstName: "A", lastName: "B\u00c98", email: "left@example.com"}
users: namesake: {userId: "namesake", firstName: "A", lastName: "B\u00e99", email: "namesake@example.com"}
`)
	o.write("more.cue", `package roster
users: "p-3": state: "LOCKED"
users: "p-9": previously: "p-old": {}
users: namesake: {userId: "namesake", firstName: "A", lastName: "B\u00e99", email: "namesake@example.com"}
`)
	// Not declared, not in the scope of a provisioner, or a name of others in an earlier commit.
	loads := map[string]bool{"nobody": true, "p-left": true, "user700@sign.in": true, "a B\u00c98": true}
	questions := [][]string{{"p-3"}, {"P-4"}, {"U5@EXAMPLE.COM"}, {"user7"}, {"p-old"}, {"p-3", "--group", "other"},
		{"user4@sign.in"}, {"USER4@SIGN.IN"}, {"A B\u00e97"}, {"a b\u00c97"}, {"A Be\u03017"}, {"A B\u00e99"},
		{"a B\u00c98"}, {"user700@sign.in"}, {"nobody"}, {"p-left"}}
	aged := time.Now().Add(-time.Hour)
	id := strings.TrimSpace(git(t, o.work, "rev-parse", "HEAD:users/other.jsonl")) // needed to load everything
	blob := filepath.Join(o.work, ".git", "objects", id[:2], id[2:])
	for _, q := range questions {
		o.must(os.RemoveAll(filepath.Join(o.work, ".git", "roster", "explain")))
		want := o.ask(q...)
		files := o.indexes()
		if len(files) == 0 {
			t.Fatalf("%q left no index", q)
		}
		for _, f := range files {
			o.must(os.Chtimes(f, aged, aged))
		}
		before := identities(t, files)
		if got := o.ask(q...); got != want {
			t.Errorf("%q: with the index:\n%s\nwithout:\n%s", q, got, want)
		}
		if !slices.EqualFunc(identities(t, files), before, os.SameFile) {
			t.Errorf("%q: the index was written again", q)
		}
		o.must(os.Rename(blob, blob+".away"))
		if loaded := o.ask(q...) != want; loaded != loads[q[0]] {
			t.Errorf("%q: the declarations were loaded: %t, want %t", q, loaded, loads[q[0]])
		}
		o.must(os.Rename(blob+".away", blob))
		if !slices.ContainsFunc(files, func(f string) bool { return modified(t, f).After(aged.Add(time.Minute)) }) {
			t.Errorf("%q: the index was not used", q)
		}
		for _, f := range files {
			damage(t, f, func(data []byte) []byte {
				for i := 7; i < len(data); i += 97 {
					data[i] ^= 0x55
				}
				return data
			})
		}
		damaged := contents(t, files)
		if got := o.ask(q...); got != want {
			t.Errorf("%q: with a damaged index:\n%s\nwithout:\n%s", q, got, want)
		}
		if slices.EqualFunc(contents(t, files), damaged, bytes.Equal) { // a new file may have the old inode
			t.Errorf("%q: the damaged index was not written again", q)
		}
	}
	for n := range 5 {
		o.write("n.cue", fmt.Sprintf("package roster\nusers: \"p-1\": lastName: \"B\"\n// %d\n", n))
		o.ask("p-3")
	}
	files := o.indexes()
	if len(files) == 0 || len(files) > 4 {
		t.Errorf("%d indexes; want at most 4", len(files))
	}
	for _, f := range append(files, filepath.Dir(files[0])) {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may read it (%v, %v)", f, info.Mode(), err)
		}
	}
}

// A command that has loaded the declarations leaves the index, so that the first question does not
// load them. It does not write an index again that is there.
func TestPlanAndApplyLeaveAnIndex(t *testing.T) {
	o := indexedOrg(t)
	for _, command := range []string{"apply", "plan"} {
		o.must(os.RemoveAll(filepath.Join(o.work, ".git", "roster", "explain")))
		run := func() {
			if out, errs, code := o.roster(command, o.work); code != 0 {
				t.Fatalf("roster %s: %d\n%s%s", command, code, out, errs)
			}
		}
		run()
		files := o.indexes()
		if len(files) != 1 {
			t.Fatalf("roster %s left %d indexes; want 1", command, len(files))
		}
		aged := time.Now().Add(-time.Hour)
		o.must(os.Chtimes(files[0], aged, aged))
		run()
		if modified(t, files[0]).After(aged.Add(time.Minute)) {
			t.Errorf("roster %s wrote the index again", command)
		}
		o.ask("p-3")
		if have := o.indexes(); !slices.Equal(have, files) || !modified(t, files[0]).After(aged.Add(time.Minute)) {
			t.Errorf("the question after roster %s did not use its index (%v, want %v)", command, have, files)
		}
	}
	o.must(os.RemoveAll(filepath.Join(o.work, ".git", "roster", "explain")))
	o.must(os.WriteFile(filepath.Join(o.work, "n.cue"), []byte("package roster\n// not committed\n"), 0o600))
	if out, errs, code := o.roster("plan", o.work); code != 0 {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	if files := o.indexes(); len(files) != 0 {
		t.Errorf("files that are not committed left an index: %v", files)
	}
}

// contents returns the contents of files.
func contents(t *testing.T, files []string) (out [][]byte) {
	t.Helper()
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// identities returns the files of some names: an index that was written again is another file.
func identities(t *testing.T, names []string) (out []os.FileInfo) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, info)
	}
	return out
}

func modified(t *testing.T, name string) time.Time {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}
