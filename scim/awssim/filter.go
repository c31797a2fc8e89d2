package awssim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// filter is an expression of RFC 7644 section 3.4.2.2: one of comparison, junction, negation and valueFilter.
type filter interface{ isFilter() }

// comparison is attribute operator value. The operator "pr" has no value.
type comparison struct {
	path  attrPath
	op    string // in lower case, unless the parser is exact
	value any    // nil, bool, json.Number or string
}

// junction is left and right, or left or right.
type junction struct {
	or          bool
	left, right filter
}

// negation is not (of).
type negation struct{ of filter }

// valueFilter is attribute[of]: one value of a multi-valued attribute that fits.
type valueFilter struct {
	path attrPath
	of   filter
}

func (comparison) isFilter()  {}
func (junction) isFilter()    {}
func (negation) isFilter()    {}
func (valueFilter) isFilter() {}

// attrPath names an attribute: [urn:]attr[.sub]. A path of PATCH may be a URN alone.
type attrPath struct{ urn, attr, sub string }

// String writes the path as it is sent.
func (p attrPath) String() string {
	s := p.attr
	if p.urn != "" {
		s = strings.TrimSuffix(p.urn+":"+s, ":")
	}
	if p.sub != "" {
		s += "." + p.sub
	}
	return s
}

// maxFilterDepth bounds brackets and negations.
const maxFilterDepth = 32

// parser reads filters and paths. exact is the service's way, as far as it is documented: operators in lower case.
type parser struct {
	text  string
	pos   int
	depth int
	exact bool
}

// parseFilter reads a whole filter.
func parseFilter(text string, exact bool) (filter, error) {
	p := &parser{text: text, exact: exact}
	f, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.text) {
		return nil, p.fail("the end")
	}
	return f, nil
}

func (p *parser) fail(want string) error {
	rest := p.text[p.pos:]
	if len(rest) > 40 {
		rest = rest[:40] + "..."
	}
	return fmt.Errorf("at character %d: %q where %s belongs", p.pos+1, rest, want)
}

func (p *parser) accept(s string) bool {
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// word reads up to a space, bracket or the end.
func (p *parser) word() string {
	rest := p.text[p.pos:]
	if i := strings.IndexAny(rest, " ()[]\""); i >= 0 {
		rest = rest[:i]
	}
	p.pos += len(rest)
	return rest
}

// keyword accepts the word between single spaces.
func (p *parser) keyword(word string) bool {
	rest := p.text[p.pos:]
	n := len(word) + 2
	if len(rest) < n || rest[0] != ' ' || rest[n-1] != ' ' {
		return false
	}
	if got := rest[1 : n-1]; got != word && (p.exact || !strings.EqualFold(got, word)) {
		return false
	}
	p.pos += n
	return true
}

func (p *parser) disjunction() (filter, error) { return p.join("or", p.conjunction) }

func (p *parser) conjunction() (filter, error) { return p.join("and", p.term) }

func (p *parser) join(word string, next func() (filter, error)) (filter, error) {
	left, err := next()
	for err == nil && p.keyword(word) {
		var right filter
		if right, err = next(); err == nil {
			left = junction{word == "or", left, right}
		}
	}
	return left, err
}

func (p *parser) term() (filter, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, fmt.Errorf("the filter nests deeper than %d levels", maxFilterDepth)
	}
	defer func() { p.depth-- }()
	start := p.pos
	if word := p.word(); word == "not" || !p.exact && strings.EqualFold(word, "not") {
		p.accept(" ")
		if !strings.HasPrefix(p.text[p.pos:], "(") {
			return nil, p.fail("(")
		}
		f, err := p.group()
		return negation{f}, err
	}
	p.pos = start
	if strings.HasPrefix(p.text[p.pos:], "(") {
		return p.group()
	}
	return p.expression()
}

func (p *parser) group() (filter, error) {
	p.accept("(")
	f, err := p.disjunction()
	if err == nil && !p.accept(")") {
		err = p.fail(")")
	}
	return f, err
}

func (p *parser) expression() (filter, error) {
	path, err := p.attrPath()
	if err != nil {
		return nil, err
	}
	if p.accept("[") {
		of, err := p.disjunction()
		if err == nil && !p.accept("]") {
			err = p.fail("]")
		}
		return valueFilter{path, of}, err
	}
	if !p.accept(" ") {
		return nil, p.fail("a space and an operator")
	}
	at := p.pos
	op := p.word()
	if !p.exact {
		op = strings.ToLower(op)
	}
	switch {
	case op == "pr":
		return comparison{path: path, op: op}, nil
	case !slices.Contains([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}, op):
		p.pos = at
		return nil, p.fail("an operator")
	case !p.accept(" "):
		return nil, p.fail("a space and a value")
	}
	value, err := p.value()
	return comparison{path, op, value}, err
}

// value reads a JSON string, number, boolean or null.
func (p *parser) value() (any, error) {
	text := scalar(p.text[p.pos:])
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || !json.Valid([]byte(text)) {
		return nil, p.fail("a value")
	}
	p.pos += len(text)
	if s, ok := v.(string); ok {
		return s, checkText(s)
	}
	return v, nil
}

// scalar is the text of the JSON scalar that s starts with.
func scalar(s string) string {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, " )]"); i >= 0 {
			s = s[:i]
		}
		if strings.ContainsAny(s, "{[ \t\r\n") {
			return ""
		}
		return s
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i+1]
		}
	}
	return ""
}

func (p *parser) attrPath() (attrPath, error) {
	start := p.pos
	path, ok := splitAttrPath(p.word())
	if !ok || path.attr == "" {
		p.pos = start
		return path, p.fail("an attribute")
	}
	return path, nil
}

// splitAttrPath splits [urn:]attr[.sub]. Dots occur in URNs too, so what is split off first is the URN: up to the last
// colon.
func splitAttrPath(word string) (attrPath, bool) {
	var path attrPath
	if i := strings.LastIndexByte(word, ':'); i >= 0 {
		if !urn(word[:i]) {
			return path, false
		}
		path.urn, word = word[:i], word[i+1:]
	}
	path.attr, path.sub, _ = strings.Cut(word, ".")
	ok := attrName(path.attr) && (path.sub == "" && !strings.HasSuffix(word, ".") || attrName(path.sub))
	return path, ok
}

// urn is whether s can be the URN of a schema: letters, digits, hyphens and dots between colons.
func urn(s string) bool {
	for part := range strings.SplitSeq(s, ":") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return r != '.' && r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		}) {
			return false
		}
	}
	return len(s) > 4 && strings.EqualFold(s[:4], "urn:")
}

// attrName is the ABNF's ATTRNAME, and $ref.
func attrName(s string) bool {
	if s == "$ref" {
		return true
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || s[i] != '-' && s[i] != '_' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	return s != ""
}

// patchPath is a path of PATCH: attrPath [ "[" filter "]" [ "." sub ] ], RFC 7644 section 3.5.2.
type patchPath struct {
	attrPath
	of filter // nil: no brackets
}

// parsePath reads a whole path. A URN of a schema stands for all of its attributes.
func parsePath(text string, exact bool) (patchPath, error) {
	for _, urn := range []string{urnEnterprise, urnUser, urnGroup} {
		if text == urn || !exact && strings.EqualFold(text, urn) {
			return patchPath{attrPath: attrPath{urn: urn}}, nil
		}
	}
	p := &parser{text: text, exact: exact}
	path, err := p.attrPath()
	if err != nil {
		return patchPath{}, err
	}
	out := patchPath{attrPath: path}
	if !p.accept("[") {
		if p.pos < len(p.text) {
			return out, p.fail("the end")
		}
		return out, nil
	}
	if path.sub != "" {
		return out, fmt.Errorf("the path %q filters a sub-attribute", text)
	}
	if out.of, err = p.disjunction(); err != nil {
		return out, err
	}
	if !p.accept("]") {
		return out, p.fail("]")
	}
	if p.accept(".") {
		if out.sub = p.word(); !attrName(out.sub) {
			return out, fmt.Errorf("the path %q ends in no attribute", text)
		}
	}
	if p.pos < len(p.text) {
		return out, p.fail("the end")
	}
	return out, nil
}
