package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/internal/formattest"
	"github.com/seed-d64a251c/roster/reconcile"
)

func TestFormatsAreThoseOfTheirGoldenFiles(t *testing.T) {
	formattest.Check(t, "intents-v1.json", &intents{})
	formattest.Check(t, "status-v1.json", &reconcile.Status{})
	formattest.Check(t, "ledger-v1.json", &shard{})
	formattest.Check(t, "report-v2.json", &reconcile.Report{})
	formattest.Check(t, "report-part-v1.json", &listPart{})
	formattest.Check(t, "report-change-v2.json", &reconcile.Done{})
	formattest.Check(t, "report-index-line-v2.json", &indexLine{})
	formattest.Check(t, "pending-report-v2.json", &pendingReport{})
	formattest.Check(t, "local-record-v1.json", &localRecord{})
	formattest.Check(t, "queued-reports-v2.json", &reportQueue{})
	formattest.Check(t, "audit-proof-v1.json", &Proof{})
	formattest.Check(t, "quarantine-v1.json", &reconcile.Quarantine{})
	formattest.Check(t, "verified-v1.json", &Checkpoint{})
}

func TestTheJournalFormatIsThatOfItsGoldenFile(t *testing.T) {
	if formattest.Updating() {
		updateJournalGolden(t)
	}
	golden := formattest.Read(t, "journal-v1.jsonl")
	run, err := parseJournal("journal-v1.jsonl", bytes.NewReader(golden))
	if err != nil || len(run.Entries) != 3 || run.Entries[0].Ended || !run.Entries[1].Ended ||
		!run.Entries[2].Ended {
		t.Fatalf("the journal has %+v, %v; want an intent, the two entries of a write, and its end", run, err)
	}
	var records []journalRecord
	for line := range bytes.Lines(golden) {
		var l journalLine
		var record journalRecord
		if err := decodeStrictly(line, &l); err != nil {
			t.Fatal(err)
		}
		if err := decodeStrictly(l.Record, &record); err != nil {
			t.Fatal(err)
		}
		again, err := encodeLine(record)
		if err != nil || !bytes.Equal(again, line) {
			t.Errorf("encoded again, line %d is\n%s(%v), want\n%s", len(records)+1, again, err, line)
		}
		records = append(records, record)
	}
	formattest.CheckFields(t, "journal-v1.jsonl", records)
}

// updateJournalGolden rewrites the golden file of the journal with its checksums and lengths.
func updateJournalGolden(t *testing.T) {
	var records []journalRecord
	for line := range bytes.Lines(formattest.Read(t, "journal-v1.jsonl")) {
		var l journalLine
		var record journalRecord
		if err := errors.Join(json.Unmarshal(line, &l), json.Unmarshal(l.Record, &record)); err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	formattest.Fill(&records)
	var out []byte
	for _, record := range records {
		record.SyncedBytes = int64(len(out))
		line, err := encodeLine(record)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line...)
	}
	formattest.Write(t, "journal-v1.jsonl", out)
}

func writeTemporary(t *testing.T, data []byte) string {
	name := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

type formatReader struct {
	file   string
	read   func(t *testing.T, data []byte) error
	newest int // format version that is read, if it is not 1
}

func formatReaders() []formatReader {
	return []formatReader{
		{"intents-v1.json", func(_ *testing.T, data []byte) error {
			_, err := readIntents(fstest.MapFS{intentsPath(prov): {Data: data}}, prov)
			return err
		}, 0},
		{"status-v1.json", func(_ *testing.T, data []byte) error {
			_, err := readStatus(fstest.MapFS{statusPath(prov): {Data: data}}, prov)
			return err
		}, 0},
		{"ledger-v1.json", func(_ *testing.T, data []byte) error {
			return readShard("00.json", data, reconcile.NewLedger())
		}, 0},
		{"report-v1.json", func(_ *testing.T, data []byte) error {
			_, _, err := readReport(fstest.MapFS{"r.json": {Data: data}}, "r.json")
			return err
		}, reportVersion},
		{"report-part-v1.json", func(_ *testing.T, data []byte) error {
			part := reconcile.ReportPart{ReportLink: reconcile.ReportLink{Path: "p.json", SHA256: sum(data)}}
			for _, err := range Changes(fstest.MapFS{"p.json": {Data: data}},
				&reconcile.Report{Parts: []reconcile.ReportPart{part}}) {
				if err != nil {
					return err
				}
			}
			return nil
		}, 0},
		{"pending-report-v1.json", func(t *testing.T, data []byte) error {
			_, err := readState[pendingReport](&Recorder{}, writeTemporary(t, data), "")
			return err
		}, partsVersion},
		{"local-record-v1.json", func(t *testing.T, data []byte) error {
			_, err := readState[localRecord](&Recorder{}, writeTemporary(t, data), "")
			return err
		}, 0},
		{"queued-reports-v1.json", func(t *testing.T, data []byte) error {
			_, err := readState[reportQueue](&Recorder{}, writeTemporary(t, data), "")
			return err
		}, partsVersion},
		{"quarantine-v1.json", func(t *testing.T, data []byte) error {
			_, err := readQuarantine(writeTemporary(t, data))
			return err
		}, 0},
		{"journal-v1.jsonl", func(t *testing.T, data []byte) error {
			_, err := readJournal(writeTemporary(t, data))
			return err
		}, 0},
	}
}

// The files of a newer roster are refused: what this version does not know could be essential.
func TestNewerFormatsAreRefused(t *testing.T) {
	newer := func(file string) []byte {
		return bytes.Replace(formattest.Read(t, file), []byte(`"version"`), []byte(`"new":1,"version"`), 1)
	}
	withVersion := func(data []byte, n int) []byte {
		for _, old := range []string{`"version": 1`, `"version":1`} {
			data = bytes.Replace(data, []byte(old), []byte(strings.Replace(old, "1", fmt.Sprint(n), 1)), 1)
		}
		return data
	}
	for _, tt := range formatReaders() {
		t.Run(tt.file, func(t *testing.T) {
			newest, versions := max(tt.newest, version), "version 1"
			if newest > version {
				versions = fmt.Sprint("versions 1 to ", newest)
			}
			if err := tt.read(t, formattest.Read(t, tt.file)); newest > version && err != nil {
				t.Errorf("the file of an earlier roster is refused: %v", err)
			}
			for _, data := range [][]byte{formattest.Read(t, tt.file), newer(tt.file)} {
				err := tt.read(t, withVersion(data, newest+1))
				want := fmt.Sprintf("the format version is %d, but this roster reads only %s", newest+1, versions)
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
}

// A damaged state file is set aside with one warning, and the run goes on without it. A reader of a
// running daemon's state directory changes nothing.
func TestDamagedStateFilesAreRenamed(t *testing.T) {
	files := map[string]func(*Recorder) error{
		"pending": func(r *Recorder) error {
			p, err := r.readPending(prov)
			if p != nil {
				t.Errorf("a damaged pending report was read: %+v", p)
			}
			return err
		},
		"branch": func(r *Recorder) error {
			l, err := r.readLocalRecord(prov)
			if err == nil && l.Head != "" {
				t.Errorf("a damaged local record was read: %+v", l)
			}
			return err
		},
		"queue": func(r *Recorder) error {
			q, err := r.readQueue(prov)
			if err == nil && len(q.Reports) > 0 {
				t.Errorf("a damaged queue was read: %+v", q)
			}
			return err
		},
	}
	damage := []string{"", "{", `{"version":1,"x":1}`, "x", "{}", "null", strings.Repeat("\x00", 100),
		`{"version":1,"reports":[null]}`}
	for folder, read := range files {
		for _, text := range damage {
			var log strings.Builder
			r := &Recorder{StateDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}
			name := filepath.Join(r.StateDir, folder, prov+".json")
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r.ReadOnly = true
			if err := read(r); err != nil {
				t.Errorf("%s %q: a reader fails with %v", folder, text, err)
			}
			if have, err := os.ReadFile(name); err != nil || string(have) != text {
				t.Errorf("%s %q: a reader changed the file: %v", folder, text, err)
			}
			r.ReadOnly = false
			for range 2 {
				if err := read(r); err != nil {
					t.Errorf("%s %q: %v", folder, text, err)
				}
			}
			if have, err := os.ReadFile(name + ".damaged"); err != nil || string(have) != text {
				t.Errorf("%s %q: the file was not set aside: %q, %v", folder, text, have, err)
			}
			n := strings.Count(log.String(), "level=WARN")
			if n != 1 || !strings.Contains(log.String(), name+".damaged") {
				t.Errorf("%s %q: want one warning with the file:\n%s", folder, text, &log)
			}
		}
	}
}
