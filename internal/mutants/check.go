package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// outcome is what became of a defect.
type outcome string

const (
	caught   outcome = "caught"
	survived outcome = "survived"
	// invalid means that the list is wrong: the defect does not compile, its tests do not exist, or
	// they fail without it.
	invalid outcome = "invalid"
)

// result is the outcome of one defect.
type result struct {
	Outcome outcome       `json:"outcome"`
	By      string        `json:"by,omitempty"`     // the package and the test that noticed it
	Reason  string        `json:"reason,omitempty"` // why the defect is invalid, or what was not run
	Commit  string        `json:"commit"`           // that was checked out
	Time    time.Time     `json:"time"`
	Took    time.Duration `json:"took"`
	// Fingerprint is of the defect, its file and its tests.
	Fingerprint string `json:"fingerprint"`
}

// checker finds out whether the tests notice defects.
type checker struct {
	code goCommand
	// quick leaves out the tests that the list does not name.
	quick bool
}

// check runs the tests of a defect until one fails: first those that the list names, then all tests
// of its package and of the packages that depend on it. The error is why nothing could be found
// out.
func (c checker) check(ctx context.Context, d *defect) (result, error) {
	content, err := d.apply(c.code.root)
	if err != nil {
		return result{Outcome: invalid, Reason: err.Error()}, nil
	}
	changed, remove, err := c.code.withFile(d.File, content)
	if err != nil {
		return result{}, err
	}
	defer remove()
	for _, set := range d.Tests {
		r, err := c.run(ctx, changed, set.Package, set.pattern())
		if err != nil || r.Outcome != survived {
			return r, err
		}
	}
	if c.quick {
		return result{Outcome: survived, Reason: "only the tests that the list names were run"}, nil
	}
	pkgs, err := c.code.packages(ctx, d.File)
	if err != nil {
		return result{}, err
	}
	for _, pkg := range pkgs {
		r, err := c.run(ctx, changed, pkg, ".")
		if err != nil || r.Outcome != survived {
			return r, err
		}
	}
	return result{Outcome: survived}, nil
}

// checkJoint checks as many defects as possible with one build for each package of tests. It calls
// found for each that a test noticed; the others have to be checked alone.
func (c checker) checkJoint(ctx context.Context, defects []defect, found func(*defect, result) error) error {
	j, joined, err := newJoint(c.code.root, defects)
	if err != nil {
		return err
	}
	byPackage, packages := map[string][]int{}, []string{}
	for _, i := range joined {
		for _, set := range defects[i].Tests {
			if byPackage[set.Package] == nil {
				packages = append(packages, set.Package)
			}
			byPackage[set.Package] = append(byPackage[set.Package], i)
		}
	}
	done := map[int]bool{}
	for _, pkg := range packages {
		todo := slices.DeleteFunc(byPackage[pkg], func(i int) bool { return done[i] })
		if len(todo) == 0 {
			continue
		}
		binary, remove, err := j.build(ctx, c.code, pkg)
		if err != nil {
			return err
		}
		err = c.runJoint(ctx, jointTests{j, binary, pkg, map[string]bool{}}, defects, todo,
			func(i int, r result) error {
				done[i] = true
				return found(&defects[i], r)
			})
		remove()
		if err != nil {
			return err
		}
	}
	return nil
}

// jointTests are the tests of one package on joint code.
type jointTests struct {
	*joint
	binary, pkg string
	passes      map[string]bool // whether a test passes without any defect
}

// runJoint runs the tests of one package for some defects.
func (c checker) runJoint(ctx context.Context, t jointTests, defects []defect, todo []int,
	found func(int, result) error) error {
	dir := filepath.Join(c.code.root, filepath.FromSlash(t.pkg))
	for _, i := range todo {
		if !t.has(i) {
			continue
		}
		k := slices.IndexFunc(defects[i].Tests, func(set testSet) bool { return set.Package == t.pkg })
		failed, err := runBinary(ctx, t.binary, dir, defects[i].Tests[k].pattern(), fmt.Sprint(i))
		if err != nil {
			return err
		}
		if failed == "" {
			continue
		}
		passes, known := t.passes[failed]
		if !known {
			without, err := runBinary(ctx, t.binary, dir, "^"+failed+"$", "")
			if err != nil {
				return err
			}
			passes = without == ""
			t.passes[failed] = passes
		}
		if !passes {
			continue
		}
		if err := found(i, result{Outcome: caught, By: t.pkg + " " + failed}); err != nil {
			return err
		}
	}
	return nil
}

// run runs tests of one package on the changed code. A test that fails there must pass on the code
// as it is.
func (c checker) run(ctx context.Context, changed goCommand, pkg, pattern string) (result, error) {
	run, err := changed.test(ctx, pkg, pattern)
	switch {
	case err != nil:
		return result{}, err
	case run.NotBuilt != "":
		return result{Outcome: invalid, Reason: "it does not compile: " + firstLines(run.NotBuilt)}, nil
	case run.Failed == "" && run.Passed == 0 && pattern != ".":
		return result{Outcome: invalid, Reason: fmt.Sprintf("%s has no test %s", pkg, pattern)}, nil
	case run.Failed == "":
		return result{Outcome: survived}, nil
	}
	only, by := pattern, pkg
	if run.Failed != pkg {
		only, by = "^"+run.Failed+"$", pkg+" "+run.Failed
	}
	asItIs, err := c.code.test(ctx, pkg, only)
	switch {
	case err != nil:
		return result{}, err
	case asItIs.Failed != "":
		return result{Outcome: invalid, Reason: by + " fails without the defect, too"}, nil
	}
	return result{Outcome: caught, By: by}, nil
}

// firstLines returns the start of the output of the compiler, on one line.
func firstLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[:min(3, len(lines))], "; ")
}
