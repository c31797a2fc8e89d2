package sourcestyle

import (
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of log lines again")

// logLine is a line that the source can write to the log.
type logLine struct {
	message, level string
	keys           []string
}

// levelMethods are the methods of slog.Logger by name, with the number of arguments before the
// message.
var levelMethods = map[string]struct {
	level  string
	before int
}{
	"Debug": {"debug", 0}, "Info": {"info", 0}, "Warn": {"warn", 0}, "Error": {"error", 0},
	"DebugContext": {"debug", 1}, "InfoContext": {"info", 1}, "WarnContext": {"warn", 1}, "ErrorContext": {"error", 1},
	"Log": {"varies", 2},
}

// logLines lists the lines of a file, and the calls whose message or keys are no constants.
func logLines(t *testing.T, f sourceFile) (lines []logLine, dynamic []match) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, f.name, f.data, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !isLogger(method.X) {
			return true
		}
		m, ok := levelMethods[method.Sel.Name]
		if !ok || len(call.Args) <= m.before {
			return true
		}
		message, constantMessage := textOf(call.Args[m.before])
		line := logLine{message: message, level: m.level}
		args := call.Args[m.before+1:]
		for i := 0; i < len(args) && call.Ellipsis == token.NoPos; i += 2 {
			key, ok := textOf(args[i])
			constantMessage = constantMessage && ok
			line.keys = append(line.keys, key)
		}
		if constantMessage {
			lines = append(lines, line)
		} else {
			dynamic = append(dynamic, match{line: set.Position(call.Pos()).Line, text: "a line of the log whose " +
				"message or keys are no constants"})
		}
		return true
	})
	return lines, dynamic
}

// isLogger reports whether an expression is a logger: its last name is log, logger or Log.
func isLogger(e ast.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	case *ast.CallExpr:
		return isLogger(e.Fun)
	}
	return name == "log" || name == "Log" || name == "logger"
}

// textOf returns the value of a constant text.
func textOf(e ast.Expr) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return constant.StringVal(constant.MakeFromLiteral(e.Value, e.Kind, 0)), true
		}
	case *ast.BinaryExpr:
		a, first := textOf(e.X)
		b, second := textOf(e.Y)
		return a + b, first && second
	}
	return "", false
}

// dynamicLines are the files with lines whose message or level is chosen at run time. The page
// describes these lines in words.
var dynamicLines = map[string]int{"internal/daemon/daemon.go": 1, "internal/audit/quarantine_file.go": 1}

var logKey = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

// TestLogPage compares the table of log lines in the documentation with the source.
func TestLogPage(t *testing.T) {
	found, rows := findings{}, map[string]bool{}
	for _, f := range repository(t) {
		if !f.isGo() || strings.HasSuffix(f.name, "_test.go") || strings.HasPrefix(f.name, "tools/") ||
			strings.Contains(f.name, "test/") {
			continue
		}
		lines, dynamic := logLines(t, f)
		if len(dynamic) > dynamicLines[f.name] {
			for _, m := range dynamic {
				found.add(f, m.line, "%s", m.text)
			}
		}
		for _, l := range lines {
			for _, key := range l.keys {
				if !logKey.MatchString(key) {
					found.add(f, 1, "the key %q of the line %q is not in camel case", key, l.message)
				}
			}
			rows[fmt.Sprintf("| %s | %s | %s |\n", l.message, l.level, "`"+strings.Join(l.keys, "` `")+"`")] = true
		}
	}
	found.report(t)
	if len(rows) < 40 {
		t.Fatalf("found only %d lines of the log", len(rows))
	}
	sorted := make([]string, 0, len(rows))
	for row := range rows {
		sorted = append(sorted, strings.ReplaceAll(row, "``", "-"))
	}
	slices.Sort(sorted)
	const head = "| message | level | keys |\n|---|---|---|\n"
	name := filepath.Join(root, "docs", "operations", "log.md")
	page := readPage(t, filepath.Join("operations", "log.md"))
	before, _, ok := strings.Cut(page, head)
	if !ok {
		t.Fatal("the page has no table of log lines")
	}
	want := before + head + strings.Join(sorted, "")
	switch {
	case *update:
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case page != want:
		t.Error("docs/operations/log.md is outdated: run go test ./internal/sourcestyle -run TestLogPage -update")
	}
}
