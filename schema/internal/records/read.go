package records

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Input is what is read.
type Input struct {
	FS     fs.FS
	Files  *source.Files
	Limits source.Limits
	// Schema is the schema without custom attributes. Read sets those of literal declarations.
	Schema *constraint.Schema
	// Cache has the results of the last Read. Read updates it.
	Cache *Cache
}

// Records are the records of a configuration.
type Records struct {
	tree.Findings
	// Input has the records that were not accepted.
	constraint.Input
	// Principals are the users and groups that were accepted.
	declaration.Principals
	// Accepting is set if users and groups could be accepted: CUE does not have to evaluate all.
	Accepting bool
	// Index has all users. It is nil if some users were not accepted.
	Index *Index
	// MappingInputs are the files that affect mappings, with their hashes. It is empty if these do
	// not determine the mappings.
	MappingInputs string

	reader *reader
}

// Index has all users of one Read, and counts of their values.
type Index struct {
	Users *UserSet
	// Diff is the difference to the users of the last Read. It is nil if it is not known.
	Diff                  *UserDiff
	Keys, Emails, UserIDs *tree.Counter
	// Renamed are the users with earlier keys, by key.
	Renamed map[string]*declaration.User
}

// Read reads the files. The error is one of the file system, or a panic.
func Read(in Input) (*Records, error) {
	r := &reader{Input: in, literals: source.Literals{}, dynamic: source.NewDynamic()}
	if err := r.readFiles(in.Files); err != nil {
		return nil, err
	}
	out := &Records{
		Findings: r.found, Input: constraint.Input{Literals: r.literals, Dynamic: r.dynamic},
		MappingInputs: r.mappingInputs(), reader: &reader{Input: in, types: r.types},
	}
	if a := r.accepted; a != nil {
		out.Accepting, out.Principals = true, declaration.Principals{Users: a.users, Groups: a.groups}
		if a.userSet != nil {
			x := &in.Cache.users
			out.Index = &Index{a.userSet, a.diff, &x.keys, &x.emails, &x.userIDs, x.renamed}
		}
	}
	return out, nil
}

// Release frees the records that were not accepted.
func (r *Records) Release() { r.Literals, r.Dynamic.Files = nil, nil }

// Reread reads all literal records of an accepted file again, because accepted records have no
// positions of values.
func (r *Records) Reread(file string) source.Literals {
	again := &reader{
		Input: r.reader.Input, types: r.reader.types, dynamic: source.NewDynamic(), literals: source.Literals{},
	}
	if text, err := fs.ReadFile(again.FS, file); err != nil {
		// The file was read before. Without it the positions are less exact.
	} else if strings.EqualFold(path.Ext(file), ".cue") {
		records, _ := again.readCUE(&tree.File{Path: file}, text)
		for _, record := range records {
			again.record(record)
		}
	} else {
		again.readData(&tree.File{Path: file}, text)
	}
	return again.literals
}

// reader does one Read.
type reader struct {
	Input
	found tree.Findings
	// types are the custom attributes that are declared as literal data.
	types map[string]string
	// mixed are the CUE files that have more than users and groups.
	mixed []*sourceFile
	// accepted are the users and groups of the fast path. If it is nil, all take the slow path.
	accepted *accepted
	// literals are the literal records on the slow path, by kind.
	literals source.Literals
	// dynamic are the declarations that CUE must evaluate.
	dynamic *source.Dynamic
}

// record adds a literal record. It skips accepted records.
func (r *reader) record(record source.Record) {
	if r.accepted != nil && (record.Kind == "users" || record.Kind == "groups") &&
		!r.accepted.slowPath[recordKey{record.Kind, record.Name}] {
		return
	}
	r.literals.Add(record, r.found.Report)
}

// readCUE reads a CUE file and adds the part that is neither a user nor a group.
func (r *reader) readCUE(ref *tree.File, text []byte) (records []source.Record, mixed bool) {
	f := source.ReadCUE(ref, text, r.Schema.Kinds(), r.Limits)
	r.found.ReportAll(f.Problems)
	for _, record := range f.Literals {
		r.record(record)
	}
	r.dynamic.Merge(f.Dynamic)
	return f.Records, f.Mixed
}

// mappingInputs returns the files that affect mappings, with their hashes. It returns "" if these
// do not determine the mappings.
func (r *reader) mappingInputs() string {
	if r.accepted == nil || r.accepted.userSet == nil {
		return ""
	}
	if b := r.literals["groups"]; b != nil && len(b.Node.Fields) > 0 {
		return ""
	}
	var b strings.Builder
	for _, f := range r.mixed {
		if f.hash == "" {
			return ""
		}
		fmt.Fprintf(&b, "%s %s\n", f.hash, f.ref.Path)
	}
	return b.String()
}
