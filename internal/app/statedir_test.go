package app

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrepareStateDir(t *testing.T) {
	for _, test := range []struct {
		name    string
		apply   bool
		files   map[string]fs.FileMode
		dirMode fs.FileMode
		want    map[string]fs.FileMode // with "" for the folder itself
		log     []string               // parts of one line each
	}{
		{"a private folder", true, map[string]fs.FileMode{"redact.key": 0o600}, 0o700,
			map[string]fs.FileMode{"": 0o700, "redact.key": 0o600}, nil},
		{"a folder of an older version", true,
			map[string]fs.FileMode{"journal/aws.jsonl": 0o644, "source.git/HEAD": 0o666}, 0o755,
			map[string]fs.FileMode{"": 0o700, "journal": 0o700, "journal/aws.jsonl": 0o600, "source.git/HEAD": 0o600},
			[]string{"other users could access the state directory"}},
		{"a temporary file that a crash left", true, map[string]fs.FileMode{".redact.key-123": 0o644}, 0o755,
			map[string]fs.FileMode{"": 0o700, ".redact.key-123": 0o600},
			[]string{"other users could access the state directory"}},
		{"a folder with files of another program", true,
			map[string]fs.FileMode{"notes.txt": 0o644, "bin/tool": 0o755, "redact.key": 0o644}, 0o755,
			map[string]fs.FileMode{"": 0o755, "notes.txt": 0o644, "bin/tool": 0o755, "redact.key": 0o600},
			[]string{"other users could access the state directory", "contains files of other programs"}},
		{"a command that only reads", false, map[string]fs.FileMode{"redact.key": 0o644}, 0o755,
			map[string]fs.FileMode{"": 0o755, "redact.key": 0o644}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			for name, mode := range test.files {
				file := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(file, mode); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, test.dirMode); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			w := &Workspace{settings: Settings{Log: slog.New(slog.NewTextHandler(&log, nil))}}
			if err := w.prepareStateDir(dir, test.apply); err != nil {
				t.Fatal(err)
			}
			for name, want := range test.want {
				info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
				if err != nil || info.Mode().Perm() != want {
					t.Errorf("%q: %v, %v; want the mode %o", name, info.Mode(), err, want)
				}
			}
			if n := strings.Count(log.String(), "\n"); n != len(test.log) {
				t.Errorf("%d lines of log:\n%s", n, &log)
			}
			for _, text := range test.log {
				if !strings.Contains(log.String(), text) {
					t.Errorf("the log does not contain %q:\n%s", text, &log)
				}
			}
		})
	}
}
