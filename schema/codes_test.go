package schema

import (
	"bytes"
	"fmt"
	goast "go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// codeTable returns the codes of internal/tree/codes.go in order.
func codeTable(t testing.TB) (codes []tree.Code) {
	t.Helper()
	f, err := goparser.ParseFile(gotoken.NewFileSet(), "internal/tree/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	goast.Inspect(f, func(n goast.Node) bool {
		lit, ok := n.(*goast.CompositeLit)
		if !ok || len(lit.Elts) != 3 {
			return true
		}
		codes = append(codes, tree.Code{
			ID: stringConstant(lit.Elts[0]), Sentence: stringConstant(lit.Elts[1]), Advice: stringConstant(lit.Elts[2]),
		})
		return true
	})
	return codes
}

// stringConstant returns the value of a string literal, or of a concatenation of string literals.
func stringConstant(x goast.Expr) string {
	switch x := x.(type) {
	case *goast.BinaryExpr:
		return stringConstant(x.X) + stringConstant(x.Y)
	case *goast.BasicLit:
		text, _ := strconv.Unquote(x.Value)
		return text
	}
	return ""
}

// TestErrorCodesGolden compares all codes, sorted, with the golden file of messages.
func TestErrorCodesGolden(t *testing.T) {
	codes := codeTable(t)
	slices.SortFunc(codes, func(a, b tree.Code) int { return strings.Compare(a.ID, b.ID) })
	var b strings.Builder
	for _, c := range codes {
		fmt.Fprintf(&b, "%s %s\n      %s\n", c.ID, c.Sentence, c.Advice)
	}
	golden(t, "../testdata/messages/errors.golden", []byte(b.String()))
}

// golden compares content with a golden file, or writes the file with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date; run: go test ./schema -run '^%s$' -update", name, t.Name())
	}
}

func TestEveryCodeIsDocumentedAndTested(t *testing.T) {
	var tested bytes.Buffer
	entries, err := os.ReadDir("testdata/problems")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile("testdata/problems/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		tested.Write(b)
	}
	elsewhere := []string{ // these have their own tests
		tree.NothingDeclared.ID, tree.NotTheRoot.ID,
		tree.Unevaluated.ID, tree.MembershipEnding.ID, tree.UserEnding.ID, tree.TokenExpiring.ID, tree.PauseEnded.ID,
		tree.ApprovalExpired.ID, tree.ViolatedAlways.ID,
		tree.ViolatedByDate.ID, tree.ReviewNeeded.ID, tree.ApprovalUnmatched.ID,
	}
	seen := map[string]bool{}
	for _, c := range codeTable(t) {
		if seen[c.ID] || c.Sentence == "" || c.Advice == "" {
			t.Errorf("%s is duplicated, or has no text", c.ID)
		}
		seen[c.ID] = true
		if !slices.Contains(elsewhere, c.ID) && !bytes.Contains(tested.Bytes(), []byte(" "+c.ID+": ")) &&
			!bytes.Contains(tested.Bytes(), []byte("\n"+c.ID+": ")) {
			t.Errorf("%s (%s) is in no test case", c.ID, c.Sentence)
		}
	}
}
