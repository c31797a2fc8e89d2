package foreign

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed npm/package.json npm/package-lock.json npm/scimmy.mjs npm/patch.mjs npm/authserver.mjs
var sources embed.FS

// installed returns a directory with the scripts and their npm packages. Its name is the hash of
// the scripts and the lock file, so an existing directory is complete and up to date.
func installed(t testing.TB) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not installed: this test runs npm packages (INSTALL=1 make test installs nodejs and npm)")
	}
	files, err := sources.ReadDir("npm")
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	for _, f := range files {
		data, err := sources.ReadFile("npm/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", f.Name(), len(data), data)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	parent := filepath.Join(cache, "roster-foreign-scim")
	dir := filepath.Join(parent, hex.EncodeToString(hash.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := install(parent, dir); err != nil {
		t.Fatalf("install the npm packages of scim/foreign (node is %s): %v", node, err)
	}
	return dir
}

// install prepares the directory under another name and then renames it, so that concurrent tests
// do not interfere.
func install(parent, dir string) error {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, name := range []string{"package.json", "package-lock.json", "scimmy.mjs", "patch.mjs", "authserver.mjs"} {
		data, err := sources.ReadFile("npm/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(work, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(work, dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil {
			return err
		}
	}
	return nil
}

// process is a script that runs until the test ends.
type process struct {
	in  io.Writer
	out *bufio.Reader
}

func run(t testing.TB, script string, args ...string) process {
	t.Helper()
	cmd := exec.Command("node", append([]string{script}, args...)...)
	cmd.Dir = installed(t)
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", script, err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the scripts stop at the end of their input
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, stderr)
		}
	})
	return process{in, bufio.NewReader(out)}
}

// line reads one line of the output.
func (p process) line() (string, error) {
	s, err := p.out.ReadString('\n')
	return strings.TrimSpace(s), err
}
