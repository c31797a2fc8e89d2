package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// joint is code with many defects at once. Each of them is in a copy of its function, which the
// function calls if the environment variable selects the defect. So one build of a test binary
// serves all defects. A defect outside of functions cannot be part of it.
//
// Only defects that the tests notice are decided this way. A process that a test starts without its
// environment does not have the defect, so all others must be checked alone.
type joint struct {
	files map[string]*jointFile // by their names from the root
}

// jointFile is one file with its defects.
type jointFile struct {
	original []byte
	inserts  []insert // into the original
	copies   []functionCopy
}

// insert is text that goes into a file before an offset, instead of the text up to another one.
type insert struct {
	from, to int
	text     string
}

// functionCopy is a function with a defect.
type functionCopy struct {
	defect int // index
	text   string
	first  int // line in the joint file; set by content
}

// selectedDefect is the environment variable with the index of the defect.
const selectedDefect = "ROSTER_MUTANT"

// errNotInFunction means that a defect cannot be one of several.
var errNotInFunction = errors.New("the defect is not in one function")

// newJoint joins those of the defects that can be joined. It returns their indexes.
func newJoint(root string, defects []defect) (*joint, []int, error) {
	j := &joint{files: map[string]*jointFile{}}
	var joined []int
	for i := range defects {
		d := &defects[i]
		changed, err := d.apply(root)
		if err != nil {
			continue // the check of this defect alone says why
		}
		f := j.files[d.File]
		if f == nil {
			original, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(d.File)))
			if err != nil {
				return nil, nil, err
			}
			f = &jointFile{original: original}
		}
		switch err := f.add(i, changed); {
		case errors.Is(err, errNotInFunction):
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("%s: %w", d.File, err)
		}
		j.files[d.File] = f
		joined = append(joined, i)
	}
	return j, joined, nil
}

// add adds the function that differs in the changed file.
func (f *jointFile) add(index int, changed []byte) error {
	before, err := functionsOf(f.original)
	if err != nil {
		return err
	}
	after, err := functionsOf(changed)
	if err != nil || len(before) != len(after) {
		return errNotInFunction
	}
	differ := -1
	for i := range before {
		if !bytes.Equal(before[i].text, after[i].text) {
			if differ >= 0 {
				return errNotInFunction
			}
			differ = i
		}
	}
	if differ < 0 {
		return errNotInFunction
	}
	have, want := before[differ], after[differ]
	name := fmt.Sprintf("%sMutant%d", have.name, index)
	call, names, err := have.call(name)
	if err != nil {
		return err
	}
	// The file differs in this function only, if its beginning and its end are the same.
	if !bytes.Equal(f.original[:have.start], changed[:want.start]) ||
		!bytes.Equal(f.original[have.end:], changed[want.end:]) {
		return errNotInFunction
	}
	for _, n := range append(names, insert{have.body, have.body, fmt.Sprintf("\nif selectedMutant == \"%d\" {\n%s\n}\n",
		index, call)}) {
		if !slices.Contains(f.inserts, n) {
			f.inserts = append(f.inserts, n)
		}
	}
	_, renamed, err := want.call(name)
	if err != nil {
		return err
	}
	edits := append(renamed, insert{want.nameAt, want.nameAt + len(want.name), name})
	for i := range edits {
		edits[i].from -= want.start
		edits[i].to -= want.start
	}
	f.copies = append(f.copies, functionCopy{defect: index, text: string(edited(want.text, edits))})
	return nil
}

// function is a function of a file, with offsets in bytes.
type function struct {
	name       string
	start, end int
	nameAt     int
	body       int // after the opening brace
	text       []byte
	decl       *ast.FuncDecl
	offset     func(token.Pos) int
}

func functionsOf(source []byte) ([]function, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	offset := func(p token.Pos) int { return fset.Position(p).Offset }
	var out []function
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		out = append(out, function{
			name: f.Name.Name, start: offset(f.Pos()), end: offset(f.End()), nameAt: offset(f.Name.Pos()),
			body: offset(f.Body.Lbrace) + 1, text: source[offset(f.Pos()):offset(f.End())], decl: f, offset: offset,
		})
	}
	return out, nil
}

// call returns the statement that calls a copy of the function with its own arguments, and the
// names that its unnamed parameters need for that.
func (f *function) call(name string) (statement string, names []insert, err error) {
	nameOf := func(id *ast.Ident) string {
		if id.Name != "_" {
			return id.Name
		}
		at := f.offset(id.Pos())
		given := fmt.Sprintf("unused%d", len(names))
		names = append(names, insert{at, at + 1, given})
		return given
	}
	if f.decl.Recv != nil {
		if len(f.decl.Recv.List[0].Names) == 0 {
			return "", nil, errNotInFunction
		}
		name = nameOf(f.decl.Recv.List[0].Names[0]) + "." + name
	}
	if types := f.decl.Type.TypeParams; types != nil {
		var all []string
		for _, field := range types.List {
			for _, id := range field.Names {
				all = append(all, id.Name)
			}
		}
		name += "[" + strings.Join(all, ", ") + "]"
	}
	var args []string
	for _, field := range f.decl.Type.Params.List {
		if len(field.Names) == 0 {
			return "", nil, errNotInFunction
		}
		for _, id := range field.Names {
			arg := nameOf(id)
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	statement = name + "(" + strings.Join(args, ", ") + ")"
	if f.decl.Type.Results == nil {
		return statement + "\nreturn", names, nil
	}
	return "return " + statement, names, nil
}

// edited applies inserts to a text.
func edited(text []byte, inserts []insert) []byte {
	slices.SortStableFunc(inserts, func(a, b insert) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, e := range inserts {
		out = append(append(out, text[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, text[at:]...)
}

// content returns the joint file.
func (f *jointFile) content() []byte {
	out := edited(f.original, slices.Clone(f.inserts))
	for i := range f.copies {
		out = append(out, '\n')
		f.copies[i].first = bytes.Count(out, []byte("\n")) + 1
		out = append(out, f.copies[i].text+"\n"...)
	}
	return out
}

// write writes the files, and the file for the flag -overlay.
func (j *joint) write(root, dir string) (overlay string, err error) {
	replace := map[string]string{}
	put := func(name string, content []byte) error {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		replace[filepath.Join(root, filepath.FromSlash(name))] = to
		return os.WriteFile(to, content, 0o600)
	}
	packages := map[string]string{} // directory -> name
	for name, f := range j.files {
		parsed, err := parser.ParseFile(token.NewFileSet(), "", f.original, parser.PackageClauseOnly)
		if err != nil {
			return "", err
		}
		packages[path.Dir(name)] = parsed.Name.Name
		if err := put(name, f.content()); err != nil {
			return "", err
		}
	}
	for dir, name := range packages {
		text := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar selectedMutant = os.Getenv(%q)\n", name, selectedDefect)
		if err := put(path.Join(dir, "selected_mutant.go"), []byte(text)); err != nil {
			return "", err
		}
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}

// compileError is the position of an error of the compiler in a joint file.
var compileError = regexp.MustCompile(`(?m)(\d+)\.go:(\d+):\d+: `)

// build builds the test binary of a package. It leaves out the defects that do not compile.
func (j *joint) build(ctx context.Context, g goCommand, pkg string) (binary string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	for {
		if g.overlay, err = j.write(g.root, dir); err != nil {
			return "", nil, err
		}
		binary = filepath.Join(dir, "package.test")
		out, err := g.command(ctx, "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary, pkg).CombinedOutput()
		if err == nil {
			return binary, remove, nil
		}
		if !j.leaveOut(g.overlay, out) {
			return "", nil, fmt.Errorf("go test -c %s: %w: %s", pkg, err, firstLines(string(out)))
		}
	}
}

// leaveOut removes the functions that the compiler refused. It reports whether there were any.
func (j *joint) leaveOut(overlay string, output []byte) bool {
	data, err := os.ReadFile(overlay)
	var paths struct{ Replace map[string]string }
	if err != nil || json.Unmarshal(data, &paths) != nil {
		return false
	}
	removed := false
	for _, m := range compileError.FindAllSubmatch(output, -1) {
		line, _ := strconv.Atoi(string(m[2]))
		for name, f := range j.files {
			for from, to := range paths.Replace {
				if !strings.HasSuffix(filepath.ToSlash(from), "/"+name) || filepath.Base(to) != string(m[1])+".go" {
					continue
				}
				removed = f.leaveOut(line) || removed
			}
		}
	}
	return removed
}

func (f *jointFile) leaveOut(line int) bool {
	for i := len(f.copies) - 1; i >= 0; i-- {
		if f.copies[i].first <= line {
			call := fmt.Sprintf("selectedMutant == \"%d\"", f.copies[i].defect)
			f.inserts = slices.DeleteFunc(f.inserts, func(n insert) bool { return strings.Contains(n.text, call) })
			f.copies = slices.Delete(f.copies, i, i+1)
			return true
		}
	}
	return false
}

// has reports whether a defect is in the code.
func (j *joint) has(index int) bool {
	for _, f := range j.files {
		if slices.ContainsFunc(f.copies, func(c functionCopy) bool { return c.defect == index }) {
			return true
		}
	}
	return false
}

// runBinary runs tests with a defect; "" for none. It returns the first test that failed.
func runBinary(ctx context.Context, binary, dir, pattern, selected string) (failed string, err error) {
	cmd := exec.CommandContext(ctx, binary, "-test.run", pattern, "-test.failfast", "-test.timeout", "10m", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), selectedDefect+"="+selected)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var exit *exec.ExitError
	if err == nil {
		return "", nil
	}
	if !errors.As(err, &exit) {
		return "", err
	}
	if m := failedTest.FindSubmatch(out); m != nil {
		return string(m[1]), nil
	}
	if m := runningTest.FindAllSubmatch(out, -1); m != nil { // it panicked
		return string(m[len(m)-1][1]), nil
	}
	return "", fmt.Errorf("%s: %w: %s", binary, err, firstLines(string(out)))
}

var (
	failedTest  = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	runningTest = regexp.MustCompile(`(?m)^=== RUN   (\w+)`)
)
