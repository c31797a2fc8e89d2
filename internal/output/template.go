package output

import (
	"fmt"
	"html/template"
	"io/fs"
	"reflect"
	"strings"
	"text/template/parse"
)

// Template parses the files of a page. The first is the page; all may use the functions. Each value
// that the page shows is as Line shows it, and html/template then escapes it by its place. The
// function lines splits a text that has several lines. Template panics if a file is invalid: it is
// part of the program.
func Template(functions map[string]any, files fs.FS, names ...string) *template.Template {
	t := template.Must(template.New(names[0]).Funcs(template.FuncMap{
		"line": lineOf, "lines": func(s string) []string { return strings.Split(s, "\n") },
	}).Funcs(functions).ParseFS(files, names...))
	for _, part := range t.Templates() {
		if part.Tree != nil {
			escapeNodes(part.Tree, part.Tree.Root)
		}
	}
	return t
}

// lineOf returns a text as Line shows it, and any other value as it is.
func lineOf(v any) any {
	switch v := v.(type) {
	case error:
		return Line(v.Error())
	case fmt.Stringer:
		return Line(v.String())
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		return Line(r.String())
	}
	return v
}

// escapeNodes adds the function line to each value that a part of a template shows.
func escapeNodes(t *parse.Tree, n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			escapeNodes(t, child)
		}
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			call := parse.NewIdentifier("line").SetTree(t).SetPos(n.Pos)
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos,
				Args: []parse.Node{call}})
		}
	case *parse.IfNode:
		escapeBranch(t, &n.BranchNode)
	case *parse.RangeNode:
		escapeBranch(t, &n.BranchNode)
	case *parse.WithNode:
		escapeBranch(t, &n.BranchNode)
	}
}

func escapeBranch(t *parse.Tree, n *parse.BranchNode) {
	escapeNodes(t, n.List)
	escapeNodes(t, n.ElseList)
}
