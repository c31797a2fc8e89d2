package sourcestyle

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sourceFile is a text file of the repository. Its name is the path from the root, with slashes.
type sourceFile struct {
	name string
	data []byte
}

// dir is the directory of the file; "." is the root.
func (f sourceFile) dir() string { return path.Dir(f.name) }

func (f sourceFile) isGo() bool { return strings.HasSuffix(f.name, ".go") }

var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func (f sourceFile) isGenerated() bool { return generatedLine.Match(f.data) }

// docExtensions are those of files other than Go that users read.
var docExtensions = []string{".cue", ".golden", ".html", ".md", ".txtar", ".yml"}

func isDoc(name string) bool {
	base := path.Base(name)
	return slices.Contains(docExtensions, path.Ext(name)) || base == "Makefile" ||
		strings.HasPrefix(name, "scripts/") || strings.HasPrefix(name, ".ci/")
}

// repository reads the Go files and the documentation of the repository.
func repository(t *testing.T) []sourceFile {
	t.Helper()
	files, err := readFiles(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("found only %d files: is this the root of the module?", len(files))
	}
	return files
}

func readFiles(tree fs.FS) ([]sourceFile, error) {
	var files []sourceFile
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if base == "node_modules" || base == "bin" || base[0] == '.' && base != "." && base != ".ci" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !strings.HasSuffix(name, ".go") && !isDoc(name) {
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files = append(files, sourceFile{name, data})
		return nil
	})
	return files, err
}

// kind says where a text comes from. Kinds can be combined.
type kind int

const (
	identifiers kind = 1 << iota // identifiers and file names, split into words: "newView" is "new view"
	jsonNames                    // names in the JSON tags of struct fields
	comments                     // comments of Go files
	messages                     // string literals of Go files: messages, help, flags, names of tests
	docs                         // files of other formats: documentation, scripts, golden files

	prose = comments | messages | docs
)

// excerpt is a part of a file that is of one kind. Its line is the first one.
type excerpt struct {
	kind kind
	line int
	text string
	name string // of an identifier, as it is written
}

// excerpts splits a file.
func (f sourceFile) excerpts() []excerpt {
	base := path.Base(f.name)
	base = strings.TrimSuffix(base, path.Ext(base))
	fileName := excerpt{kind: identifiers, line: 1, text: splitName(base), name: base}
	if !f.isGo() {
		return []excerpt{fileName, {kind: docs, line: 1, text: string(f.data)}}
	}
	all := []excerpt{fileName}
	for _, t := range f.tokens() {
		switch t.token {
		case token.IDENT:
			all = append(all, excerpt{kind: identifiers, line: t.line, text: splitName(t.text), name: t.text})
		case token.STRING:
			all = append(all, excerpt{kind: messages, line: t.line, text: t.value()})
			for _, m := range jsonTag.FindAllStringSubmatch(t.value(), -1) {
				if t.text[0] == '`' {
					all = append(all, excerpt{kind: jsonNames, line: t.line, text: m[1], name: m[1]})
				}
			}
		case token.COMMENT:
			all = appendComment(all, t)
		}
	}
	return all
}

var jsonTag = regexp.MustCompile(`\bjson:"([^",]+)`)

// appendComment adds a comment, and joins it to the comment of the line above. So a phrase that is
// broken over two lines is found.
func appendComment(all []excerpt, t tokenAt) []excerpt {
	text := strings.TrimPrefix(strings.TrimPrefix(t.text, "//"), "/*")
	if last := len(all) - 1; all[last].kind == comments {
		if c := &all[last]; c.line+strings.Count(c.text, "\n")+1 == t.line {
			c.text += "\n" + text
			return all
		}
	}
	return append(all, excerpt{kind: comments, line: t.line, text: text})
}

// tokenAt is a token of a Go file and the line on which it begins.
type tokenAt struct {
	token token.Token
	line  int
	text  string
}

// value is what a string literal means.
func (t tokenAt) value() string {
	if s, err := strconv.Unquote(t.text); err == nil {
		return s
	}
	return t.text
}

// tokens lists the tokens of a Go file, without the semicolons that the scanner adds.
func (f sourceFile) tokens() []tokenAt {
	var all []tokenAt
	file := token.NewFileSet().AddFile(f.name, -1, len(f.data))
	var s scanner.Scanner
	s.Init(file, f.data, nil, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return all
		case tok == token.SEMICOLON && text == "\n":
		case text == "":
			all = append(all, tokenAt{tok, file.Line(pos), tok.String()})
		default:
			all = append(all, tokenAt{tok, file.Line(pos), text})
		}
	}
}

var (
	camelEdge   = regexp.MustCompile(`([\p{Ll}\d])(\p{Lu})`)
	acronymEdge = regexp.MustCompile(`(\p{Lu})(\p{Lu}\p{Ll})`)
)

// splitName splits a name into lower-case words: "newURLView" is "new url view".
func splitName(name string) string {
	name = acronymEdge.ReplaceAllString(camelEdge.ReplaceAllString(name, "$1 $2"), "$1 $2")
	return strings.ToLower(strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return r == '_' || r == '-' || r == '.' || r == ' '
	}), " "))
}

func TestSplitName(t *testing.T) {
	for name, want := range map[string]string{
		"newView": "new view", "URLView": "url view", "viewOfURL": "view of url", "set_aside-user": "set aside user",
		"utf8Name": "utf8 name", "x": "x", "HTTP2Server": "http2 server",
	} {
		if got := splitName(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// findings are what a check found, by directory.
type findings map[string][]string

func (f findings) add(file sourceFile, line int, format string, args ...any) {
	dir := file.dir()
	f[dir] = append(f[dir], fmt.Sprintf("%s:%d: %s", file.name, line, fmt.Sprintf(format, args...)))
}

// report fails the test with the findings.
func (f findings) report(t *testing.T) {
	t.Helper()
	for _, dir := range slices.Sorted(maps.Keys(f)) {
		for _, text := range f[dir] {
			t.Error(text)
		}
	}
}

// isBelow reports whether dir is parent or below it.
func isBelow(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}
