package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Find returns the key of the user or group that a word names. The word may be a key, an id in AWS
// or, without regard to case and to the form of Unicode, a userId, an email address, a desired
// userName, the first and last name of a person, or the displayName of a group. Users and groups
// that are no longer declared are found by key and id as long as a ledger has them, and renamed
// ones by their earlier keys. The error suggests a similar name; it is fs.ErrNotExist if nothing
// was found.
func Find(kind, word string, d *schema.Declarations, ledgers []*reconcile.Ledger,
	desired []*reconcile.Desired) (string, error) {
	n := &nameList{kind: kind, declarations: d, ledgers: ledgers, desired: desired}
	n.findReplaced()
	if n.has(word) {
		return word, nil
	}
	if key := n.keyOfID(word); key != "" {
		return key, nil
	}
	var found []string
	same := sameName(word)
	for key, names := range n.all() {
		if same(key) || slices.ContainsFunc(names, same) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	switch found = slices.Compact(found); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", n.notFound(word)
	}
	return "", fmt.Errorf("%q %w: %s; use a key", word, ErrAmbiguous, schema.QuoteList(found))
}

// sameName returns a function that reports whether a name is the word, without regard to case and
// to the form of Unicode in which an accent is written.
func sameName(word string) func(name string) bool {
	isASCII := func(text string) bool {
		return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	}
	folded, plain := schema.FoldName(word), isASCII(word)
	return func(name string) bool {
		if strings.EqualFold(name, word) {
			return true
		}
		return !plain && !isASCII(name) && schema.FoldName(name) == folded
	}
}

// ErrAmbiguous is the error for a word that names more than one user or group.
var ErrAmbiguous = errors.New("names several")

type notFoundError struct{ text string }

func (e *notFoundError) Error() string        { return e.text }
func (e *notFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// nameList has the names of all users or groups. It makes no copy of them, because there may be
// 100,000.
type nameList struct {
	kind         string
	declarations *schema.Declarations
	ledgers      []*reconcile.Ledger
	desired      []*reconcile.Desired
	replaced     map[string]bool // the earlier keys of declared objects, which are names of them
}

func (n *nameList) findReplaced() {
	n.replaced = map[string]bool{}
	if n.kind == "group" {
		for _, g := range n.declarations.Groups {
			for _, old := range g.Previously {
				n.replaced[old] = true
			}
		}
		return
	}
	for _, u := range n.declarations.Users {
		for _, old := range u.Previously {
			n.replaced[old] = true
		}
	}
}

// declared reports whether an object is declared.
func (n *nameList) declared(key string) bool {
	if n.kind == "group" {
		return n.declarations.Groups[key] != nil
	}
	return n.declarations.Users[key] != nil
}

// owned returns the entries of a ledger.
func (n *nameList) owned(l *reconcile.Ledger) map[string]reconcile.Owned {
	if n.kind == "group" {
		return l.Groups
	}
	return l.Users
}

// keyOfID returns the key of the object with an id in AWS; "" if no ledger has the id.
func (n *nameList) keyOfID(id string) string {
	for _, l := range n.ledgers {
		for key, owned := range n.owned(l) {
			if owned.ID == id {
				return n.currentKey(key)
			}
		}
	}
	return ""
}

// currentKey returns the key of the declared object that has a key as an earlier one, or the key.
func (n *nameList) currentKey(key string) string {
	if !n.replaced[key] {
		return key
	}
	for current, u := range n.declarations.Users {
		if n.kind == "user" && slices.Contains(u.Previously, key) {
			return current
		}
	}
	for current, g := range n.declarations.Groups {
		if n.kind == "group" && slices.Contains(g.Previously, key) {
			return current
		}
	}
	return key
}

// has reports whether a word is the key of an object.
func (n *nameList) has(word string) bool {
	if n.declared(word) {
		return true
	}
	return !n.replaced[word] && slices.ContainsFunc(n.ledgers, func(l *reconcile.Ledger) bool {
		_, found := n.owned(l)[word]
		return found
	})
}

// all yields the keys of all objects with their other names. A key of several ledgers comes several
// times.
func (n *nameList) all() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, l := range n.ledgers {
			for key := range n.owned(l) {
				if !n.declared(key) && !n.replaced[key] && !yield(key, nil) {
					return
				}
			}
		}
		if n.kind == "group" {
			for key, g := range n.declarations.Groups {
				if !yield(key, append([]string{g.DisplayName}, g.Previously...)) {
					return
				}
			}
			return
		}
		names := make([]string, 0, 8)
		for key, u := range n.declarations.Users {
			names = append(append(names[:0], u.UserID, u.Email, u.FirstName+" "+u.LastName), u.Previously...)
			for _, state := range n.desired {
				if want := state.Users[key]; want != nil {
					if name, _ := want.Attributes.Get("userName"); name != "" {
						names = append(names, name)
					}
				}
			}
			if !yield(key, names) {
				return
			}
		}
	}
}

// notFound is the error for a word that names nothing. It suggests a similar name.
func (n *nameList) notFound(word string) error {
	var every []string
	for key, names := range n.all() {
		every = append(append(every, key), names...)
	}
	slices.Sort(every)
	hint := ""
	if meant := schema.Nearest(word, every); meant != "" {
		hint = fmt.Sprintf("; did you mean %q?", meant)
	}
	what := "user has the key, userId, email address, userName, name or AWS id"
	if n.kind == "group" {
		what = "group has the key, displayName or AWS id"
	}
	return &notFoundError{fmt.Sprintf("no %s %q, declared or in the ledger%s", what, word, hint)}
}
