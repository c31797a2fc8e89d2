package awssim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// filter is an expression of RFC 7644 section 3.4.2.2: a comparison, junction, negation or
// valueFilter.
type filter interface{ isFilter() }

// comparison is an attribute, an operator and a value. The operator "pr" has no value.
type comparison struct {
	path  attrPath
	op    string // in lower case, unless the parser is case-sensitive
	value any    // nil, bool, json.Number or string
}

// junction is "left or right" if or is true, else "left and right".
type junction struct {
	or          bool
	left, right filter
}

// negation is "not (inner)".
type negation struct{ inner filter }

// valueFilter is "attribute[inner]". It matches if one value of the multi-valued attribute does.
type valueFilter struct {
	path  attrPath
	inner filter
}

func (comparison) isFilter()  {}
func (junction) isFilter()    {}
func (negation) isFilter()    {}
func (valueFilter) isFilter() {}

// attrPath is the path of an attribute: [urn:]attr[.sub]. A path of PATCH may be only a URN.
type attrPath struct{ urn, attr, sub string }

// String returns the path in the syntax of requests.
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

// maxFilterDepth limits the nesting of parentheses, brackets and negations.
const maxFilterDepth = 32

// filterParser parses filters and paths. If it is case-sensitive, it accepts operators in lower
// case only, as the service does as far as it is documented.
type filterParser struct {
	text          string
	pos           int
	depth         int
	caseSensitive bool
}

// parseFilter parses a whole filter.
func parseFilter(text string, caseSensitive bool) (filter, error) {
	p := &filterParser{text: text, caseSensitive: caseSensitive}
	f, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.text) {
		return nil, p.unexpected("the end")
	}
	return f, nil
}

// unexpected returns the error for text that is not what the grammar expects here.
func (p *filterParser) unexpected(want string) error {
	rest := p.text[p.pos:]
	if len(rest) > 40 {
		rest = rest[:40] + "..."
	}
	return fmt.Errorf("at character %d: expected %s, found %q", p.pos+1, want, rest)
}

// accept skips s if the text continues with it.
func (p *filterParser) accept(s string) bool {
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// word reads up to a space, parenthesis, bracket, quote or the end.
func (p *filterParser) word() string {
	rest := p.text[p.pos:]
	if i := strings.IndexAny(rest, " ()[]\""); i >= 0 {
		rest = rest[:i]
	}
	p.pos += len(rest)
	return rest
}

// keyword skips the word if it is next, between single spaces.
func (p *filterParser) keyword(word string) bool {
	rest := p.text[p.pos:]
	n := len(word) + 2
	if len(rest) < n || rest[0] != ' ' || rest[n-1] != ' ' {
		return false
	}
	if got := rest[1 : n-1]; got != word && (p.caseSensitive || !strings.EqualFold(got, word)) {
		return false
	}
	p.pos += n
	return true
}

func (p *filterParser) disjunction() (filter, error) { return p.operands("or", p.conjunction) }

func (p *filterParser) conjunction() (filter, error) { return p.operands("and", p.term) }

// operands parses operands that the operator joins.
func (p *filterParser) operands(operator string, next func() (filter, error)) (filter, error) {
	left, err := next()
	for err == nil && p.keyword(operator) {
		var right filter
		if right, err = next(); err == nil {
			left = junction{operator == "or", left, right}
		}
	}
	return left, err
}

func (p *filterParser) term() (filter, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, fmt.Errorf("the filter has more than %d levels", maxFilterDepth)
	}
	defer func() { p.depth-- }()
	start := p.pos
	if word := p.word(); word == "not" || !p.caseSensitive && strings.EqualFold(word, "not") {
		p.accept(" ")
		if !strings.HasPrefix(p.text[p.pos:], "(") {
			return nil, p.unexpected("(")
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

func (p *filterParser) group() (filter, error) {
	p.accept("(")
	f, err := p.disjunction()
	if err == nil && !p.accept(")") {
		err = p.unexpected(")")
	}
	return f, err
}

func (p *filterParser) expression() (filter, error) {
	path, err := p.attrPath()
	if err != nil {
		return nil, err
	}
	if p.accept("[") {
		inner, err := p.disjunction()
		if err == nil && !p.accept("]") {
			err = p.unexpected("]")
		}
		return valueFilter{path, inner}, err
	}
	if !p.accept(" ") {
		return nil, p.unexpected("a space and an operator")
	}
	at := p.pos
	op := p.word()
	if !p.caseSensitive {
		op = strings.ToLower(op)
	}
	switch {
	case op == "pr":
		return comparison{path: path, op: op}, nil
	case !slices.Contains([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}, op):
		p.pos = at
		return nil, p.unexpected("an operator")
	case !p.accept(" "):
		return nil, p.unexpected("a space and a value")
	}
	value, err := p.value()
	return comparison{path, op, value}, err
}

// value parses a JSON string, number, boolean or null.
func (p *filterParser) value() (any, error) {
	text := scalarPrefix(p.text[p.pos:])
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || !json.Valid([]byte(text)) {
		return nil, p.unexpected("a value")
	}
	p.pos += len(text)
	if s, ok := v.(string); ok {
		return s, checkText(s)
	}
	return v, nil
}

// scalarPrefix returns the JSON scalar at the start of s, or "" if there is none.
func scalarPrefix(s string) string {
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

func (p *filterParser) attrPath() (attrPath, error) {
	start := p.pos
	path, ok := splitAttrPath(p.word())
	if !ok || path.attr == "" {
		p.pos = start
		return path, p.unexpected("an attribute")
	}
	return path, nil
}

// splitAttrPath splits [urn:]attr[.sub]. It splits off the URN first, at the last colon, because
// URNs contain dots too.
func splitAttrPath(word string) (attrPath, bool) {
	var path attrPath
	if i := strings.LastIndexByte(word, ':'); i >= 0 {
		if !isURN(word[:i]) {
			return path, false
		}
		path.urn, word = word[:i], word[i+1:]
	}
	path.attr, path.sub, _ = strings.Cut(word, ".")
	ok := isAttrName(path.attr) && (path.sub == "" && !strings.HasSuffix(word, ".") || isAttrName(path.sub))
	return path, ok
}

// isURN reports whether s can be the URN of a schema: letters, digits, hyphens and dots between
// colons.
func isURN(s string) bool {
	for part := range strings.SplitSeq(s, ":") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return r != '.' && r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		}) {
			return false
		}
	}
	return len(s) > 4 && strings.EqualFold(s[:4], "urn:")
}

// isAttrName reports whether s is an ATTRNAME of the RFC's grammar, or $ref.
func isAttrName(s string) bool {
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

// patchPath is a path of PATCH: attrPath [ "[" filter "]" [ "." sub ] ] (RFC 7644 section 3.5.2).
type patchPath struct {
	attrPath
	filter filter // nil without brackets
}

// parsePath parses a whole path. The URN of a schema is the path of all its attributes.
func parsePath(text string, caseSensitive bool) (patchPath, error) {
	for _, urn := range []string{urnEnterprise, urnUser, urnGroup} {
		if text == urn || !caseSensitive && strings.EqualFold(text, urn) {
			return patchPath{attrPath: attrPath{urn: urn}}, nil
		}
	}
	p := &filterParser{text: text, caseSensitive: caseSensitive}
	path, err := p.attrPath()
	if err != nil {
		return patchPath{}, err
	}
	out := patchPath{attrPath: path}
	if !p.accept("[") {
		if p.pos < len(p.text) {
			return out, p.unexpected("the end")
		}
		return out, nil
	}
	if path.sub != "" {
		return out, fmt.Errorf("the path %q has a filter on a sub-attribute", text)
	}
	if out.filter, err = p.disjunction(); err != nil {
		return out, err
	}
	if !p.accept("]") {
		return out, p.unexpected("]")
	}
	if p.accept(".") {
		if out.sub = p.word(); !isAttrName(out.sub) {
			return out, fmt.Errorf("the path %q does not end with an attribute name", text)
		}
	}
	if p.pos < len(p.text) {
		return out, p.unexpected("the end")
	}
	return out, nil
}
