package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// module is a module whose tests check some of its rules.
var module = map[string]string{
	"go.mod": "module example.com/limits\n\ngo 1.24\n",
	"limits.go": `package limits

const most = 10

func Allowed(n int, _ string) bool {
	return n < most
}

func Named(name string) bool {
	return name != ""
}

func Closed() bool {
	return true
}
`,
	"limits_test.go": `package limits

import "testing"

func TestAllowed(t *testing.T) {
	if !Allowed(9, "") || Allowed(10, "") {
		t.Error("wrong limit")
	}
}

func TestNamed(t *testing.T) { Named("") }

func TestClosed(t *testing.T) { t.Error("this test always fails") }
`,
	"user/user.go": `package user

import "example.com/limits"

func OK(name string) bool { return limits.Named(name) }
`,
	"user/user_test.go": `package user

import "testing"

func TestOK(t *testing.T) {
	if OK("") {
		t.Error("a user without a name is OK")
	}
}
`,
}

const list = `
# The limit lets one more pass.
file limits.go
test . TestAllowed
-	return n < most
+	return n <= most

# The limit is another one.
file limits.go
test . TestAllowed
-const most = 10
+const most = 11

# An empty name is a name.
file limits.go
test . TestNamed
-	return name != ""
+	return true || name != ""

# A defect that does not compile.
file limits.go
test . TestAllowed
-	return n < most
+	return undefined(n)

# A defect whose test fails anyway.
file limits.go
test . TestClosed
-	return true
-}
+	return false
+}

# A defect of lines that are gone.
file limits.go
test . TestClosed
-	return maybe
+	return false
`

func newTestSession(t *testing.T, dir string) (*session, *strings.Builder) {
	t.Helper()
	defects, err := parseDefects("limits", list)
	if err != nil {
		t.Fatal(err)
	}
	out := &strings.Builder{}
	s := &session{defects: defects, out: out, now: time.Now}
	if err := s.start(dir, filepath.Join("bin", "results.json"), true); err != nil {
		t.Fatal(err)
	}
	return s, out
}

func TestEachDefectHasItsOutcome(t *testing.T) {
	dir := t.TempDir()
	for name, text := range module {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	s, out := newTestSession(t, dir)
	passed, err := s.run(t.Context())
	if passed || err != nil {
		t.Errorf("passed: %v, error: %v", passed, err)
	}
	for _, want := range []struct {
		name    string
		outcome outcome
		detail  string
	}{
		{"The limit lets one more pass.", caught, ". TestAllowed"},
		{"The limit is another one.", caught, ". TestAllowed"},
		{"An empty name is a name.", survived, "only the tests that the list names"},
		{"A defect that does not compile.", invalid, "undefined"},
		{"A defect whose test fails anyway.", invalid, "fails without the defect"},
		{"A defect of lines that are gone.", invalid, "does not have the lines"},
	} {
		have := s.results.all[want.name]
		if have.Outcome != want.outcome || !strings.Contains(have.By+have.Reason, want.detail) {
			t.Errorf("%s: %+v, want %s: %s", want.name, have, want.outcome, want.detail)
		}
	}
	if !strings.Contains(out.String(), "\nall     2       1         3        0\n") {
		t.Errorf("the table is wrong:\n%s", out)
	}

	tests := strings.Split(module["limits_test.go"], "\nfunc TestClosed")[0]
	changeTests := func(t *testing.T, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "limits_test.go"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("a survivor is checked with the tests of other packages", func(t *testing.T) {
		changeTests(t, tests) // without the test that always fails
		s, out := newTestSession(t, dir)
		s.defects, s.checker.quick = s.defects[:3], false
		passed, err := s.run(t.Context())
		if by := s.results.all["An empty name is a name."].By; !passed || err != nil || by != "./user TestOK" {
			t.Errorf("passed: %v, error: %v, caught by %q\n%s", passed, err, by, out)
		}
	})
	t.Run("a check goes on where it was interrupted", func(t *testing.T) {
		s, out := newTestSession(t, dir)
		s.defects = s.defects[:3]
		if passed, err := s.run(t.Context()); !passed || err != nil || strings.Contains(out.String(), "limits.go") {
			t.Errorf("passed: %v, error: %v; want that nothing is checked again\n%s", passed, err, out)
		}
	})
	t.Run("a defect has no result after its tests have changed", func(t *testing.T) {
		changeTests(t, tests+"\n")
		s, out := newTestSession(t, dir)
		s.defects, s.list = s.defects[:1], true
		if passed, err := s.run(t.Context()); !passed || err != nil ||
			!strings.Contains(out.String(), "all     0       0         0        1") {
			t.Errorf("passed: %v, error: %v\n%s", passed, err, out)
		}
	})
}

func TestPatternsChooseDefects(t *testing.T) {
	defects, err := parseDefects("limits", list)
	if err != nil {
		t.Fatal(err)
	}
	some, err := matching(defects, []string{"one more", "another one"})
	if err != nil || len(some) != 2 {
		t.Errorf("%d defects, %v", len(some), err)
	}
	if all, err := matching(defects, nil); err != nil || len(all) != len(defects) {
		t.Errorf("%d defects, %v", len(all), err)
	}
	for _, pattern := range []string{"(", "nothing"} {
		if _, err := matching(defects, []string{pattern}); err == nil {
			t.Errorf("%q: no error", pattern)
		}
	}
}

func TestTheNearestPackagesAreTestedFirst(t *testing.T) {
	pkgs, err := goCommand{root: root}.packages(t.Context(), "internal/filelock/filelock.go")
	if err != nil || len(pkgs) < 3 || pkgs[0] != "./internal/filelock" || !slices.Contains(pkgs, "./internal/audit") ||
		slices.Contains(pkgs, "./scim") {
		t.Errorf("%q, %v", pkgs, err)
	}
}
