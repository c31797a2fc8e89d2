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

func recollection(full time.Time, run string) *observe.CachedDirectory {
	return &observe.CachedDirectory{Version: observe.CacheVersion, Identity: "here", Run: run, FullReadAt: full, UsersReadAt: full, GroupsReadAt: full, MembersReadAt: map[string]time.Time{"g": full},
		Observed: &reconcile.Observed{ReadAt: full, Users: []reconcile.RemoteUser{{ID: "u", Attributes: reconcile.Attributes{{Path: "userName", Value: "ann"}}}},
			Groups: []reconcile.RemoteGroup{{ID: "g", DisplayName: "Ops"}}, Members: map[string][]string{"g": {"u"}}}}
}

func TestMemoryOutlivesTheProcess(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "memory")
	var log strings.Builder
	open := func() *Memory {
		return &Memory{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }}
	}
	want := func(run string) {
		t.Helper()
		have := open().Load("aws")
		if run == "" {
			if have != nil {
				t.Errorf("an earlier process left %+v", have)
			}
			return
		}
		if have == nil || have.Run != run {
			t.Fatalf("an earlier process left %+v, want run %q", have, run)
		}
		if diff := cmp.Diff(recollection(have.FullReadAt, run), have, cmp.AllowUnexported(observe.CachedDirectory{})); diff != "" {
			t.Error(diff)
		}
	}
	m := open()
	if r := m.Load("aws"); r != nil {
		t.Errorf("an empty folder remembers %+v", r)
	}
	full := now
	m.Store("aws", recollection(full, "1"))
	want("1")
	if info, err := os.Stat(filepath.Join(dir, "aws.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file for its owner alone", info.Mode(), err)
	}
	m.Store("aws", recollection(full, "2")) // no full read: not worth writing yet
	want("1")
	now = now.Add(time.Hour)
	m.Store("aws", recollection(full, "3"))
	want("3")
	m.Store("aws", recollection(full, "4"))
	if r := m.Load("aws"); r.Run != "4" {
		t.Errorf("the process itself remembers run %q", r.Run)
	}
	want("3")
	m.Close()
	want("4")
	m.Store("aws", recollection(full.Add(time.Hour), "5")) // a full read
	want("5")
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the folder has %v, %v", names, err)
	}
	m.Store("aws", nil)
	want("")
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
}

func TestMemoryThatCannotBeReadIsForgotten(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"empty", ""}, {"cut short", `{"version": 1, "obs`}, {"of another version", `{"version": 99}`}, {"without its parts", `{"version": 1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "aws.json"), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			m := &Memory{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}
			if r := m.Load("aws"); r != nil {
				t.Errorf("%+v was read", r)
			}
			if !strings.Contains(log.String(), "reads everything") || !strings.Contains(log.String(), "aws.json") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestMemoryWithoutAFolderLastsAsLongAsTheProcess(t *testing.T) {
	m := &Memory{Log: slog.New(slog.DiscardHandler)}
	m.Store("aws", recollection(time.Time{}, "1"))
	m.Close()
	if r := m.Load("aws"); r == nil || r.Run != "1" {
		t.Errorf("%+v", r)
	}
}
