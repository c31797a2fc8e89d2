package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// NoTokenCheckBelow is the file size in bytes below which no nesting can exhaust the parser's
// stack, and no value is expensive.
const NoTokenCheckBelow = 128 << 10

// checkTokens returns why a file is too expensive to parse, and where. "" means that it is not.
//
// A file nests too deeply if the parser would need too much stack. checkTokens counts, at each
// point of the file, the tokens since the last comma on every open level. The recursion of a parser
// cannot be deeper than that.
func (l Limits) checkTokens(src []byte) (reason string, at token.Position) {
	if len(src) <= NoTokenCheckBelow {
		return "", at
	}
	var s scanner.Scanner
	s.Init(token.NewFile("", -1, len(src)), src, func(token.Pos, string, []any) {}, 0)
	var open []int
	run, sum := 0, 0
	for {
		pos, tok, text := s.Scan()
		if len(text) > l.valueBytes {
			return l.tooLong(), pos.Position()
		}
		switch tok {
		case token.EOF:
			return "", at
		case token.LPAREN, token.LBRACK, token.LBRACE, token.INTERPOLATION:
			open = append(open, run)
			run = 0
			sum++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if n := len(open); n > 0 {
				sum -= run + 1 // with the opening token
				run, open = open[n-1], open[:n-1]
			}
			run, sum = run+1, sum+1
		case token.COMMA:
			sum -= run
			run = 0
		default:
			run, sum = run+1, sum+1
		}
		if sum > 40*l.depth {
			return "values are nested too deeply", pos.Position()
		}
	}
}

// safetyCheck rejects CUE code whose evaluation depends on anything outside the tree or may cost
// too much.
type safetyCheck struct {
	ref    *tree.File
	limits Limits
	report func(tree.Problem)
	// identifiers collects the names that the code refers to.
	identifiers map[string]bool
	// imports maps the local name of an import to its path.
	imports map[string]string
}

func (sc *safetyCheck) reject(n ast.Node, c tree.Code, message, value string) {
	sc.report(c.Problem(TokenPosition(sc.ref, n.Pos()).Pos(), "", message).WithValue(value))
}

// checkImports rejects imports outside CUE's standard library. It reports whether all imports are
// allowed.
func (sc *safetyCheck) checkImports(f *ast.File) bool {
	sc.imports = map[string]string{}
	allowed := true
	for spec := range f.ImportSpecs() {
		name, err := literal.Unquote(spec.Path.Value)
		first, _, _ := strings.Cut(name, "/")
		if err != nil || strings.Contains(first, ".") || first == "tool" || strings.Contains(name, ":") || first == "" {
			sc.reject(spec.Path, tree.BadImport, "import of a package outside CUE's standard library", spec.Path.Value)
			allowed = false
			continue
		}
		local := name[strings.LastIndex(name, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		sc.imports[local] = name
	}
	return allowed
}

// allowedAttributes are the CUE attributes without effect on evaluation.
var allowedAttributes = []string{"deprecated", "doc", "note"}

func (sc *safetyCheck) attribute(a *ast.Attribute) {
	if !slices.Contains(allowedAttributes, a.Name()) {
		sc.reject(a, tree.BadAttribute, "attribute @"+a.Name()+" is not allowed", "")
	}
}

// check rejects code that CUE must not evaluate. It reports whether the code is allowed.
func (sc *safetyCheck) check(n ast.Node) bool {
	allowed := true
	depth, loops := 0, 0
	labels := map[ast.Node]bool{} // identifiers that are not references
	reject := func(n ast.Node, c tree.Code, message string) {
		if allowed {
			sc.reject(n, c, message, "")
		}
		allowed = false
	}
	ast.Walk(n, func(n ast.Node) bool {
		if depth++; depth > 4*sc.limits.depth {
			reject(n, tree.TooLarge, "the expression is nested too deeply")
			depth--
			return false
		}
		switch n := n.(type) {
		case *ast.Attribute:
			sc.attribute(n)
		case *ast.Field:
			labels[n.Label] = true
		case *ast.SelectorExpr:
			labels[n.Sel] = true
		case *ast.Ident:
			if !labels[n] {
				sc.identifiers[n.Name] = true
			}
		case *ast.ForClause:
			if loops++; loops > sc.limits.forDepth {
				reject(n, tree.Unbounded, fmt.Sprintf("more than %d nested for clauses", sc.limits.forDepth))
			}
		case *ast.CallExpr:
			if function := sc.unboundedRepeat(n); function != "" {
				reject(n, tree.Unbounded, fmt.Sprintf("the count of %s is not a literal number of at most %d",
					function, sc.limits.repeatCount))
			}
		}
		return true
	}, func(n ast.Node) {
		depth--
		if c, ok := n.(*ast.Comprehension); ok {
			for _, clause := range c.Clauses {
				if _, ok := clause.(*ast.ForClause); ok {
					loops--
				}
			}
		}
	})
	return allowed
}

// unboundedRepeat returns the name of the repeating function that is called, unless the count is a
// small literal number.
func (sc *safetyCheck) unboundedRepeat(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	name, named := sel.Sel.(*ast.Ident)
	if !ok || !named {
		return ""
	}
	function := sc.imports[pkg.Name] + "." + name.Name
	switch function {
	case "strings.Repeat", "list.Repeat", "list.Range":
	default:
		return ""
	}
	for i, arg := range call.Args {
		if function != "list.Range" && i == 0 {
			continue
		}
		lit, ok := arg.(*ast.BasicLit)
		if !ok || lit.Kind != token.INT {
			return function
		}
		if count, err := strconv.ParseInt(lit.Value, 10, 64); err != nil || count > sc.limits.repeatCount {
			return function
		}
	}
	return ""
}
