package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Find returns the key of the user or group that a word names. The word may be a key or, without
// regard to case, a userId, an email address, a desired userName or the displayName of a group.
// Users and groups that are no longer declared are found by key as long as a ledger has them, and
// renamed ones by their earlier keys. The error suggests a similar name; it is fs.ErrNotExist if
// nothing was found.
func Find(kind, word string, d *schema.Declarations, ledgers []*reconcile.Ledger,
	desired []*reconcile.Desired) (string, error) {
	names := namesOf(kind, d, ledgers, desired)
	if _, exact := names[word]; exact {
		return word, nil
	}
	var found, all []string
	for _, key := range slices.Sorted(maps.Keys(names)) {
		all = append(append(all, key), names[key]...)
		if strings.EqualFold(key, word) ||
			slices.ContainsFunc(names[key], func(name string) bool { return strings.EqualFold(name, word) }) {
			found = append(found, key)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		hint := ""
		if meant := schema.Nearest(word, all); meant != "" {
			hint = fmt.Sprintf("; did you mean %q?", meant)
		}
		what := "user has the key, userId, email address or userName"
		if kind == "group" {
			what = "group has the key or displayName"
		}
		return "", &notFoundError{fmt.Sprintf("no %s %q, declared or in the ledger%s", what, word, hint)}
	}
	return "", fmt.Errorf("%q %w: %s; use a key", word, ErrAmbiguous, schema.QuoteList(found))
}

// ErrAmbiguous is the error for a word that names more than one user or group.
var ErrAmbiguous = errors.New("names several")

type notFoundError struct{ text string }

func (e *notFoundError) Error() string        { return e.text }
func (e *notFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// namesOf returns the other names of users or groups, by key.
func namesOf(kind string, d *schema.Declarations, ledgers []*reconcile.Ledger,
	desired []*reconcile.Desired) map[string][]string {
	out := map[string][]string{}
	if kind == "group" {
		for _, l := range ledgers {
			for key := range l.Groups {
				out[key] = nil
			}
		}
		for key, g := range d.Groups {
			add(out, key, g.Previously, g.DisplayName)
		}
		return out
	}
	for _, l := range ledgers {
		for key := range l.Users {
			out[key] = nil
		}
	}
	for key, u := range d.Users {
		add(out, key, u.Previously, u.UserID, u.Email)
	}
	for _, state := range desired {
		for key, u := range state.Users {
			if name, _ := u.Attributes.Get("userName"); name != "" {
				out[key] = append(out[key], name)
			}
		}
	}
	return out
}

// add adds a declared object with its names. Its earlier keys become names too.
func add(out map[string][]string, key string, previously []string, names ...string) {
	for _, old := range previously {
		delete(out, old)
	}
	out[key] = append(names, previously...)
}
