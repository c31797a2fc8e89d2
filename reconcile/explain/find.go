package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Find returns the key of the user or group that a word names. The word may be a key, an id in AWS
// or, without regard to case and to the form of Unicode, a userId, an email address, a desired
// userName, the first and last name of a person, or the displayName of a group. Users and groups
// that are no longer declared are found by key and id as long as a ledger has them, and renamed
// ones by their earlier keys. The error suggests a similar name and says whose it is; it is
// fs.ErrNotExist if nothing was found.
func Find(kind, word string, d *schema.Declarations, ledgers []*reconcile.Ledger,
	desired []*reconcile.Desired) (string, error) {
	n := newNameList(kind, d, ledgers, desired)
	switch found := n.find(word); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", n.notFound(word)
	default:
		return "", Ambiguous(word, found)
	}
}

// FindDeclared returns the keys of all declared users or groups that a word names, as Find does. A
// key that equals the word is the only one.
func FindDeclared(kind, word string, d *schema.Declarations) []string {
	return newNameList(kind, d, nil, nil).find(word)
}

// CurrentKey returns the key of the declared user or group that has a key, now or as an earlier
// one; "" if none has.
func CurrentKey(kind, key string, d *schema.Declarations) string {
	n := newNameList(kind, d, nil, nil)
	if !n.declared(key) {
		key = n.currentKey(key)
	}
	if !n.declared(key) {
		return ""
	}
	return key
}

// IsLooseName reports whether a word names a declared user or group only by a name that others may
// have (the first and last name of a person, the displayName of a group), and in another case or
// form of Unicode than the declaration.
func IsLooseName(kind, word, key string, d *schema.Declarations) bool {
	same, name, unique := schema.SameName(word), "", []string{key}
	if u := d.Users[key]; kind == "user" && u != nil {
		name, unique = u.FirstName+" "+u.LastName, append(append(unique, u.UserID, u.Email), u.Previously...)
	}
	if g := d.Groups[key]; kind == "group" && g != nil {
		name, unique = g.DisplayName, append(unique, g.Previously...)
	}
	return name != word && same(name) && !slices.ContainsFunc(unique, same)
}

// Ambiguous returns the error for a word that names the users or groups with several keys.
func Ambiguous(word string, keys []string) error {
	return fmt.Errorf("%q %w: %s; use a key", word, ErrAmbiguous, schema.QuoteList(keys))
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
	earlierKeys  map[string]bool // see replaced; nil until it is needed
}

func newNameList(kind string, d *schema.Declarations, ledgers []*reconcile.Ledger,
	desired []*reconcile.Desired) *nameList {
	return &nameList{kind: kind, declarations: d, ledgers: ledgers, desired: desired}
}

// find returns the keys that a word names, sorted.
func (n *nameList) find(word string) []string {
	if n.has(word) {
		return []string{word}
	}
	if key := n.keyOfID(word); key != "" {
		return []string{key}
	}
	var found []string
	same := schema.SameName(word)
	for key, names := range n.all() {
		if same(key) || slices.ContainsFunc(names, same) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// replaced reports whether a key is an earlier key of a declared object, and so a name of it. The
// first call visits all objects; most questions are about a key that is declared, and need none.
func (n *nameList) replaced(key string) bool {
	if n.earlierKeys == nil {
		n.earlierKeys = map[string]bool{}
		add := func(keys []string) {
			for _, old := range keys {
				n.earlierKeys[old] = true
			}
		}
		if n.kind == "group" {
			for _, g := range n.declarations.Groups {
				add(g.Previously)
			}
		} else {
			for _, u := range n.declarations.Users {
				add(u.Previously)
			}
		}
	}
	return n.earlierKeys[key]
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
	if !n.replaced(key) {
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
	return !n.replaced(word) && slices.ContainsFunc(n.ledgers, func(l *reconcile.Ledger) bool {
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
				if !n.declared(key) && !n.replaced(key) && !yield(key, nil) {
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

// notFound is the error for a word that names nothing. It suggests a similar name, and says whose
// it is, because it may be that of another person.
func (n *nameList) notFound(word string) error {
	var every []string
	for key, names := range n.all() {
		every = append(append(every, key), names...)
	}
	slices.Sort(every)
	hint := ""
	if meant := schema.Nearest(word, every); meant != "" {
		hint = fmt.Sprintf("; did you mean %q%s?", meant, n.ownerOf(meant))
	}
	what := "user has the key, userId, email address, userName, name or AWS id"
	if n.kind == "group" {
		what = "group has the key, displayName or AWS id"
	}
	return &notFoundError{fmt.Sprintf("no %s %q, declared or in the ledger%s", what, word, hint)}
}

// ownerOf says who has a name that is no key; "" for a key.
func (n *nameList) ownerOf(name string) string {
	if n.has(name) {
		return ""
	}
	var owners []string
	for key, names := range n.all() {
		if slices.Contains(names, name) {
			owners = append(owners, key)
		}
	}
	if len(owners) == 0 {
		return ""
	}
	return fmt.Sprintf(", a name of %s %q", n.kind, slices.Min(owners))
}
