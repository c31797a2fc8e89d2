package schema

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// dataFile is one file of records below users/ or groups/.
type dataFile struct {
	ref  *fileRef
	kind string
	// types are the custom attributes by name; CSV cells need them.
	types  map[string]string
	limits limits
	report func(Problem)
	// conflict is called with two memberships that cannot be unified.
	conflict conflictFunc
	// yield is called with each record.
	yield func(kind string, f field)
	// reuseNodes allows the reader to reuse the nodes of a record after yield returns.
	reuseNodes bool
	// discard drops all records that were yielded. It is required if reuseNodes is set.
	discard func()
	arena   *arena
	// seen has the position of each key, to find duplicates.
	seen map[string]position
}

// read yields the records of the file.
func (f *dataFile) read(text string) {
	f.kind, _, _ = strings.Cut(f.ref.path, "/")
	f.seen = map[string]position{}
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	if !utf8.ValidString(text) {
		f.reportAt(position{f.ref, 1, 1}, syntaxError, "the file is not UTF-8", "", "save it as UTF-8")
		return
	}
	switch strings.ToLower(path.Ext(f.ref.path)) {
	case ".json":
		if n := f.parseJSON(text, 1); n != nil {
			f.addDocument(n)
		}
	case ".jsonl":
		line := 1
		for row := range strings.Lines(text) {
			if strings.TrimSpace(row) != "" {
				if n := f.parseJSON(strings.TrimRight(row, "\r\n"), line); n != nil {
					f.keyedRecord(n)
				}
				f.resetArena()
			}
			line++
		}
	case ".csv":
		f.readCSV(text)
	default:
		if line := longYAMLValue(text, f.limits.valueBytes); line > 0 {
			f.reportAt(position{f.ref, int32(line), 1}, tooLarge, f.limits.tooLong(), "", "")
			return
		}
		f.readYAML(text)
	}
}

func (f *dataFile) reportAt(at position, c code, message, value, advice string) {
	f.report(c.problem(at.pos(), "", message).withValue(value).withAdvice(advice))
}

// reportDuplicate reports a name that occurs twice in one struct.
func (f *dataFile) reportDuplicate(at position, name string, first position) {
	message := fmt.Sprintf("duplicate name, first on line %d", first.line)
	f.reportAt(at, duplicateKey, message, quote(name), duplicateKey.advice)
}

// addDocument adds a record with a key, a list of such records, or a map from key to record.
func (f *dataFile) addDocument(n *node) {
	switch {
	case n.kind == listNode:
		for _, e := range n.fields {
			f.keyedRecord(e.value)
		}
	case n.kind == structNode && n.child("key") != nil && n.child("key").kind != structNode:
		f.keyedRecord(n)
	case n.kind == structNode:
		for _, r := range n.fields {
			f.addRecord(r.name, r.at, r.value)
		}
	case n.kind == nullNode: // an empty file
	default:
		f.reportAt(n.at, dataShape, "the file contains "+n.kind.String()+" instead of records", "", dataShape.advice)
	}
}

// keyedRecord adds a record that has its key in the field "key".
func (f *dataFile) keyedRecord(n *node) {
	key := n.get("key")
	if key == nil || key.value.kind != stringNode {
		message := "the record has no key"
		if key != nil {
			message = "the key is " + key.value.kind.String() + ", not a string"
		}
		f.reportAt(n.at, dataShape, message, "", "add a field `key` with a quoted string")
		return
	}
	name, at := key.value.text, key.value.at
	n.fields = slices.DeleteFunc(n.fields, func(x field) bool { return x.name == "key" })
	f.addRecord(name, at, n)
}

func (f *dataFile) addRecord(key string, at position, n *node) {
	if first, ok := f.seen[key]; ok {
		message := fmt.Sprintf("duplicate key, first on line %d", first.line)
		f.reportAt(at, duplicateKey, message, quote(key), duplicateKey.advice)
		return
	}
	f.seen[key] = at
	f.yield(f.kind, field{name: key, at: at, value: n})
}

// resetArena releases the nodes of the last record.
func (f *dataFile) resetArena() {
	if f.reuseNodes {
		f.arena.reset()
	}
}
