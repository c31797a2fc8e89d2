package audit

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestAQuarantineIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	q := &reconcile.Quarantine{Version: 1, Provisioner: prov, Identity: "eu-west-1/t", AuthFingerprint: "f",
		Refused: reconcile.RefusedAll, Reason: "403", Since: at, Tries: 2, NextTry: at.Add(time.Minute), NotSent: 7}
	(&QuarantineFiles{StateDir: dir}).Store(prov, q)
	restarted := &QuarantineFiles{StateDir: dir}
	if have := restarted.Load(prov); !reflect.DeepEqual(have, q) {
		t.Errorf("the quarantine is %+v, want %+v", have, q)
	}
	if have := restarted.Load("other"); have != nil {
		t.Errorf("another provisioner has the quarantine %+v", have)
	}
	restarted.Store(prov, nil)
	restarted.Store(prov, nil)
	if have := (&QuarantineFiles{StateDir: dir}).Load(prov); have != nil {
		t.Errorf("after its end, the quarantine is %+v", have)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "quarantine")); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

func TestADamagedQuarantineFileIsRenamedWithOneWarning(t *testing.T) {
	for _, content := range []string{"", "{", "\x00\x00\x00", `{"version":2}`, `{"version":1,"provisioner":"other"}`} {
		var log strings.Builder
		q := &QuarantineFiles{StateDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}
		if err := os.Mkdir(filepath.Dir(q.path(prov)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(q.path(prov), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if have := q.Load(prov); have != nil {
				t.Errorf("%q: the quarantine is %+v", content, have)
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%q: %d warnings:\n%s", content, n, log.String())
		}
		if damaged, err := os.ReadFile(q.path(prov) + ".damaged"); err != nil || string(damaged) != content {
			t.Errorf("%q: the file is %q, %v", content, damaged, err)
		}
		again := &reconcile.Quarantine{Version: 1, Provisioner: prov}
		if q.Store(prov, again); !reflect.DeepEqual(q.Load(prov), again) {
			t.Errorf("%q: no quarantine can be stored", content)
		}
	}
}

func TestAQuarantineThatCannotBeStoredIsLogged(t *testing.T) {
	var log strings.Builder
	file := writeTemporary(t, nil) // a file where a directory is needed
	q := &QuarantineFiles{StateDir: file, Log: slog.New(slog.NewTextHandler(&log, nil))}
	q.Store(prov, &reconcile.Quarantine{Version: 1, Provisioner: prov})
	if !strings.Contains(log.String(), "cannot store the quarantine") {
		t.Errorf("the log is %s", log.String())
	}
}
