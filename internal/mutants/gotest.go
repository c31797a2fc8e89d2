package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// goCommand runs the go command in a module.
type goCommand struct {
	root string
	// overlay is the file for the flag -overlay; empty for the code as it is.
	overlay string
}

// command returns a call of the go command. The overlay is in GOFLAGS, so that it also holds for
// programs that a test builds.
func (g goCommand) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = g.root
	cmd.Env = os.Environ()
	if g.overlay != "" {
		cmd.Env = append(cmd.Env, strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+g.overlay))
	}
	return cmd
}

// withFile returns the command that sees other content in a file, and a function that removes the
// temporary files.
func (g goCommand) withFile(name string, content []byte) (out goCommand, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return g, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	changed := filepath.Join(dir, filepath.Base(name))
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(g.root, filepath.FromSlash(name)): changed},
	})
	g.overlay = filepath.Join(dir, "overlay.json")
	err = errors.Join(err, os.WriteFile(changed, content, 0o600), os.WriteFile(g.overlay, overlay, 0o600))
	if err != nil {
		remove()
		return g, nil, err
	}
	return g, remove, nil
}

// testRun is what a run of the tests of one package found.
type testRun struct {
	// Failed is the first test that failed; "" if none did. If the test binary ended without the
	// failure of a test, it is the package.
	Failed string
	// NotBuilt is what the compiler said; "" if it compiled the code.
	NotBuilt string
	Passed   int // number of tests that passed
}

// testEvent is a line of go test -json.
type testEvent struct {
	Action string
	Test   string
	Output string
}

// test runs the tests of a package whose names match a pattern. It stops at the first that fails.
func (g goCommand) test(ctx context.Context, pkg, pattern string) (testRun, error) {
	cmd := g.command(ctx, "test", "-json", "-failfast", "-vet=off", "-timeout", "20m", "-run", pattern, pkg)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (ctx.Err() != nil || !errors.As(err, &exit)) {
		return testRun{}, errors.Join(ctx.Err(), err)
	}
	run := testRun{}
	for line := range bytes.Lines(out) {
		var e testEvent
		if json.Unmarshal(line, &e) != nil {
			continue // an older go command reports failures to build as text
		}
		switch {
		case e.Action == "build-output":
			run.NotBuilt += e.Output
		case e.Action == "pass" && e.Test != "":
			run.Passed++
		case e.Action == "fail" && run.Failed == "" && !strings.Contains(e.Test, "/"):
			run.Failed = e.Test
			if e.Test == "" {
				run.Failed = pkg
			}
		}
	}
	if err != nil && run.Failed == "" {
		return run, fmt.Errorf("go test %s: %w: %s", pkg, err, stderr.String())
	}
	if run.Failed == "" {
		run.NotBuilt = "" // warnings only
	}
	return run, nil
}

// packages returns the packages whose tests may notice a change of a file: its own, then those that
// depend on it, with the nearest first.
func (g goCommand) packages(ctx context.Context, file string) ([]string, error) {
	var stderr bytes.Buffer
	cmd := g.command(ctx, "list", "-test", "-f", "{{.ImportPath}}|{{.ForTest}}|{{join .Deps \" \"}}", "./...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	module, err := g.command(ctx, "list", "-m").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	root := strings.TrimSpace(string(module))
	own := root
	if dir := filepath.ToSlash(filepath.Dir(filepath.FromSlash(file))); dir != "." {
		own += "/" + dir
	}
	count := map[string]int{} // package -> number of its dependencies
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 3 || !strings.HasSuffix(fields[0], ".test") {
			continue
		}
		deps, tested := strings.Fields(fields[2]), strings.TrimSuffix(fields[0], ".test")
		depends := slices.ContainsFunc(deps, func(dep string) bool {
			return dep == own || strings.HasPrefix(dep, own+" [")
		})
		if tested == own || depends {
			count[tested] = len(deps)
		}
	}
	var pkgs []string
	for pkg := range count {
		pkgs = append(pkgs, pkg)
	}
	slices.SortFunc(pkgs, func(a, b string) int {
		switch {
		case a == own:
			return -1
		case b == own:
			return 1
		case count[a] != count[b]:
			return count[a] - count[b]
		}
		return strings.Compare(a, b)
	})
	for i, pkg := range pkgs {
		pkgs[i] = "." + strings.TrimPrefix(pkg, root)
	}
	return pkgs, nil
}
