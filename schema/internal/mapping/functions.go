package mapping

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"github.com/seed-d64a251c/roster/schema/internal/source"
)

func (c *exprCompiler) call(x *ast.CallExpr) expr {
	var args []expr
	for _, a := range x.Args {
		e := c.compile(a)
		if e == nil {
			return nil
		}
		args = append(args, e)
	}
	f := c.function(x.Fun)
	if f == nil {
		return nil
	}
	return func(in *userInput) value {
		values := make([]value, len(args))
		for i, a := range args {
			values[i] = a(in)
		}
		for _, v := range values {
			if v.kind <= failed {
				return v
			}
		}
		return f(values)
	}
}

func (c *exprCompiler) function(x ast.Expr) func([]value) value {
	switch x := x.(type) {
	case *ast.Ident:
		if x.Name == "len" && c.scope["len"] == nil && !c.shadowed["len"] {
			return length
		}
	case *ast.SelectorExpr:
		pkg, ok := x.X.(*ast.Ident)
		name, named := source.LabelName(x.Sel)
		if ok && named && c.scope[pkg.Name] == nil && !c.shadowed[pkg.Name] {
			return functions[c.imports[pkg.Name]+"."+name]
		}
	}
	return nil
}

func length(args []value) value {
	if len(args) != 1 {
		return value{kind: failed}
	}
	switch v := args[0]; v.kind {
	case isString:
		return intValue(len(v.s))
	case isList:
		return intValue(len(v.list))
	}
	return value{kind: failed}
}

// FunctionNames returns the names of the functions of CUE's standard library that can be compiled,
// such as "strings.ToLower", sorted.
func FunctionNames() []string { return slices.Sorted(maps.Keys(functions)) }

// functions are the functions of CUE's standard library that mappings use most.
var functions = map[string]func([]value) value{
	"strings.ToLower":    onString(func(s string) value { return stringValue(strings.ToLower(s)) }),
	"strings.ToUpper":    onString(func(s string) value { return stringValue(strings.ToUpper(s)) }),
	"strings.TrimSpace":  onString(func(s string) value { return stringValue(strings.TrimSpace(s)) }),
	"strings.TrimPrefix": onStrings(func(s, t string) value { return stringValue(strings.TrimPrefix(s, t)) }),
	"strings.TrimSuffix": onStrings(func(s, t string) value { return stringValue(strings.TrimSuffix(s, t)) }),
	"strings.HasPrefix":  onStrings(func(s, t string) value { return boolValue(strings.HasPrefix(s, t)) }),
	"strings.HasSuffix":  onStrings(func(s, t string) value { return boolValue(strings.HasSuffix(s, t)) }),
	"strings.Contains":   onStrings(func(s, t string) value { return boolValue(strings.Contains(s, t)) }),
	"strings.Index":      onStrings(func(s, t string) value { return intValue(strings.Index(s, t)) }),
	"strings.Split":      onStrings(func(s, t string) value { return fromGo(strings.Split(s, t)) }),
	"strings.Replace": func(args []value) value {
		if len(args) != 4 || args[0].kind != isString || args[1].kind != isString ||
			args[2].kind != isString || args[3].kind != isInt {
			return value{kind: failed}
		}
		return stringValue(strings.Replace(args[0].s, args[1].s, args[2].s, int(args[3].i)))
	},
	"strings.Join": func(args []value) value {
		if len(args) != 2 || args[0].kind != isList || args[1].kind != isString {
			return value{kind: failed}
		}
		parts := make([]string, len(args[0].list))
		for i, v := range args[0].list {
			if v.kind != isString {
				return value{kind: failed}
			}
			parts[i] = v.s
		}
		return stringValue(strings.Join(parts, args[1].s))
	},
	"strings.SliceRunes": func(args []value) value {
		if len(args) != 3 || args[0].kind != isString || args[1].kind != isInt || args[2].kind != isInt {
			return value{kind: failed}
		}
		runes := []rune(args[0].s)
		from, to := args[1].i, args[2].i
		if from < 0 || from > to || to > int64(len(runes)) {
			return value{kind: failed}
		}
		return stringValue(string(runes[from:to]))
	},
	"list.Contains": func(args []value) value {
		if len(args) != 2 || args[0].kind != isList || args[1].kind != isString {
			return value{kind: failed}
		}
		if slices.ContainsFunc(args[0].list, func(v value) bool { return v.kind <= failed }) {
			return value{kind: failed}
		}
		return boolValue(slices.ContainsFunc(args[0].list, func(v value) bool {
			return v.kind == isString && v.s == args[1].s
		}))
	},
}

func onString(f func(string) value) func([]value) value {
	return func(args []value) value {
		if len(args) != 1 || args[0].kind != isString {
			return value{kind: failed}
		}
		return f(args[0].s)
	}
}

func onStrings(f func(s, t string) value) func([]value) value {
	return func(args []value) value {
		if len(args) != 2 || args[0].kind != isString || args[1].kind != isString {
			return value{kind: failed}
		}
		return f(args[0].s, args[1].s)
	}
}
