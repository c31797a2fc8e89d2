package source

import (
	"regexp"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// The mistakes that parsers do not name. Each is found in the line of a syntax error.
var (
	unquotedKey  = regexp.MustCompile(`(?:^|[\s{,:])([A-Za-z0-9_]*[A-Za-z0-9_]-[A-Za-z0-9_.-]*)\s*:`)
	unquotedDate = regexp.MustCompile(`[:\[,]\s*([0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.Z+-]+)?)`)
	otherQuotes  = regexp.MustCompile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u2033]")
	leadingZero  = regexp.MustCompile(`[:\[,]\s*[+-]?0[0-9]+\b`)
	singleQuotes = regexp.MustCompile(`[:{\[,]\s*'`)
)

// maxAdviceLine is the length of a line, in bytes, up to which it is searched for advice. Nobody
// wrote a longer one by hand, and to search it costs more than to parse it.
const maxAdviceLine = 64 << 10

// syntaxAdvice returns how to correct a syntax error at a line of CUE or JSON, or "" if the message
// of the parser has to do.
func syntaxAdvice(text []byte, line int) string {
	code := sourceLine(text, line)
	if len(code) > maxAdviceLine {
		return ""
	}
	if m := otherQuotes.FindString(code); m != "" {
		return "write straight double quotes instead of " + m
	}
	code = withoutStrings(code)
	if m := unquotedKey.FindStringSubmatch(code); m != nil {
		return `write the key between double quotes: "` + m[1] + `"`
	}
	if m := unquotedDate.FindStringSubmatch(code); m != nil {
		return `write the date between double quotes: "` + m[1] + `"`
	}
	if leadingZero.MatchString(code) {
		return tree.IntAdvice
	}
	if singleQuotes.MatchString(code) {
		return "write double quotes instead of single quotes"
	}
	return ""
}

// scalarAdvice returns how to correct a value that begins a text and is no value of JSON, or "".
func scalarAdvice(rest string) string {
	word := scalarWord.FindString(rest)
	switch strings.ToLower(word) {
	case "":
		return ""
	case "true", "false", "yes", "no", "on", "off", "y", "n", "t", "f":
		return tree.BoolAdvice
	}
	if strings.ContainsAny(word[:1], "+-.0123456789") {
		return tree.IntAdvice
	}
	return tree.QuoteAdvice
}

// numberPrefix matches a text that ends in a number.
var numberPrefix = regexp.MustCompile(`[:\[,]\s*[+-]?[0-9.]+$`)

var scalarWord = regexp.MustCompile(`^[+.A-Za-z0-9_-]+`)

// sourceLine returns a line of a text. The first line is 1.
func sourceLine(text []byte, number int) string {
	for line := range strings.Lines(string(text)) {
		if number--; number == 0 {
			return line
		}
	}
	return ""
}

var doubleQuoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// withoutStrings replaces the text between double quotes.
func withoutStrings(line string) string { return doubleQuoted.ReplaceAllString(line, `""`) }

// checkForms reports the literals of a record that CUE reads as something else than the other
// formats do: numbers that are not decimal, texts between single quotes, which are bytes, and dates
// without quotes, which are subtractions. It reports whether there are none.
func (s *splitter) checkForms(x ast.Node) bool {
	valid := true
	report := func(n ast.Node, c tree.Code, message, value, advice string) {
		valid = false
		s.report(c.Problem(s.reader.at(n).Pos(), "", message).WithValue(value).WithAdvice(advice))
	}
	ast.Walk(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if date := subtractedDate(n); date != "" {
				report(n, tree.BadDate, "a date without quotes is a subtraction", date,
					`write the date between double quotes: "`+date+`"`)
				return false
			}
		case *ast.UnaryExpr:
			if lit, ok := n.X.(*ast.BasicLit); ok && n.Op == token.ADD {
				report(n, tree.WrongType, "the formats do not agree on this number", "+"+lit.Value, tree.IntAdvice)
				return false
			}
		case *ast.BasicLit:
			switch {
			case n.Kind == token.STRING && strings.HasPrefix(strings.TrimLeft(n.Value, "#"), "'"):
				report(n, tree.WrongType, "a text between single quotes is bytes, not a string", n.Value,
					"write double quotes instead of single quotes")
			case n.Kind == token.INT && !decimalInt(n.Value):
				report(n, tree.WrongType, "the formats do not agree on this number", n.Value, tree.IntAdvice)
			}
		}
		return true
	}, nil)
	return valid
}

// subtractedDate returns the date that a subtraction of three integers looks like, or "".
func subtractedDate(x *ast.BinaryExpr) string {
	left, ok := x.X.(*ast.BinaryExpr)
	if !ok || x.Op != token.SUB || left.Op != token.SUB {
		return ""
	}
	var parts []string
	for _, e := range []ast.Expr{left.X, left.Y, x.Y} {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.INT {
			return ""
		}
		parts = append(parts, lit.Value)
	}
	if len(parts[0]) != 4 || len(parts[1]) > 2 || len(parts[2]) > 2 {
		return ""
	}
	return strings.Join(parts, "-")
}
