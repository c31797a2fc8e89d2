package schema

import (
	"context"
	"io/fs"
	"slices"
	"time"
)

// Load reads every .cue file below fsys as one configuration, and .yaml, .yml, .json, .jsonl and .csv files below users/ and groups/ as data. Hidden files
// and folders, and cue.mod, are no part of it.
//
// The error is Problems, all of them at once and sorted, or an error of reading fsys. Load looks at no clock, no environment and no file outside fsys.
func Load(fsys fs.FS) (*Declarations, error) {
	return load(fsys, standardLimits(), &Cache{})
}

// loader is the state of one Load.
type loader struct {
	limits   limits
	schema   *compiledSchema
	problems Problems
	warnings Problems
	fsys     fs.FS
	cache    *Cache

	types          map[string]string   // of custom attributes, as far as they are data
	mixed          []*sourceFile       // CUE files that hold more than people and groups
	accepted       *accepted           // people and groups that need no further look; nil if all do
	literals       map[string]*builder // records that are data and not settled, by kind
	dynamic        *dynamic            // what CUE must evaluate
	evaluated      *evaluation         // what CUE made of it; nil if there was nothing
	root           *node               // everything that is not settled, checked and with defaults
	mappingSources map[string]*mappingSource
}

func load(fsys fs.FS, limits limits, cache *Cache) (*Declarations, error) {
	schema, err := compileSchema()
	if err != nil {
		return nil, err
	}
	l := &loader{limits: limits, schema: schema, fsys: fsys, cache: cache, literals: map[string]*builder{}, dynamic: newDynamic()}
	tree, err := l.scan(fsys)
	if err != nil {
		return nil, err
	}
	if err := l.readFiles(tree); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(limits.evalMillis)*time.Millisecond)
	defer cancel()
	l.evaluate(ctx)
	l.checkRecords(ctx)
	l.reportCUEErrors()
	l.loadMappings()
	l.cache.previous.setMappingInputs(l.mappingInputs())
	l.literals, l.dynamic.files, l.evaluated = nil, nil, nil // what is left is in the root
	d := l.bind()
	l.validate(d)
	l.cache.previous.store(d, l.accepted, len(l.problems) == 0)
	if len(l.problems) > 0 {
		return nil, l.sortedProblems()
	}
	l.redactProblems(l.warnings)
	l.warnings.sort()
	d.Warnings = slices.Compact(l.warnings)
	return d, nil
}

// found returns the problems, sorted and each once.
func (l *loader) sortedProblems() Problems {
	l.redactProblems(l.problems)
	l.problems.sort()
	return slices.Compact(l.problems)
}

func (l *loader) report(p Problem) { l.problems = append(l.problems, p) }
func (l *loader) warn(p Problem)   { l.warnings = append(l.warnings, p) }

// record adds a literal record of a kind, such as users, unifying it with what is there of that key. What is settled is left out.
func (l *loader) record(kind string, f field) {
	if l.accepted != nil && (kind == "users" || kind == "groups") && !l.accepted.needsCUE[recordKey{kind, f.name}] {
		return
	}
	b := l.literals[kind]
	if b == nil {
		b = newBuilder(f.at, 0)
		l.literals[kind] = b
	}
	b.add(f, l.conflict)
}

// conflict reports two values that cannot both be.
func (l *loader) conflict(name string, a, b *node) {
	message := name + " is declared twice with different values"
	shown := b.quote()
	if slices.Contains(secretFields, name) {
		message, shown = message+": first at "+a.at.pos().String(), ""
	} else if v := a.quote(); v != "" && a.kind < structNode {
		message += ": " + v + " at " + a.at.pos().String()
	} else {
		message += ": first at " + a.at.pos().String()
	}
	l.report(Problem{Pos: b.at.pos(), Code: conflict.id, Message: message, Value: shown, Advice: "keep one of them"})
}

// secretFields are those in whose place somebody may have written a secret itself.
var secretFields = []string{"auth", "token", "oauth2", "clientSecret", "key", "env", "file", "exec", "age"}
