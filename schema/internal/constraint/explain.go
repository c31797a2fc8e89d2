package constraint

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Explain returns what CUE found wrong. If the compiled schema finds the same problem, its message
// is used; otherwise CUE's. It omits errors that follow from problems that were reported already,
// and those at a position in a mapping with problems, which are in invalid.
func (s *Schema) Explain(
	in Input, e *Evaluation, reported tree.Problems, invalid map[tree.Pos]bool,
) (found tree.Findings) {
	if e == nil || len(e.errs)+len(e.incomplete) == 0 {
		return found
	}
	found.ReportAll(s.rawProblems(in, e))
	x := &explanation{Input: in, reported: map[string]bool{}, invalid: invalid}
	for _, p := range slices.Concat(reported, found.Problems) {
		x.reported[p.Path] = true
	}
	x.explain(e.errs, tree.CUEError, &found)
	x.explain(e.incomplete, tree.NotConcrete, &found)
	return found
}

// explanation converts errors of CUE to problems.
type explanation struct {
	Input
	// reported are the paths of problems that were reported.
	reported map[string]bool
	// invalid are positions in mappings with problems.
	invalid map[tree.Pos]bool
}

// explain reports errors of CUE, except those at the path of a reported problem or at a position in
// an invalid mapping.
func (x *explanation) explain(errs []errors.Error, c tree.Code, found *tree.Findings) {
	for _, err := range errs {
		path := cuePath(err.Path())
		if isReported(path, x.reported) ||
			slices.ContainsFunc(x.positions(err), func(p tree.Pos) bool { return x.invalid[p] }) {
			continue
		}
		if x.hasNoInput(err, path) {
			p := tree.WrongMapping.Problem(x.positionOf(err, path), mappingOf(path), noMappingInput)
			x.reported[p.Path] = true
			found.Report(p)
			continue
		}
		follows := path == "" && len(x.positions(err)) == 0 && len(x.reported) > 0
		if x.reported[path] = true; follows {
			continue // it follows from a reported problem
		}
		p := c.Problem(x.positionOf(err, path), path, HideLongStrings(source.CUEMessage(err)))
		if strings.HasPrefix(p.Message, "conflicting values ") {
			p.Message += x.otherPlaces(err, p.Pos)
		}
		if c == tree.CUEError {
			p.Advice = "" // CUE wrote the message
			if m := unknownReference.FindStringSubmatch(p.Message); m != nil {
				p.Advice = referenceAdvice(m[1])
			}
		}
		if secretPath(path) {
			p.Code, p.Message, p.Advice = tree.SecretLiteral.ID, notASecretRef, tree.SecretLiteral.Advice
		}
		found.Report(p)
	}
}

// unknownReference matches CUE's message for a name without declaration.
var unknownReference = regexp.MustCompile(`^reference "([^"]+)" not found`)

// noMappingInput is the message for expressions of a mapping that refer to nothing.
const noMappingInput = "the expressions refer to `user`, but this declaration of the mapping has no `user`"

// hasNoInput reports whether an error is that of a mapping that refers to `user` and has none.
func (x *explanation) hasNoInput(err errors.Error, path string) bool {
	m := unknownReference.FindStringSubmatch(source.CUEMessage(err))
	return m != nil && m[1] == "user" && mappingOf(path) != ""
}

// mappingOf returns the path of the mapping that has a value, or "".
func mappingOf(path string) string {
	if above := tree.PathsAbove(path); strings.HasPrefix(path, "mappings.") && len(above) > 1 {
		return above[1]
	}
	return ""
}

func referenceAdvice(name string) string {
	switch strings.ToLower(name) {
	case "true", "false", "yes", "no":
		return tree.BoolAdvice
	}
	return tree.QuoteAdvice
}

// rawProblems checks the declared values, before CUE unified them with the schema, against the
// compiled schema.
func (s *Schema) rawProblems(in Input, e *Evaluation) tree.Problems {
	if !e.raw.Exists() {
		return nil
	}
	var found tree.Problems
	add := func(p tree.Problem) { found = append(found, p) }
	for _, kind := range s.kinds {
		v := e.raw.LookupPath(cue.MakePath(cue.Str(kind)))
		if !v.Exists() {
			continue
		}
		if kind == "mappings" {
			for _, key := range slices.Sorted(maps.Keys(in.Dynamic.Mappings)) {
				m := v.LookupPath(cue.MakePath(cue.Str(key)))
				found = append(found, s.rawMapping(in, m, key)...)
			}
			continue
		}
		x := &extractor{dynamic: in.Dynamic, literal: in.Literals[kind], lenient: true}
		out := &tree.Node{Kind: tree.Struct}
		if x.records(out, v, kind) {
			s.roots[kind].rule.check(out, &problemCollector{path: kind, add: add})
		}
	}
	return found
}

// rawMapping checks the literal fields of a mapping.
func (s *Schema) rawMapping(in Input, m cue.Value, key string) (found tree.Problems) {
	add := func(p tree.Problem) { found = append(found, p) }
	for _, name := range []string{"ifEmpty", "examples"} {
		v := m.LookupPath(cue.MakePath(cue.Str(name)))
		if !v.Exists() {
			continue
		}
		x := &extractor{dynamic: in.Dynamic, lenient: true}
		path := tree.JoinPath(tree.JoinPath("mappings", key), name)
		n := x.value(v, path, tree.Position{}, nil)
		s.mapping().field(name).rule.check(n, &problemCollector{path: path, add: add})
	}
	return found
}

// isReported reports whether a problem was reported at a path, above it or below it.
func isReported(path string, reported map[string]bool) bool {
	if path == "" {
		return false
	}
	for other := range reported {
		if other == path || strings.HasPrefix(other, path) || other != "" && strings.HasPrefix(path, other) {
			return true
		}
	}
	return false
}

// positionOf returns the position in the repository of a CUE error.
func (x *explanation) positionOf(err errors.Error, path string) tree.Pos {
	if known := x.positions(err); len(known) > 0 {
		return known[0]
	}
	for path != "" {
		if p, ok := x.Dynamic.Positions[path]; ok {
			return p.Pos()
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return tree.Pos{}
}

// otherPlaces returns the positions of conflicting values, except one, as the end of a message.
func (x *explanation) otherPlaces(err errors.Error, except tree.Pos) string {
	places := x.positions(err)
	if n := x.literal(err.Path()); n != nil {
		places = append(places, n.At.Pos())
	}
	places = slices.DeleteFunc(places, func(p tree.Pos) bool { return p == except })
	if len(places) == 0 {
		return ""
	}
	slices.SortFunc(places, tree.Pos.Compare)
	var texts []string
	for _, p := range slices.Compact(places) {
		texts = append(texts, p.String())
	}
	return "; see also " + tree.ShortList(texts, 3)
}

// literal returns the literal value at a path, or nil.
func (x *explanation) literal(path []string) *tree.Node {
	var names []string
	for _, s := range path {
		if name, err := strconv.Unquote(s); err == nil {
			s = name
		}
		names = append(names, s)
	}
	if len(names) < 2 || x.Literals[names[0]] == nil {
		return nil
	}
	return x.Literals[names[0]].Node.Find(names[1:]...)
}

// positions returns the positions in the repository that a CUE error names.
func (x *explanation) positions(err errors.Error) []tree.Pos {
	var known []tree.Pos
	for _, p := range append([]token.Pos{err.Position()}, err.InputPositions()...) {
		if ref := x.Dynamic.Refs[p.Filename()]; ref != nil {
			known = append(known, source.TokenPosition(ref, p).Pos())
		}
	}
	return known
}

// cuePath formats a CUE path as roster does, without the definitions in it.
func cuePath(selectors []string) string {
	path := ""
	for _, s := range selectors {
		if strings.HasPrefix(s, "#") {
			continue
		}
		if name, err := strconv.Unquote(s); err == nil {
			s = name
		}
		if _, err := strconv.Atoi(s); err == nil && path != "" {
			path += "[" + s + "]"
			continue
		}
		path = tree.JoinPath(path, s)
	}
	return path
}

// secretPath reports whether references to secrets belong at a path.
func secretPath(path string) bool {
	return strings.HasPrefix(path, "provisioners.") && strings.Contains(path, ".auth") ||
		strings.Contains(path, ".signing.") && strings.Contains(path, ".key")
}

// HideLongStrings removes long strings without spaces from CUE's messages, because they may be
// tokens.
func HideLongStrings(message string) string { return longString.ReplaceAllString(message, `"..."`) }

var longString = regexp.MustCompile(`"[^"\s]{40,}"`)

// omitLong returns "" for a text that is too long for a message.
func omitLong(s string) string {
	if len(s) > tree.MaxShownRunes {
		return ""
	}
	return s
}
