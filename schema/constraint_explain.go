package schema

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

// reportCUEErrors reports what CUE found wrong. If the compiled schema finds the same problem, its
// message is used; otherwise CUE's.
func (l *loader) reportCUEErrors() {
	e := l.evaluated
	if e == nil {
		return
	}
	invalid := map[tree.Pos]bool{}
	for _, key := range slices.Sorted(maps.Keys(l.mappingSources)) {
		n := len(l.problems)
		l.lintMapping(l.mappingSources[key])
		l.mappingSources[key].invalid = len(l.problems) > n
		for _, p := range l.problems[n:] {
			invalid[p.Pos] = true
		}
	}
	if len(e.errs)+len(e.incomplete) == 0 {
		return
	}
	l.reportAll(l.rawProblems(e))
	l.reportErrors(e.errs, tree.CUEError, invalid)
	l.reportErrors(e.incomplete, tree.NotConcrete, invalid)
}

// reportErrors reports errors of CUE, except those at the path of a reported problem or at a
// position in an invalid mapping.
func (l *loader) reportErrors(errs []errors.Error, c tree.Code, invalid map[tree.Pos]bool) {
	reported := map[string]bool{}
	for _, p := range l.problems {
		reported[p.Path] = true
	}
	for _, err := range errs {
		path := cuePath(err.Path())
		if isReported(path, reported) ||
			slices.ContainsFunc(l.positions(err), func(p tree.Pos) bool { return invalid[p] }) {
			continue
		}
		reported[path] = true
		if path == "" && len(l.positions(err)) == 0 && len(l.problems) > 0 {
			continue // it follows from a reported problem
		}
		p := c.Problem(l.positionOf(err, path), path, hideLongStrings(source.CUEMessage(err)))
		if c == tree.CUEError {
			p.Advice = "" // CUE wrote the message
			if m := unknownReference.FindStringSubmatch(p.Message); m != nil {
				p.Advice = referenceAdvice(m[1])
			}
		}
		if secretPath(path) {
			p.Code, p.Message, p.Advice = tree.SecretLiteral.ID, notASecretRef, tree.SecretLiteral.Advice
		}
		l.report(p)
	}
}

// unknownReference matches CUE's message for a name without declaration.
var unknownReference = regexp.MustCompile(`^reference "([^"]+)" not found`)

func referenceAdvice(name string) string {
	switch strings.ToLower(name) {
	case "true", "false", "yes", "no":
		return tree.BoolAdvice
	}
	return "write it between double quotes if it is text"
}

// rawProblems checks the declared values, before CUE unified them with the schema, against the
// compiled schema.
func (l *loader) rawProblems(e *evaluation) tree.Problems {
	if !e.raw.Exists() {
		return nil
	}
	var found tree.Problems
	add := func(p tree.Problem) { found = append(found, p) }
	for _, kind := range l.schema.order {
		v := e.raw.LookupPath(cue.MakePath(cue.Str(kind)))
		if !v.Exists() {
			continue
		}
		if kind == "mappings" {
			for _, key := range slices.Sorted(maps.Keys(l.mappingSources)) {
				m := v.LookupPath(cue.MakePath(cue.Str(key)))
				found = append(found, l.rawMapping(m, key)...)
			}
			continue
		}
		x := &extractor{loader: l, literal: l.literals[kind], lenient: true}
		out := &tree.Node{Kind: tree.Struct}
		if x.records(out, v, kind) {
			l.schema.roots[kind].rule.check(out, &problemCollector{path: kind, add: add})
		}
	}
	return found
}

// rawMapping checks the literal fields of a mapping.
func (l *loader) rawMapping(m cue.Value, key string) (found tree.Problems) {
	add := func(p tree.Problem) { found = append(found, p) }
	for _, name := range []string{"ifEmpty", "examples"} {
		v := m.LookupPath(cue.MakePath(cue.Str(name)))
		if !v.Exists() {
			continue
		}
		x := &extractor{loader: l, lenient: true}
		path := tree.JoinPath(tree.JoinPath("mappings", key), name)
		n := x.value(v, path, tree.Position{}, nil)
		l.schema.mapping().field(name).rule.check(n, &problemCollector{path: path, add: add})
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
func (l *loader) positionOf(err errors.Error, path string) tree.Pos {
	if known := l.positions(err); len(known) > 0 {
		return known[0]
	}
	for path != "" {
		if p, ok := l.dynamic.Positions[path]; ok {
			return p.Pos()
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return tree.Pos{}
}

// positions returns the positions in the repository that a CUE error names.
func (l *loader) positions(err errors.Error) []tree.Pos {
	var known []tree.Pos
	for _, p := range append([]token.Pos{err.Position()}, err.InputPositions()...) {
		if ref := l.dynamic.Refs[p.Filename()]; ref != nil {
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

// hideLongStrings removes long strings without spaces from CUE's messages, because they may be
// tokens.
func hideLongStrings(message string) string { return longString.ReplaceAllString(message, `"..."`) }

var longString = regexp.MustCompile(`"[^"\s]{40,}"`)

// omitLong returns "" for a text that is too long for a message.
func omitLong(s string) string {
	if len(s) > tree.MaxShownRunes {
		return ""
	}
	return s
}
