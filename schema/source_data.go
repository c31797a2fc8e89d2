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
	ref        *fileRef
	kind       string
	types      map[string]string // of custom attributes, for the cells of CSV
	depth      int
	report     func(Problem)
	conflict   conflictFunc               // is told of two memberships that cannot both be
	yield      func(kind string, f field) // is handed each record
	reuseNodes bool                       // the nodes of a record may be forgotten when take returns
	discard    func()                     // forgets all that was taken, if reuse is set
	chunkBytes int                        // how many bytes of a large file may be read at once, if reuse is set
	arena      *arena
	seen       map[string]position // keys, each of which may come once
}

// read hands over the records of the file.
func (f *dataFile) read(text string) {
	f.kind, _, _ = strings.Cut(f.ref.path, "/")
	f.seen = map[string]position{}
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	if !utf8.ValidString(text) {
		f.report(Problem{Pos: Pos{File: f.ref.path, Line: 1, Column: 1}, Code: syntaxError.id, Message: "the file is not UTF-8", Advice: "save it as UTF-8"})
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
		f.readYAML(text)
	}
}

func (f *dataFile) reportAt(at position, c code, message, value, advice string) {
	f.report(Problem{Pos: at.pos(), Code: c.id, Message: message, Value: value, Advice: advice})
}

// document takes a record with a key, a list of them, or a map from key to record.
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
		f.reportAt(n.at, dataShape, "the file holds "+n.kind.String()+" where records are expected", "", dataShape.advice)
	}
}

// keyed takes a record whose field "key" is its key.
func (f *dataFile) keyedRecord(n *node) {
	key := n.get("key")
	if key == nil || key.value.kind != stringNode {
		message := "the record has no key"
		if key != nil {
			message = "the key is " + key.value.kind.String() + ", not a string"
		}
		f.reportAt(n.at, dataShape, message, "", "give it a field `key`, in quotes")
		return
	}
	name, at := key.value.text, key.value.at
	n.fields = slices.DeleteFunc(n.fields, func(x field) bool { return x.name == "key" })
	f.addRecord(name, at, n)
}

func (f *dataFile) addRecord(key string, at position, n *node) {
	if first, ok := f.seen[key]; ok {
		f.reportAt(at, duplicateKey, fmt.Sprintf("the key is given twice, first on line %d", first.line), quote(key), "remove one")
		return
	}
	f.seen[key] = at
	f.yield(f.kind, field{name: key, at: at, value: n})
}

// forget makes room for the next record.
func (f *dataFile) resetArena() {
	if f.reuseNodes {
		f.arena.reset()
	}
}
