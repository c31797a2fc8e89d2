package records

import (
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Most users and groups are literal data, are declared once and are valid. The fast path accepts
// them file by file, independently of other files, and caches the result of a file until it
// changes. All other records take the slow path, through CUE if they need evaluation.

// sourceFile is a file that is being read.
type sourceFile struct {
	ref *tree.File
	// hash is that of the content, or "" if it is unknown.
	hash  string
	isCUE bool
	// mixed is set for a CUE file with more than literal users and groups.
	mixed bool
	// records are those of a CUE file.
	records []source.Record
	// result is nil until it is known.
	result *fileResult
}

// readFiles reads the files. Valid records become accepted; the others are added to literals and
// dynamic.
func (r *reader) readFiles(list *source.Files) error {
	var files []*sourceFile
	for _, name := range list.CUE {
		f := r.sourceFile(name)
		f.isCUE = true
		if f.result == nil {
			if err := r.readCUEFile(f); err != nil {
				return err
			}
		}
		files = append(files, f)
	}
	for _, name := range list.Data {
		files = append(files, r.sourceFile(name))
	}
	r.collectTypes()
	if context := r.fileContext(); context != nil {
		if err := r.acceptFiles(files, context); err != nil {
			return err
		}
		r.mergeFiles(files)
		r.Cache.store(files, list.Sizes, context, r.accepted.merged)
	}
	for _, f := range files {
		if err := r.readRemaining(f); err != nil {
			return err
		}
	}
	return nil
}

// hasher is a file system with hashes of its files, such as that of a commit.
type hasher interface {
	Hash(name string) (string, error)
}

// sourceFile returns a file, with its cached result if it has not changed.
func (r *reader) sourceFile(name string) *sourceFile {
	f := &sourceFile{ref: &tree.File{Path: name}, hash: HashOf(r.FS, name)}
	if f.hash != "" {
		f.result = r.Cache.lookup(name, f.hash)
	}
	return f
}

// HashOf returns the hash of a file, or "" if it is unknown.
func HashOf(fsys fs.FS, name string) string {
	if h, ok := fsys.(hasher); ok {
		if hash, err := h.Hash(name); err == nil {
			return hash
		}
	}
	return ""
}

// readCUEFile reads a CUE file.
func (r *reader) readCUEFile(f *sourceFile) error {
	text, readable, err := r.readFile(f.ref.Path)
	if err != nil {
		return err
	}
	f.mixed = true // a file that is not read has no result
	if readable {
		f.records, f.mixed = r.readCUE(f.ref, text)
	}
	if f.mixed {
		r.mixed = append(r.mixed, f)
	}
	return nil
}

// collectTypes collects the custom attributes that are declared as literal data.
func (r *reader) collectTypes() {
	r.types = map[string]string{}
	if b := r.literals["attributeTypes"]; b != nil {
		for _, f := range b.Node.Fields {
			r.types[f.Name] = f.Value.Child("type").Str()
		}
	}
}

// fileContext returns the context of the fast path. It returns nil if CUE must evaluate the users
// and groups.
func (r *reader) fileContext() *fileContext {
	if r.Limits.NoFastPath {
		return nil
	}
	d := r.dynamic
	for _, kind := range []string{"users", "groups", "attributeTypes", "timezone"} {
		if d.Kinds[kind] || d.Identifiers[kind] || kind == "attributeTypes" && len(d.Keys[kind]) > 0 {
			return nil
		}
	}
	for name := range r.types {
		if d.Includes("attributeTypes", name) {
			return nil
		}
	}
	context := &fileContext{types: r.types, zone: time.UTC}
	if b := r.literals[""]; b != nil {
		for _, f := range b.Node.Fields {
			zone, err := declaration.LoadZone(f.Value.Str())
			if f.Name != "timezone" || err != nil || f.Value.Kind != tree.String {
				return nil // the declaration is invalid
			}
			context.zone = zone
		}
	}
	return context
}

// acceptFiles computes the missing results, in parallel.
func (r *reader) acceptFiles(files []*sourceFile, context *fileContext) error {
	for _, f := range files {
		if f.result != nil && !r.Cache.context.equal(context) {
			if f.result = nil; f.isCUE {
				if err := r.readCUEFile(f); err != nil {
					return err
				}
			}
		}
	}
	r.Schema.SetTypes(r.types)
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, min(len(files), runtime.GOMAXPROCS(0)))
	for i := range errs {
		wait.Go(func() {
			defer func() {
				if failed := tree.Recovered(recover()); failed != nil {
					errs[i] = failed
				}
			}()
			a := newAcceptor(r.Schema, context)
			for errs[i] == nil {
				k := int(next.Add(1)) - 1
				if k >= len(files) {
					return
				}
				if files[k].result == nil {
					if files[k].result, errs[i] = a.file(files[k], r, context); errs[i] == nil {
						r.keepUnchanged(files[k], context)
					}
				}
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// keepUnchanged keeps the records of the last Load that a file still has, unless its context has
// changed.
func (r *reader) keepUnchanged(f *sourceFile, context *fileContext) {
	earlier, found := r.Cache.files[f.ref.Path]
	if found && r.Cache.context.equal(context) {
		f.result.keepUnchanged(earlier.result)
	}
}

func (a *acceptor) file(file *sourceFile, r *reader, context *fileContext) (*fileResult, error) {
	if file.isCUE {
		return a.cueFile(file.records), nil
	}
	text, err := source.ReadFile(r.FS, file.ref.Path)
	if errors.Is(err, fs.ErrInvalid) {
		return &fileResult{hasProblems: true}, nil // readRemaining reports it
	}
	if err != nil {
		return nil, err
	}
	return a.dataFile(file.ref, text, context, r.Limits), nil
}

// readRemaining adds the records of a file that were not accepted to literals, and reports the
// problems of the file.
func (r *reader) readRemaining(f *sourceFile) error {
	if r.accepted != nil && !f.result.hasProblems {
		allAccepted := true
		if len(r.accepted.slowPath) > 0 {
			for k := range f.result.keys {
				allAccepted = allAccepted && !r.accepted.slowPath[k]
			}
		}
		if allAccepted {
			return nil
		}
	}
	if f.isCUE {
		if f.records == nil {
			if err := r.readCUEFile(f); err != nil {
				return err
			}
		}
		for _, record := range f.records {
			r.record(record)
		}
		return nil
	}
	text, readable, err := r.readFile(f.ref.Path)
	if readable {
		r.readData(f.ref, text)
	}
	return err
}

// readData adds the records of a data file to literals. It warns of a file without records: the
// program that exported it may have failed. Scanner warns of an empty file.
func (r *reader) readData(ref *tree.File, text []byte) {
	empty := len(text) > 0
	f := &source.DataFile{
		Ref: ref, Types: r.types, Limits: r.Limits, Arena: &tree.Arena{},
		Report: func(p tree.Problem) {
			empty = false
			r.found.Report(p)
		},
		Conflict: r.found.Conflict,
		Yield: func(kind string, f tree.Field) {
			empty = false
			r.record(source.Record{Kind: kind, Field: f})
		},
	}
	f.Read(text)
	if empty {
		r.found.Warn(tree.IgnoredFile.Problem(tree.Pos{File: ref.Path}, "", "the file has no records").
			WithAdvice("remove it, or write its records"))
	}
}

// readFile returns the content of a file. If the file cannot be read because of what the tree has
// instead, readFile reports that, and readable is false.
func (r *reader) readFile(name string) (data []byte, readable bool, err error) {
	data, err = source.ReadFile(r.FS, name)
	if errors.Is(err, fs.ErrInvalid) {
		r.found.Report(source.Unreadable(name, err))
		return nil, false, nil
	}
	return data, err == nil, err
}
