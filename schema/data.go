package schema

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// dataFile is one file of records below users/ or groups/.
type dataFile struct {
	*loader
	src  *source
	kind string
	seen map[string]spot // keys, each of which may come once
}

// readData reads a file of records into literals.
func (l *loader) readData(src *source, text []byte) {
	kind, _, _ := strings.Cut(src.path, "/")
	f := &dataFile{loader: l, src: src, kind: kind, seen: map[string]spot{}}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		l.report(Problem{Pos: Pos{File: src.path, Line: 1, Column: 1}, Code: syntaxError.id, Message: "the file is not UTF-8", Advice: "save it as UTF-8"})
		return
	}
	switch strings.ToLower(path.Ext(src.path)) {
	case ".json":
		if n := f.json(text, 1); n != nil {
			f.document(n)
		}
	case ".jsonl":
		line := 1
		for row := range bytes.Lines(text) {
			if len(bytes.TrimSpace(row)) > 0 {
				if n := f.json(bytes.TrimRight(row, "\r\n"), line); n != nil {
					f.keyed(n)
				}
			}
			line++
		}
	case ".csv":
		f.csv(text)
	default:
		f.yaml(text)
	}
}

func (f *dataFile) wrong(at spot, c code, message, value, advice string) {
	f.report(Problem{Pos: at.pos(), Code: c.id, Message: message, Value: value, Advice: advice})
}

// document takes a record with a key, a list of them, or a map from key to record.
func (f *dataFile) document(n *node) {
	switch {
	case n.kind == listNode:
		for _, e := range n.fields {
			f.keyed(e.value)
		}
	case n.kind == structNode && n.child("key") != nil && n.child("key").kind != structNode:
		f.keyed(n)
	case n.kind == structNode:
		for _, r := range n.fields {
			f.add(r.name, r.at, r.value)
		}
	case n.kind == nullNode: // an empty file
	default:
		f.wrong(n.at, dataShape, "the file holds "+n.kind.String()+" where records are expected", "", dataShape.advice)
	}
}

// keyed takes a record whose field "key" is its key.
func (f *dataFile) keyed(n *node) {
	key := n.get("key")
	if key == nil || key.value.kind != stringNode {
		message := "the record has no key"
		if key != nil {
			message = "the key is " + key.value.kind.String() + ", not a string"
		}
		f.wrong(n.at, dataShape, message, "", "give it a field `key`, in quotes")
		return
	}
	name, at := key.value.text, key.value.at
	rest := &node{kind: structNode, at: n.at}
	for _, x := range n.fields {
		if x.name != "key" {
			rest.fields = append(rest.fields, x)
		}
	}
	f.add(name, at, rest)
}

func (f *dataFile) add(key string, at spot, n *node) {
	if first, ok := f.seen[key]; ok {
		f.wrong(at, duplicateKey, fmt.Sprintf("the key is given twice, first on line %d", first.line), quote(key), "remove one")
		return
	}
	f.seen[key] = at
	f.record(f.kind, field{name: key, at: at, value: n})
}
