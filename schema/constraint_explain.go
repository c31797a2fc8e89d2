package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// explain reports what CUE found wrong: in the words of the schema where the value itself is wrong, and in CUE's where it is not that simple.
func (l *loader) reportCUEErrors() {
	e := l.evaluated
	if e == nil {
		return
	}
	wrong := map[Pos]bool{}
	for _, key := range keysOf(l.mappingSources) {
		n := len(l.problems)
		l.lintMapping(l.mappingSources[key])
		l.mappingSources[key].invalid = len(l.problems) > n
		for _, p := range l.problems[n:] {
			wrong[p.Pos] = true
		}
	}
	if len(e.errs) == 0 {
		return
	}
	own := l.rawProblems(e)
	l.problems = append(l.problems, own...)
	said := map[string]bool{}
	for _, p := range l.problems {
		said[p.Path] = true
	}
	for _, err := range e.errs {
		path := cuePath(err.Path())
		if isReported(path, said) || slices.ContainsFunc(l.positions(err), func(p Pos) bool { return wrong[p] }) {
			continue
		}
		said[path] = true
		if path == "" && len(l.positions(err)) == 0 && len(l.problems) > 0 {
			continue // a consequence of what was said
		}
		p := Problem{Pos: l.positionOf(err, path), Code: cueError.id, Path: path, Message: hideLongStrings(cueMessage(err))}
		if secretPath(path) {
			p.Code, p.Message, p.Advice = secretLiteral.id, "is not a reference to a secret", secretLiteral.advice
		}
		l.report(p)
	}
}

// rawProblems checks what people wrote, before the schema was unified with it, against the compiled schema.
func (l *loader) rawProblems(e *evaluation) Problems {
	var own Problems
	if !e.raw.Exists() {
		return nil
	}
	for _, kind := range l.schema.order {
		v := e.raw.LookupPath(cue.MakePath(cue.Str(kind)))
		if !v.Exists() {
			continue
		}
		if kind == "mappings" {
			for _, key := range keysOf(l.mappingSources) {
				m := v.LookupPath(cue.MakePath(cue.Str(key)))
				own = append(own, l.rawMapping(m, key)...)
			}
			continue
		}
		x := &extractor{loader: l, literal: l.literals[kind], lenient: true}
		out := &node{kind: structNode}
		if x.records(out, v, kind) {
			l.schema.roots[kind].rule.check(out, &problemCollector{path: kind, add: func(p Problem) { own = append(own, p) }})
		}
	}
	return own
}

// rawMapping checks the fields of a mapping that are data.
func (l *loader) rawMapping(m cue.Value, key string) (own Problems) {
	for _, name := range []string{"ifEmpty", "examples"} {
		v := m.LookupPath(cue.MakePath(cue.Str(name)))
		if !v.Exists() {
			continue
		}
		x := &extractor{loader: l, lenient: true}
		path := joinPath(joinPath("mappings", key), name)
		n := x.value(v, path, position{}, nil)
		l.schema.mapping().field(name).rule.check(n, &problemCollector{path: path, add: func(p Problem) { own = append(own, p) }})
	}
	return own
}

// covered reports whether something was said about a path, about what is below it or about what holds it.
func isReported(path string, said map[string]bool) bool {
	if path == "" {
		return false
	}
	for other := range said {
		if other == path || strings.HasPrefix(other, path) || other != "" && strings.HasPrefix(path, other) {
			return true
		}
	}
	return false
}

// positionOf finds where in the repository an error of CUE arose.
func (l *loader) positionOf(err errors.Error, path string) Pos {
	if own := l.positions(err); len(own) > 0 {
		return own[0]
	}
	for path != "" {
		if s, ok := l.dynamic.positions[path]; ok {
			return s.pos()
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return Pos{}
}

// positions returns the places in the repository that an error of CUE names.
func (l *loader) positions(err errors.Error) []Pos {
	var own []Pos
	for _, p := range append([]token.Pos{err.Position()}, err.InputPositions()...) {
		if src := l.dynamic.refs[p.Filename()]; src != nil {
			own = append(own, tokenPosition(src, p).pos())
		}
	}
	return own
}

// cuePath renders a path of CUE as roster does, without the definitions that it went through.
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
		path = joinPath(path, s)
	}
	return path
}

// message returns what an error says, without the position.
func cueMessage(err errors.Error) string {
	format, args := err.Msg()
	return fmt.Sprintf(format, args...)
}

// secretPath reports whether a path leads to where references to secrets stand.
func secretPath(path string) bool {
	return strings.HasPrefix(path, "provisioners.") && strings.Contains(path, ".auth") || strings.Contains(path, ".signing.") && strings.Contains(path, ".key")
}

// scrub keeps long unbroken strings, which may be tokens, out of CUE's messages.
func hideLongStrings(message string) string { return longString.ReplaceAllString(message, `"..."`) }

var longString = regexp.MustCompile(`"[^"\s]{40,}"`)

func omitLong(s string) string {
	if len(s) > maxShownRunes {
		return ""
	}
	return s
}
