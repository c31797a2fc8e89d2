package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// encodeLine returns the line of a record.
func encodeLine(r journalRecord) ([]byte, error) {
	var line bytes.Buffer
	err := appendLine(&line, &r)
	return line.Bytes(), err
}

func entryOf(run string, seq int, ended bool) journalRecord {
	return recordOf(&reconcile.Entry{Run: run, Provisioner: prov, Seq: seq, Ended: ended,
		Time: time.Unix(0, 0).UTC(),
		Changes: []reconcile.Done{{Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: fmt.Sprint("u-", seq),
			Name: "a \"b\"\n"}}}})
}

// writtenJournal returns the content of a journal with an intent and n entries.
func writtenJournal(t testing.TB, n int) (name string, content []byte) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "journal", "j.jsonl")
	in := intentOf("run-1", n)
	j, err := createJournal(name, &in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := j.append(entryOf("run-1", i/2+1, i%2 == 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	if content, err = os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	return name, content
}

func TestTheIntentIsReadWithoutTheEntries(t *testing.T) {
	allocations := func(entries int) float64 {
		name, _ := writtenJournal(t, entries)
		return testing.AllocsPerRun(20, func() {
			if in, err := readIntent(name); err != nil || in.Run != "run-1" {
				t.Fatalf("%+v, %v", in, err)
			}
		})
	}
	if few, many := allocations(2), allocations(400); many > few+1 {
		t.Errorf("readIntent makes %v allocations with 2 entries and %v with 400", few, many)
	}
	name, content := writtenJournal(t, 4)
	first := bytes.IndexByte(content, '\n') + 1
	for _, tt := range []struct {
		name    string
		content []byte
		corrupt bool
	}{
		{"cut off in the first line", content[:first-9], false},
		{"empty", nil, false},
		{"damaged in the first line", append([]byte("x"), content[1:]...), true},
	} {
		if err := os.WriteFile(name, tt.content, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := readIntent(name)
		var corrupt *CorruptError
		if in != nil || errors.As(err, &corrupt) != tt.corrupt || !tt.corrupt && err != nil {
			t.Errorf("%s: %+v, %v", tt.name, in, err)
		}
	}
	if in, err := readIntent(name + "x"); in != nil || err != nil {
		t.Errorf("without a journal, the intent is %v, %v", in, err)
	}
}

func TestJournalReadsWhatItWrote(t *testing.T) {
	name, content := writtenJournal(t, 7)
	if lines := bytes.Count(content, []byte("\n")); lines != 8 {
		t.Errorf("the file has %d lines, want 8", lines)
	}
	got, err := readJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.Intent.Run != "run-1" || len(got.Entries) != 7 {
		t.Fatalf("read %d entries of %q", len(got.Entries), got.Intent.Run)
	}
	for i, e := range got.Entries {
		if e.Seq != i/2+1 || e.Ended != (i%2 == 1) || e.Changes[0].Name != "a \"b\"\n" {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
	if _, err := createJournal(name, &got.Intent, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating the journal again: %v", err)
	}
	if got, err := readJournal(name + "x"); got != nil || err != nil {
		t.Errorf("without a journal, readJournal returns %v, %v", got, err)
	}
}

func TestTheEndOfAWriteHasOnlyTheResultsOfItsChanges(t *testing.T) {
	changes := func(results ...reconcile.Done) []reconcile.Done {
		for i := range results {
			results[i].Change = &reconcile.Change{Kind: reconcile.AddMember, Key: "sre", ID: "g-1",
				Member: fmt.Sprint("u-", i), Name: "Site reliability"}
		}
		return results
	}
	created := changes(reconcile.Done{Result: reconcile.ResultDone, RequestID: "r-1", Duration: 5},
		reconcile.Done{Result: reconcile.ResultDone, RequestID: "r-1", Duration: 5})
	unlike := changes(reconcile.Done{Result: reconcile.ResultDone},
		reconcile.Done{Result: reconcile.ResultFailed, Error: "no"})
	asked := changes(reconcile.Done{Result: reconcile.ResultDone, SentBy: &reconcile.Attempt{Run: "run-0"}})
	for _, tt := range []struct {
		name    string
		ended   []reconcile.Done
		results int // in the line; 0 if it has the changes again
	}{
		{"all changes have the same result", created, 1},
		{"the results differ", unlike, 2},
		{"an earlier run sent the write", asked, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begun := changes(make([]reconcile.Done, len(tt.ended))...)
			begun[0].ID = "" // the write creates the object
			entry := reconcile.Entry{Run: "run-1", Provisioner: prov, Seq: 1, Changes: begun}
			ended := reconcile.Entry{Run: "run-1", Provisioner: prov, Seq: 1, Ended: true, Changes: tt.ended}
			record := recordOf(&ended)
			if have := record.End; (have != nil) != (tt.results > 0) || have != nil && len(have.Results) != tt.results {
				t.Errorf("the line has %+v, want %d results", have, tt.results)
			}
			in := intentOf("run-1", 2)
			got, err := parseJournal("j", strings.NewReader(encodeLines(t,
				[]journalRecord{{Intent: &in}, recordOf(&entry), record})))
			if err != nil || len(got.Entries) != 2 {
				t.Fatalf("read %+v, %v", got, err)
			}
			if have := got.Entries[1]; !reflect.DeepEqual(have, ended) {
				t.Errorf("read %+v, want %+v", have, ended)
			}
			if got.Entries[0].Changes[0].ID != "" {
				t.Error("the beginning of the write has the id that came later")
			}
		})
	}
}

func TestAnEndWithoutItsBeginningStopsTheProvisioner(t *testing.T) {
	in := intentOf("run-1", 2)
	begun, ended := entryOf("run-1", 1, false), entryOf("run-1", 1, true)
	many := ended
	many.End = &writeEnd{Run: "run-1", Seq: 1, Results: make([]writeResult, 2)}
	for _, tt := range []struct {
		name    string
		records []journalRecord
		err     string
	}{
		{"no beginning", []journalRecord{{Intent: &in}, entryOf("run-1", 2, false), ended},
			"write 1, which has no beginning"},
		{"too many results", []journalRecord{{Intent: &in}, begun, many}, "2 results of write 1, which has 1 change"},
		{"two records in a line", []journalRecord{{Intent: &in}, begun, {Entry: begun.Entry, End: ended.End}, begun},
			"neither an intent nor an entry"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseJournal("j", strings.NewReader(encodeLines(t, tt.records)))
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("the error is %v, want %q", err, tt.err)
			}
		})
	}
}

// A crash may leave any prefix of the file. Exactly the complete lines are read.
func TestATruncatedJournalKeepsItsCompleteLines(t *testing.T) {
	_, content := writtenJournal(t, 5)
	for end := range len(content) + 1 {
		got, err := parseJournal("j", bytes.NewReader(content[:end]))
		if err != nil {
			t.Fatalf("cut at %d: %v", end, err)
		}
		whole := bytes.Count(content[:end], []byte("\n"))
		if whole == 0 {
			if got != nil {
				t.Fatalf("cut at %d: read %v", end, got)
			}
			continue
		}
		if got == nil || len(got.Entries) != whole-1 {
			t.Fatalf("cut at %d: %d lines are complete, read %+v", end, whole, got)
		}
	}
}

// A crash cannot damage a line before the last one: each line was on disk before the next was
// written.
func TestDamageInTheMiddleOfAJournalIsAnError(t *testing.T) {
	_, content := writtenJournal(t, 4)
	lastLine := bytes.LastIndexByte(content[:len(content)-1], '\n') + 1
	for at := range lastLine - 1 { // without the newline before it, the last line is part of the damage
		damaged := bytes.Clone(content)
		damaged[at] ^= 1
		_, err := parseJournal("/state/journal/p.jsonl", bytes.NewReader(damaged))
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Fatalf("byte %d (%q): %v", at, content[at], err)
		}
		if want := bytes.Count(content[:at], []byte("\n")) + 1; corrupt.Line != want ||
			!strings.Contains(err.Error(), fmt.Sprintf("/state/journal/p.jsonl:%d:", want)) {
			t.Fatalf("byte %d: the error names line %d, want %d: %v", at, corrupt.Line, want, err)
		}
	}
}

// encodeLines encodes records, each synced before the next.
func encodeLines(t *testing.T, records []journalRecord) string {
	t.Helper()
	var out []byte
	for _, r := range records {
		r.SyncedBytes = int64(len(out))
		l, err := encodeLine(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l...)
	}
	return string(out)
}

func TestUnusualJournals(t *testing.T) {
	in, other := intentOf("run-1", 2), intentOf("run-2", 2)
	enc := func(rs ...journalRecord) string { return encodeLines(t, rs) }
	// Three entries in one batch: none was synced when another was written.
	batch := func(damage int) string {
		out := enc(journalRecord{Intent: &in})
		synced := int64(len(out))
		for i := range 3 {
			r := entryOf("run-1", i+1, false)
			r.SyncedBytes = synced
			l, _ := encodeLine(r)
			if i == damage {
				l = append(bytes.Repeat([]byte{0}, len(l)-1), '\n')
			}
			out += string(l)
		}
		return out
	}
	for _, row := range []struct {
		name, text string
		entries    int // -1: nothing to read
		err        string
	}{
		{"an empty file", "", -1, ""},
		{"zeros where the first line should be", strings.Repeat("\x00", 100), -1, ""},
		{"the first line of a batch is lost", batch(0), 2, ""},
		{"the middle line of a batch is lost", batch(1), 2, ""},
		{"zeros at the end", enc(journalRecord{Intent: &in}, entryOf("run-1", 1, false)) + "\x00\x00\x00", 1, ""},
		{"an entry without an intent", enc(entryOf("run-1", 1, false)), -1, "does not belong"},
		{"two intents", enc(journalRecord{Intent: &in}, journalRecord{Intent: &other}), -1, "does not belong"},
		{"an entry of another run", enc(journalRecord{Intent: &in}, entryOf("run-2", 1, false)), -1, "does not belong"},
		{"a removed line", enc(journalRecord{Intent: &in}) +
			strings.SplitAfter(enc(journalRecord{Intent: &in}, entryOf("run-1", 1, false), entryOf("run-1", 1, true)),
				"\n")[2], -1, "missing"},
		{"an empty line before the end", strings.Replace(enc(journalRecord{Intent: &in}, entryOf("run-1", 1, false)),
			"\n", "\n\n", 1), 1, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := parseJournal("j", strings.NewReader(row.text))
			switch {
			case row.err != "":
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("error is %v, want %q", err, row.err)
				}
			case err != nil:
				t.Fatal(err)
			case row.entries < 0 && got != nil, row.entries >= 0 && (got == nil || len(got.Entries) != row.entries):
				t.Fatalf("read %+v, want %d entries", got, row.entries)
			}
		})
	}
}

func TestJournalAcceptsConcurrentWriters(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j.jsonl")
	in := intentOf("run-1", 0)
	j, err := createJournal(name, &in, nil)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range 5 {
		writers.Go(func() {
			for i := range 40 {
				if err := errors.Join(j.append(entryOf("run-1", w*1000+i, false)),
					j.append(entryOf("run-1", w*1000+i, true))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	got, err := readJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	next := map[int]int{}
	for _, e := range got.Entries {
		writer, want := e.Seq/1000, e.Seq%1000*2
		if e.Ended {
			want++
		}
		if next[writer] != want {
			t.Fatalf("writer %d has entry %d before %d", writer, want, next[writer])
		}
		next[writer]++
	}
	if len(got.Entries) != 400 {
		t.Errorf("read %d entries, want 400", len(got.Entries))
	}
}

func TestConcurrentWritersShareOneWrite(t *testing.T) {
	in := intentOf("run-1", 0)
	j, err := createJournal(filepath.Join(t.TempDir(), "j.jsonl"), &in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	j.writing.Lock() // the disk is slow
	var writers sync.WaitGroup
	for i := range 5 {
		writers.Go(func() {
			if err := j.append(entryOf("run-1", i+1, false)); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < 5; {
		j.mu.Lock()
		waiting = len(j.next.records)
		j.mu.Unlock()
	}
	before := j.end
	j.writing.Unlock()
	writers.Wait()
	content, err := os.ReadFile(j.name)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bytes.Count(content, fmt.Appendf(nil, `{"syncedBytes":%d,`, before)), 5; got != want {
		t.Errorf("%d lines were written together, want %d", got, want)
	}
}

// If the disk is full, the entry fails and the earlier entries stay. After that, the journal
// continues.
// A file system may drop what it could not sync, and sync the next time without an error.
func TestNothingIsJournaledAfterASyncFailed(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // it can be written, but not synced
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{name: null.Name(), f: null, next: &batch{}}
	if err := j.append(entryOf("run-1", 1, false)); err == nil {
		t.Error("an entry that was not synced counts as written")
	}
	disk, err := os.Create(filepath.Join(t.TempDir(), "j.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if j.f = disk; j.append(entryOf("run-1", 2, false)) == nil {
		t.Error("the journal goes on after a failed sync")
	}
	if err := errors.Join(j.close(), null.Close()); err != nil {
		t.Error(err)
	}
}

// The end of a write waits for no fsync. The next begin of a write brings it to disk, and each line
// says what was on disk before.
func TestTheEndOfAWriteIsSyncedWithTheNextBegin(t *testing.T) {
	in := intentOf("run-1", 0)
	j, err := createJournal(filepath.Join(t.TempDir(), "j.jsonl"), &in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if err := j.append(entryOf("run-1", 1, false)); err != nil {
		t.Fatal(err)
	}
	synced := j.synced
	if err := j.appendUnsynced(entryOf("run-1", 1, true)); err != nil {
		t.Fatal(err)
	}
	got, err := readJournal(j.name)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Entries) != 2 || j.synced != synced {
		t.Errorf("the file has %d entries, and %d bytes are synced; want 2 and %d", len(got.Entries), j.synced, synced)
	}
	if err := j.append(entryOf("run-1", 2, false)); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(j.name)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(content, fmt.Appendf(nil, `{"syncedBytes":%d,`, synced)); n != 2 || j.synced != j.end {
		t.Errorf("%d lines follow the synced ones, and %d of %d bytes are synced", n, j.synced, j.end)
	}
}

func TestJournalContinuesAfterAFullDisk(t *testing.T) {
	in := intentOf("run-1", 0)
	j, err := createJournal(filepath.Join(t.TempDir(), "j.jsonl"), &in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.append(entryOf("run-1", 1, false)); err != nil {
		t.Fatal(err)
	}
	disk := j.f
	full, err := os.OpenFile(j.name, os.O_RDONLY, 0) // read-only: writes and truncation fail
	if err != nil {
		t.Fatal(err)
	}
	j.f = full
	if err := j.append(entryOf("run-1", 2, false)); err == nil {
		t.Fatal("an entry was written to a full disk")
	}
	j.f = disk
	if err := j.append(entryOf("run-1", 2, false)); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("after a failed truncation: %v", err)
	}
	j.broken = nil // as if the truncation had succeeded
	if err := j.append(entryOf("run-1", 2, false)); err != nil {
		t.Fatal(err)
	}
	full.Close()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	got, err := readJournal(j.name)
	if err != nil || len(got.Entries) != 2 {
		t.Errorf("read %+v, %v", got, err)
	}
}

func FuzzJournal(f *testing.F) {
	in := intentOf("run-1", 2)
	in.Started = time.Unix(0, 0).UTC()
	var content []byte
	for _, r := range []journalRecord{{Intent: &in}, entryOf("run-1", 1, false), entryOf("run-1", 1, true)} {
		r.SyncedBytes = int64(len(content))
		l, err := encodeLine(r)
		if err != nil {
			f.Fatal(err)
		}
		content = append(content, l...)
	}
	f.Add(content)
	f.Add(content[:len(content)-7])
	f.Add([]byte("{\"sum\":\"00000000\",\"record\":null}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := parseJournal("j", bytes.NewReader(content))
		if err != nil && got != nil {
			t.Fatalf("both %v and %v", got, err)
		}
		if got == nil {
			return
		}
		for _, e := range got.Entries { // what is read can be written, and is read the same
			l, err := encodeLine(journalRecord{Entry: &e})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeLine(l); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
		}
	})
}
