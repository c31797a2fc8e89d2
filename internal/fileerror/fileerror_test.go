package fileerror

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// internal are words of Go and of the operating system that no message may have.
var internal = []string{"open ", "read ", "stat", "no such", "directory", "exec:", "fork", "rename ", "file exists"}

func TestExplain(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(name string) error { _, err := os.ReadFile(name); return err }
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"a missing file", read("none.yaml"), "none.yaml does not exist"},
		{"a folder instead of a file", read("folder"), "folder is a folder; want a file"},
		{"a path through a file", read("file/x"), "file/x is not below a folder: a part of the path is a file"},
		{"no name", read(""), "the name of the file is empty"},
		{"a name with NUL", read("a\x00b"), "a\x00b cannot be used: invalid argument"},
		{"a name that is too long", read(strings.Repeat("a", 300)),
			"the name of the file is too long: " + strings.Repeat("a", 40) + "…"},
		{"a folder that exists", os.Mkdir("folder", 0o700), "folder exists already"},
		{"a forbidden file", &fs.PathError{Op: "open", Path: "key", Err: fs.ErrPermission},
			"key cannot be used: permission denied"},
		{"a file to rename that is missing", os.Rename("none", "other"),
			"none cannot become other: it, or the folder of the other, does not exist"},
		{"a missing command", exec.Command("no-such-command").Run(),
			"there is no command no-such-command in the folders of PATH"},
		{"a missing command with a path", exec.Command("./missing").Run(), "./missing does not exist"},
		{"text before and after", fmt.Errorf("load: %w (second line)", read("none")),
			"load: none does not exist (second line)"},
		{"two errors", errors.Join(fmt.Errorf("first: %w", read("folder")), fmt.Errorf("second: %w", read("none"))),
			"first: folder is a folder; want a file\nsecond: none does not exist"},
		{"another error", io.EOF, "EOF"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Explain(c.err)
			if got.Error() != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !errors.Is(got, c.err) {
				t.Error("the error of the operating system is lost")
			}
			for _, word := range internal {
				if strings.Contains(got.Error(), word) {
					t.Errorf("%q has %q", got, word)
				}
			}
		})
	}
	if Explain(nil) != nil {
		t.Error("no error became one")
	}
}

func TestExplainKeepsTheKindOfError(t *testing.T) {
	_, err := os.Open(filepath.Join(t.TempDir(), "none"))
	if !errors.Is(Explain(fmt.Errorf("load: %w", err)), fs.ErrNotExist) {
		t.Error("the error is not fs.ErrNotExist")
	}
}
