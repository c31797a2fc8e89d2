package observe

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"unsafe"

	"github.com/seed-d64a251c/roster/reconcile"
)

// directoryOf returns a directory of n users in a group, as a file has it.
func directoryOf(t *testing.T, n int) []byte {
	t.Helper()
	c := emptyCache("x")
	for i := range n {
		id, name := fmt.Sprint("id-", i), fmt.Sprintf("user%d@example.com", i)
		c.Observed.Users = append(c.Observed.Users, reconcile.RemoteUser{ID: id, Attributes: reconcile.Attributes{
			{Path: "active", Value: "true"}, {Path: "emails.value", Value: name}, {Path: "userName", Value: name}}})
		c.Observed.Members["g"] = append(c.Observed.Members["g"], id)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decodeDirectory(t *testing.T, text []byte) *CachedDirectory {
	t.Helper()
	c := &CachedDirectory{}
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACompactDirectoryHasTheSameContent(t *testing.T) {
	text := directoryOf(t, 3000)
	plain, compact := decodeDirectory(t, text), decodeDirectory(t, text)
	compact.Compact()
	if !reflect.DeepEqual(plain, compact) {
		t.Error("the contents differ")
	}
}

func TestACompactDirectorySharesItsStrings(t *testing.T) {
	c := decodeDirectory(t, directoryOf(t, 3000))
	c.Compact()
	texts := map[*byte]bool{}
	add := func(s string) { texts[unsafe.StringData(s)] = true }
	for _, u := range c.Observed.Users {
		add(u.ID)
		for _, a := range u.Attributes {
			add(a.Path)
			add(a.Value)
		}
		if len(u.Attributes) != cap(u.Attributes) {
			t.Fatalf("the list of %d attributes has a capacity of %d", len(u.Attributes), cap(u.Attributes))
		}
	}
	for _, id := range c.Observed.Members["g"] {
		add(id)
	}
	// Of each user the id and the name, which is the address too; three paths, and "true".
	if want := 2*3000 + 3 + 1; len(texts) != want {
		t.Errorf("the directory has %d strings, want %d", len(texts), want)
	}
}
