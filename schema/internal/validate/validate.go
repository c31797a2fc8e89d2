package validate

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// validator does one Check.
type validator struct {
	Input
	tree.Findings
	// records are the nodes by kind and key.
	records map[string]map[string]*tree.Node
	// rereads are the files that were read again to find positions.
	rereads     map[string]source.Literals
	state       *State
	ciphertexts map[*declaration.SecretRef][]byte
	unread      error
	// declaredGroups are the groups that have more than members. It is nil until it is needed.
	declaredGroups map[string]*declaration.Group
}

func (v *validator) sameGroups() bool { return v.Earlier != nil && v.Earlier.SameGroups }

// referencesRemoved reports whether a reference that was valid may not be any more.
func (v *validator) referencesRemoved() bool { return v.Earlier == nil || v.Earlier.ReferencesRemoved }

// sameGroup reports whether a group is as it was in the last Check.
func (v *validator) sameGroup(g *declaration.Group) bool {
	return v.Earlier != nil && v.Earlier.Groups[g.Key] == g
}

// checkReference reports a reference to an object that is not declared.
func checkReference[V any](v *validator, at tree.Pos, path, what, name string, declared map[string]V) {
	if _, ok := declared[name]; ok {
		return
	}
	advice := ""
	if n := len(declared); n == 0 {
		advice = "no " + tree.Plurals(what) + " are declared"
	} else if n <= 10 {
		advice = "declared: " + strings.Join(slices.Sorted(maps.Keys(declared)), ", ")
	}
	advice = tree.Suggestion(name, slices.Collect(maps.Keys(declared)), advice)
	v.Report(tree.UnknownRef.Problem(at, path, "unknown "+what).WithValue(tree.Quote(name)).WithAdvice(advice))
}

// node returns the node of a record, or of a value in it.
func (v *validator) node(kind, key string, below ...string) *tree.Node {
	if v.records[kind] == nil {
		v.records[kind] = map[string]*tree.Node{}
		if all := v.Records.Child(kind); all != nil {
			for _, f := range all.Fields {
				v.records[kind][f.Name] = f.Value
			}
		}
	}
	n := v.records[kind][key]
	switch {
	case n != nil:
	case kind == "users" && v.Users[key] != nil:
		n = v.reread(v.Users[key].Pos.File, kind, key)
	case kind == "groups" && v.Groups[key] != nil:
		n = v.reread(v.Groups[key].Pos.File, kind, key)
	}
	return n.Find(below...)
}

// reread returns a literal record of a file, or nil.
func (v *validator) reread(file, kind, key string) *tree.Node {
	literals, done := v.rereads[file]
	if !done {
		literals = v.Reread(file)
		v.rereads[file] = literals
	}
	if b := literals[kind]; b != nil {
		if f := b.Lookup(key); f != nil {
			return f.Value
		}
	}
	return nil
}

// keys reports keys of one kind that differ only in case.
func (v *validator) keys() {
	for _, kind := range v.Kinds {
		if kind == "users" && v.Index != nil && v.Index.Keys.Duplicates == 0 {
			continue
		}
		if kind == "groups" && v.sameGroups() {
			continue
		}
		places := v.keyPositions(kind)
		if !hasDuplicates(len(places), maps.Keys(places)) {
			continue
		}
		u := &duplicateFinder{v: v, code: tree.CaseClash, message: "the key differs from %s (%s) only in case"}
		for _, key := range slices.Sorted(maps.Keys(places)) {
			u.add(key, key, places[key], func() string { return tree.JoinPath(kind, key) })
		}
	}
}

// keyPositions returns the position of each record of a kind.
func (v *validator) keyPositions(kind string) map[string]tree.Pos {
	out := map[string]tree.Pos{}
	if records := v.Records.Child(kind); records != nil && records.Kind == tree.Struct {
		for _, f := range records.Fields {
			out[f.Name] = f.At.Pos()
		}
	}
	switch kind {
	case "users":
		for key, u := range v.Users {
			out[key] = u.Pos
		}
	case "groups":
		for key, g := range v.Groups {
			if out[key] = g.Pos; !isDeclared(g) {
				delete(out, key)
			}
		}
	}
	return out
}

// types reports custom attributes with the name of a built-in field.
func (v *validator) types() {
	for key, t := range v.AttributeTypes {
		if _, taken := mapping.UserFields[key]; taken || key == "attributes" {
			path := tree.JoinPath("attributeTypes", key)
			p := tree.NameOfUserField.Problem(t.Pos, path, "users have a built-in field with this name")
			v.Report(p.WithValue(tree.Quote(key)))
		}
	}
}

// previousKeys checks the previous keys of all records of a kind, ignoring case: none may be in
// use, and none may be claimed twice. A record may change the case of its own key. renamed are the
// records with previous keys, and mayHave returns false for a key that no record has.
func previousKeys[V any](v *validator, kind string, records, renamed map[string]V, of func(V) []string,
	mayHave func(string) bool) {
	if len(renamed) == 0 {
		return
	}
	keys := slices.Sorted(maps.Keys(renamed))
	declared := map[string]string{}
	if slices.ContainsFunc(keys, func(key string) bool { return slices.ContainsFunc(of(renamed[key]), mayHave) }) {
		for key := range records {
			declared[tree.Fold(key)] = key
		}
	}
	claimed := map[string]string{}
	for _, key := range keys {
		for _, old := range of(records[key]) {
			message := ""
			if other, ok := declared[tree.Fold(old)]; ok && (other == old || other != key) {
				message = "a declaration still has this key"
			} else if other, ok := claimed[tree.Fold(old)]; ok {
				message = tree.Quote(other) + " also claims this key"
			}
			if message == "" {
				claimed[tree.Fold(old)] = key
				continue
			}
			at := v.node(kind, key, "previously").Get(old).At.Pos()
			path := tree.JoinPath(tree.JoinPath(kind, key)+".previously", old)
			v.Report(tree.BadPrevious.Problem(at, path, message).WithValue(tree.Quote(old)))
		}
	}
}

// withPrevious returns the records that have previous keys.
func withPrevious[V any](records map[string]V, of func(V) []string) map[string]V {
	out := map[string]V{}
	for key, record := range records {
		if len(of(record)) > 0 {
			out[key] = record
		}
	}
	return out
}

func always(string) bool { return true }

// checkFile requires that a path is that of a regular file, and reports whether it is.
func (v *validator) checkFile(name string, at tree.Pos, path string) bool {
	if name == "" {
		return false
	}
	message := ""
	if !fs.ValidPath(name) {
		message = "invalid path"
	} else if info, err := fs.Stat(v.FS, name); errors.Is(err, fs.ErrInvalid) {
		message = source.Unreadable(name, err).Message
	} else if v.cannotRead(name, err) {
		return false
	} else if err != nil {
		message = "file not found"
	} else if info.Mode().Type() == fs.ModeSymlink {
		message = "is a symbolic link, which roster does not follow"
	} else if !info.Mode().IsRegular() {
		message = "not a regular file"
	} else if _, err := source.ReadFile(v.FS, name); errors.Is(err, fs.ErrInvalid) {
		message = source.Unreadable(name, err).Message
	}
	if message == "" {
		return true
	}
	p := tree.MissingFile.Problem(at, path, message).WithValue(tree.Quote(name))
	v.Report(p.WithAdvice("use a path below the root of the configuration"))
	return false
}

// cannotRead remembers an error that is not about what the tree has, such as one of the disk, and
// reports whether err is one. Such an error says nothing about the declarations.
func (v *validator) cannotRead(name string, err error) bool {
	ofTree := []error{nil, fs.ErrNotExist, fs.ErrInvalid, fs.ErrPermission}
	if slices.ContainsFunc(ofTree, func(known error) bool { return errors.Is(err, known) }) {
		return false
	}
	if v.unread == nil {
		v.unread = fmt.Errorf("read %s: %w", name, err)
	}
	return true
}
