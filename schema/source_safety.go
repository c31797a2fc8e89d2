package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// small is the size up to which no nesting can exhaust the parser's stack.
const noDepthCheckBelow = 128 << 10

// tooDeep reports whether a file nests so deeply that parsing it would need an unreasonable stack. It counts, at each point of the file, the tokens since
// the last comma on every open level, which no recursion of a parser exceeds.
func tooDeep(src []byte, limit int) bool {
	if len(src) <= noDepthCheckBelow {
		return false
	}
	var s scanner.Scanner
	s.Init(token.NewFile("", -1, len(src)), src, func(token.Pos, string, []any) {}, 0)
	var open []int
	run, sum := 0, 0
	for {
		switch _, tok, _ := s.Scan(); tok {
		case token.EOF:
			return false
		case token.LPAREN, token.LBRACK, token.LBRACE, token.INTERPOLATION:
			open = append(open, run)
			run = 0
			sum++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if n := len(open); n > 0 {
				sum -= run + 1 // the opening one, too
				run, open = open[n-1], open[:n-1]
			}
			run, sum = run+1, sum+1
		case token.COMMA:
			sum -= run
			run = 0
		default:
			run, sum = run+1, sum+1
		}
		if sum > limit {
			return true
		}
	}
}

// guard refuses what would make evaluation depend on anything but the tree, or cost more than it should.
type safetyCheck struct {
	ref         *fileRef
	limits      limits
	report      func(Problem)
	identifiers map[string]bool   // identifiers that are referred to
	imports     map[string]string // local name -> path
}

func (g *safetyCheck) refuse(n ast.Node, c code, message, value string) {
	g.report(Problem{Pos: tokenPosition(g.ref, n.Pos()).pos(), Code: c.id, Message: message, Value: value, Advice: c.advice})
}

// checkImports refuses imports of anything but CUE's standard library. It reports whether there were none.
func (g *safetyCheck) checkImports(f *ast.File) bool {
	g.imports = map[string]string{}
	fine := true
	for spec := range f.ImportSpecs() {
		name, err := literal.Unquote(spec.Path.Value)
		first, _, _ := strings.Cut(name, "/")
		if err != nil || strings.Contains(first, ".") || first == "tool" || strings.Contains(name, ":") || first == "" {
			g.refuse(spec.Path, badImport, "import of something outside CUE's standard library", spec.Path.Value)
			fine = false
			continue
		}
		local := name[strings.LastIndex(name, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		g.imports[local] = name
	}
	return fine
}

// inert are the attributes that have no effect on evaluation.
var allowedAttributes = []string{"deprecated", "doc", "note"}

func (g *safetyCheck) attribute(a *ast.Attribute) {
	if !slices.Contains(allowedAttributes, a.Name()) {
		g.refuse(a, badAttribute, "attribute @"+a.Name()+" is not allowed", "")
	}
}

// check walks what CUE is to evaluate and reports whether it may.
func (g *safetyCheck) check(n ast.Node) bool {
	fine := true
	depth, loops := 0, 0
	labels := map[ast.Node]bool{} // identifiers that refer to nothing
	refuse := func(n ast.Node, c code, message string) {
		if fine {
			g.refuse(n, c, message, "")
		}
		fine = false
	}
	ast.Walk(n, func(n ast.Node) bool {
		if depth++; depth > 4*g.limits.depth {
			refuse(n, tooLarge, "the expression nests too deeply")
			depth--
			return false
		}
		switch n := n.(type) {
		case *ast.Attribute:
			g.attribute(n)
		case *ast.Field:
			labels[n.Label] = true
		case *ast.SelectorExpr:
			labels[n.Sel] = true
		case *ast.Ident:
			if !labels[n] {
				g.identifiers[n.Name] = true
			}
		case *ast.ForClause:
			if loops++; loops > g.limits.forDepth {
				refuse(n, unbounded, fmt.Sprintf("more than %d for clauses inside each other", g.limits.forDepth))
			}
		case *ast.CallExpr:
			if what := g.unboundedRepeat(n); what != "" {
				refuse(n, unbounded, what+" with a count that is not a literal number of at most "+strconv.FormatInt(g.limits.repeatCount, 10))
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
	return fine
}

// repeats names the function that a call repeats something with, unless it does so a small, literal number of times.
func (g *safetyCheck) unboundedRepeat(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := sel.X.(*ast.Ident)
	name, named := sel.Sel.(*ast.Ident)
	if !ok || !named {
		return ""
	}
	function := g.imports[pkg.Name] + "." + name.Name
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
		if count, err := strconv.ParseInt(lit.Value, 10, 64); err != nil || count > g.limits.repeatCount {
			return function
		}
	}
	return ""
}
