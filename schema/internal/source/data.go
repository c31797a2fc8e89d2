package source

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// DataFile is one file of records below users/ or groups/.
type DataFile struct {
	Ref  *tree.File
	kind string
	// Types are the custom attributes by name; CSV cells need them.
	Types  map[string]string
	Limits Limits
	Report func(tree.Problem)
	// Conflict is called with two memberships that cannot be unified.
	Conflict tree.ConflictFunc
	// Yield is called with each record.
	Yield func(kind string, f tree.Field)
	// ReuseNodes allows the reader to reuse the nodes of a record after yield returns.
	ReuseNodes bool
	// Discard drops all records that were yielded. It is required if reuseNodes is set.
	Discard func()
	Arena   *tree.Arena
	// seen has the position of each key, to find duplicates.
	seen map[string]tree.Position
}

// Read yields the records of the file.
func (f *DataFile) Read(data []byte) {
	f.kind, _, _ = strings.Cut(f.Ref.Path, "/")
	f.seen = map[string]tree.Position{}
	plain, problem, ok := unreadableText(f.Ref, data)
	if !ok {
		f.Report(problem)
		return
	}
	text := string(plain)
	if strings.TrimSpace(text) == "" {
		return // Scanner warns of files without content
	}
	switch strings.ToLower(path.Ext(f.Ref.Path)) {
	case ".json":
		if n := f.ParseJSON(text, 1); n != nil {
			f.addDocument(n)
		}
	case ".jsonl":
		f.readJSONLines(text)
	case ".csv":
		f.readCSV(text)
	default:
		if line := longYAMLValue(text, f.Limits.valueBytes); line > 0 {
			f.reportAt(tree.Position{Ref: f.Ref, Line: int32(line), Col: 1}, tree.TooLarge, f.Limits.tooLong(), "", "")
			return
		}
		f.readYAML(text)
	}
}

func (f *DataFile) reportAt(at tree.Position, c tree.Code, message, value, advice string) {
	f.Report(c.Problem(at.Pos(), "", message).WithValue(value).WithAdvice(advice))
}

// reportDuplicate reports a name that occurs twice in one struct.
func (f *DataFile) reportDuplicate(at tree.Position, name string, first tree.Position) {
	message := fmt.Sprintf("duplicate name, first on line %d", first.Line)
	f.reportAt(at, tree.DuplicateKey, message, tree.Quote(name), tree.DuplicateKey.Advice)
}

// addDocument adds a record with a key, a list of such records, or a map from key to record.
func (f *DataFile) addDocument(n *tree.Node) {
	switch {
	case n.Kind == tree.List:
		for _, e := range n.Fields {
			f.keyedRecord(e.Value)
		}
	case n.Kind == tree.Struct && n.Child("key") != nil && n.Child("key").Kind != tree.Struct:
		f.keyedRecord(n)
	case n.Kind == tree.Struct:
		if x := n.Get(f.kind); x != nil && hasRecords(x.Value) {
			f.reportAt(x.At, tree.DataShape, "the records are below the name "+f.kind, "",
				"remove the name: the folder says what the file has")
			return
		}
		for _, r := range n.Fields {
			f.addRecord(r.Name, r.At, r.Value)
		}
	case n.Kind == tree.Null: // an empty file
	default:
		f.reportAt(n.At, tree.DataShape, "the file contains "+n.Kind.String()+" instead of records", "",
			tree.DataShape.Advice)
	}
}

// hasRecords reports whether a value is a list or map of records. A record has other fields.
func hasRecords(n *tree.Node) bool {
	return n.Kind == tree.List || n.Kind == tree.Struct && len(n.Fields) > 0 &&
		!slices.ContainsFunc(n.Fields, func(x tree.Field) bool { return x.Value.Kind != tree.Struct })
}

// keyedRecord adds a record that has its key in the field "key".
func (f *DataFile) keyedRecord(n *tree.Node) {
	key := n.Get("key")
	if key == nil || key.Value.Kind != tree.String {
		message := "the record has no key"
		if key != nil {
			message = "the key is " + key.Value.Kind.String() + ", not a string"
		}
		f.reportAt(n.At, tree.DataShape, message, "", "add a field `key` with a quoted string")
		return
	}
	name, at := key.Value.Text, key.Value.At
	n.Fields = slices.DeleteFunc(n.Fields, func(x tree.Field) bool { return x.Name == "key" })
	f.addRecord(name, at, n)
}

func (f *DataFile) addRecord(key string, at tree.Position, n *tree.Node) {
	if first, ok := f.seen[key]; ok {
		message := fmt.Sprintf("duplicate key, first on line %d", first.Line)
		f.reportAt(at, tree.DuplicateKey, message, tree.Quote(key), tree.DuplicateKey.Advice)
		return
	}
	f.seen[key] = at
	f.Yield(f.kind, tree.Field{Name: key, At: at, Value: n})
}

// resetArena releases the nodes of the last record.
func (f *DataFile) resetArena() {
	if f.ReuseNodes {
		f.Arena.Reset()
	}
}
