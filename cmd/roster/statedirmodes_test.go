package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestStateDirectoryIsPrivate runs the daemon and apply under umask 0, also with a state directory
// that others can read, and checks the modes on the disk.
func TestStateDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.umask = "0"
	state := filepath.Join(d.home, "state")
	d.start("--snapshots", filepath.Join(state, "..", "snapshots"))
	d.wantOutcome(reconcile.RunApplied)
	d.stop()
	wantPrivate(t, state)
	wantPrivate(t, filepath.Join(d.home, "snapshots"))

	addPacks(t, filepath.Join(state, "source.git", "objects", "pack"), 51)
	if err := filepath.WalkDir(state, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Chmod(name, 0o755)
		}
		return os.Chmod(name, 0o644)
	}); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	d.push("Mei leaves")
	d.wantOutcome(reconcile.RunInSync)
	d.wantOutcome(reconcile.RunApplied)
	d.stop()
	if _, err := os.Stat(filepath.Join(state, "source.git", "info", "refs")); err != nil {
		t.Errorf("git did not combine the packs: %v", err)
	}
	wantPrivate(t, state)

	// Without --repo, the state directory is in the folder of Git.
	if out, err := d.command(t.Context(), "apply", d.work).CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
	wantPrivate(t, filepath.Join(d.work, ".git", "roster"))
}

// wantPrivate checks that a folder and everything in it is accessible to its owner only.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %o; want %o", name, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files in %s: %v", files, dir, err)
	}
}

// addPacks copies a pack under other names, as many fetches would leave them.
func addPacks(t *testing.T, dir string, n int) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, "pack-*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("there is no pack: %v", err)
	}
	for i := range n {
		for _, suffix := range []string{".pack", ".idx"} {
			data, err := os.ReadFile(strings.TrimSuffix(packs[0], ".pack") + suffix)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("pack-%040x%s", i, suffix)), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// command returns a command that runs roster, with the umask of the daemon.
func (d *daemonProcess) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := roster(ctx, d.home, args...)
	if d.umask != "" {
		args = append([]string{"-c", `umask "$0"; exec roster "$@"`, d.umask}, args...)
		shell := exec.CommandContext(ctx, "sh", args...)
		shell.Env = cmd.Env
		cmd = shell
	}
	cmd.Env = append(cmd.Env, d.env...)
	return cmd
}
