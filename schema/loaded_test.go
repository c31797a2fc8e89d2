package schema

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// editDates changes, adds or removes a line or a date of a file with a record on each line.
func editDates(r *rand.Rand, text string) string {
	lines := strings.SplitAfter(strings.TrimSpace(text), "\n")
	i := r.IntN(len(lines))
	switch r.IntN(6) {
	case 0:
		return strings.Join(slices.Delete(lines, i, i+1), "")
	case 1:
		lines[i] = regexp.MustCompile(`, "validUntil": "[0-9-]*"|\{"until": "[0-9-]*"\}`).ReplaceAllStringFunc(lines[i],
			func(s string) string { return map[bool]string{true: "{}"}[strings.HasPrefix(s, "{")] })
	case 2:
		date := fmt.Sprintf(`"ACTIVE", "validUntil": "2027-01-%02d"`, 1+r.IntN(9))
		lines[i] = strings.Replace(lines[i], `"ACTIVE"`, date, 1)
	case 3:
		lines[i] = strings.Replace(lines[i], `": {}`, fmt.Sprintf(`": {"until": "2027-02-%02d"}`, 1+r.IntN(9)), 1)
	case 4:
		prefix := []string{"p-", "P-", "old-"}[r.IntN(3)]
		old := fmt.Sprintf(`"ACTIVE", "previously": {"%s%06d": {}}`, prefix, r.IntN(60))
		lines[i] = strings.Replace(lines[i], `"ACTIVE"`, old, 1)
	case 5:
		lines[i] = strings.Replace(lines[i], `"firstName": "`, `"firstName": "x`, 1)
	}
	return strings.Join(lines, "")
}

// TestACacheKnowsWhatChangedAndWhatHasDates edits lines and dates at random, and compares what the
// Cache knows with a visit of all records.
func TestACacheKnowsWhatChangedAndWhatHasDates(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	tree := schematest.Organization{Users: 60, Groups: 10, Members: 4, Format: "jsonl", PerFile: 20}.Tree()
	var names []string
	for name := range tree.MapFS {
		if strings.HasSuffix(name, ".jsonl") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var cache Cache
	last := mustLoad(t, &cache, tree)
	known, dated, renamed := 0, 0, 0
	for range 160 {
		name := names[r.IntN(len(names))]
		before := tree.Text(name)
		tree.Write(name, editDates(r, before))
		d, err := cache.Load(tree)
		want, wantErr := Load(tree)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("the Cache finds\n%v\nLoad finds\n%v", err, wantErr)
		}
		if err != nil { // such as a member who is not declared
			tree.Write(name, before)
			continue
		}
		if !reflect.DeepEqual(d.Users, want.Users) || !reflect.DeepEqual(d.Groups, want.Groups) {
			t.Fatalf("the Cache has other users or groups than Load after an edit of %s:\n%s", name, tree.Text(name))
		}
		checkLoaded(t, d, last)
		if d.loaded.before == last.loaded.id {
			known++
		}
		dated += len(d.loaded.datedUsers) + len(d.loaded.datedGroups)
		for _, u := range d.Users {
			renamed += min(1, len(u.Previously))
		}
		last = d
	}
	if known < 40 || renamed < 40 || dated < 300 {
		t.Errorf("%d changes were known, of declarations with %d dates and %d earlier keys in total", known, dated,
			renamed)
	}
}

func TestTheChangesOfALoadFollowTheEdit(t *testing.T) {
	for _, users := range []int{300, 3000} {
		o := schematest.Organization{Users: users, Groups: users / 10, Members: 20, Format: "jsonl", PerFile: 100}
		tree := o.Tree()
		var cache Cache
		before := mustLoad(t, &cache, tree)
		editUser(o, tree, 42, "Changed")
		d := mustLoad(t, &cache, tree)
		if changes := d.ChangedSince(before); !slices.Equal(changes.Users, []string{schematest.UserKey(42)}) ||
			len(changes.Groups) > 0 || d.loaded.before != before.loaded.id {
			t.Errorf("one of %d users was edited; the changes are %v", users, changes)
		}
		kept := 0
		for key, u := range d.Users {
			if before.Users[key] == u {
				kept++
			}
		}
		if kept != users-1 {
			t.Errorf("%d of %d users were kept", kept, users)
		}
	}
}
