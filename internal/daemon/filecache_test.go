package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// cachedDirectory returns a small cached directory of a run.
func cachedDirectory(fullReadAt time.Time, run string) *observe.CachedDirectory {
	observed := &reconcile.Observed{
		ReadAt:  fullReadAt,
		Users:   []reconcile.RemoteUser{{ID: "u", Attributes: reconcile.Attributes{{Path: "userName", Value: "ann"}}}},
		Groups:  []reconcile.RemoteGroup{{ID: "g", DisplayName: "Ops"}},
		Members: map[string][]string{"g": {"u"}},
	}
	return &observe.CachedDirectory{
		Version: observe.CacheVersion, Identity: "here", Run: run, Observed: observed,
		FullReadAt: fullReadAt, UsersReadAt: fullReadAt, GroupsReadAt: fullReadAt,
		MembersReadAt: map[string]time.Time{"g": fullReadAt},
	}
}

func TestFileCacheSurvivesARestart(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "directory")
	var log strings.Builder
	open := func() *FileCache {
		return &FileCache{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }}
	}
	wantOnDisk := func(run string) {
		t.Helper()
		have := open().Load("aws")
		if run == "" {
			if have != nil {
				t.Errorf("the file has %+v, want no file", have)
			}
			return
		}
		if have == nil || have.Run != run {
			t.Fatalf("the file has %+v, want run %q", have, run)
		}
		want := cachedDirectory(have.FullReadAt, run)
		if diff := cmp.Diff(want, have, cmp.AllowUnexported(observe.CachedDirectory{})); diff != "" {
			t.Error(diff)
		}
	}
	c := open()
	if have := c.Load("aws"); have != nil {
		t.Errorf("an empty directory has %+v", have)
	}
	full := now
	c.Store("aws", cachedDirectory(full, "1"))
	wantOnDisk("1")
	if info, err := os.Stat(filepath.Join(dir, "aws.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600", info.Mode(), err)
	}
	c.Store("aws", cachedDirectory(full, "2")) // no full read and less than an hour: not written
	wantOnDisk("1")
	now = now.Add(time.Hour)
	c.Store("aws", cachedDirectory(full, "3"))
	wantOnDisk("3")
	c.Store("aws", cachedDirectory(full, "4"))
	if have := c.Load("aws"); have.Run != "4" {
		t.Errorf("the process has run %q, want 4", have.Run)
	}
	wantOnDisk("3")
	c.Close()
	wantOnDisk("4")
	c.Store("aws", cachedDirectory(full.Add(time.Hour), "5")) // a full read
	wantOnDisk("5")
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the directory has %v, %v; want one file", names, err)
	}
	c.Store("aws", nil)
	wantOnDisk("")
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
}

func TestFileCacheIgnoresAnUnreadableFile(t *testing.T) {
	for _, tt := range []struct{ name, text, logged string }{
		{"empty", "", "unexpected end"},
		{"cut off", `{"version": 1, "obs`, "unexpected end"},
		{"newer", `{"version": 99}`, "version is 99"},
		{"incomplete", `{"version": 1}`, "incomplete"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "aws.json"), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			c := &FileCache{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}
			if have := c.Load("aws"); have != nil {
				t.Errorf("%+v was read", have)
			}
			for _, want := range []string{"the next run reads the whole directory", "aws.json", tt.logged} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log has no %q: %s", want, log.String())
				}
			}
		})
	}
}

func TestFileCacheWithoutADirectoryEndsWithTheProcess(t *testing.T) {
	c := &FileCache{Log: slog.New(slog.DiscardHandler)}
	c.Store("aws", cachedDirectory(time.Time{}, "1"))
	c.Close()
	if have := c.Load("aws"); have == nil || have.Run != "1" {
		t.Errorf("the cache has %+v, want run 1", have)
	}
}

func TestFileCacheRemovesTheTemporaryFilesOfACrash(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".aws.json-123"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &FileCache{Dir: dir, Log: slog.New(slog.DiscardHandler)}
	c.Load("aws")
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("the directory has %v, %v; want no files", names, err)
	}
}
