package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// longReport is a number of changes that needs several parts.
const longReport = 30_000

// memberships returns n new members of ten groups, after the groups.
func memberships(n int) []reconcile.Done {
	var out []reconcile.Done
	for g := range 10 {
		out = append(out, reconcile.Done{Change: &reconcile.Change{Kind: reconcile.CreateGroup,
			Key: fmt.Sprint("g-", g), Name: fmt.Sprint("Group ", g)}, Result: reconcile.ResultDone})
	}
	for i := range n {
		out = append(out, reconcile.Done{Result: reconcile.ResultDone, Change: &reconcile.Change{
			Kind: reconcile.AddMember, Key: fmt.Sprint("g-", i%10), Name: fmt.Sprint("Group ", i%10),
			Member: fmt.Sprint("u-", i/10), MemberName: fmt.Sprintf("user%d@example.com", i/10),
			Origin: reconcile.Intended, Reason: reconcile.Reason{Text: "declared member"}}})
	}
	return out
}

// commitChanges reports a run with changes.
func commitChanges(t *testing.T, r *Recorder, run string, changes []reconcile.Done) (reconcile.Receipt, error) {
	t.Helper()
	state, err := r.LoadState(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	report := testReport(run, reconcile.RunApplied, changes)
	return r.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
		Status: statusOf(report, state.Status)})
}

// countingFiles counts the files that are read, by the suffix of their names.
type countingFiles struct {
	fs.FS
	reads map[string]int
}

func (c countingFiles) ReadFile(name string) ([]byte, error) {
	for _, kind := range []string{".part-", ".index-"} {
		if strings.Contains(name, kind) {
			c.reads[kind]++
		}
	}
	return fs.ReadFile(c.FS, name)
}

func TestALongReportHasPartsAndAnIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		b := newRecorder(t, store, dir)
		changes := memberships(longReport)
		receipt, err := commitChanges(t, b, "run-1", changes)
		if err != nil {
			t.Fatal(err)
		}
		files := store.files()
		manifest, err := ReadManifest(files, receipt.Report.Path)
		if err != nil || manifest.Version != reportVersion || len(manifest.Changes) != 0 || len(manifest.Parts) < 3 ||
			manifest.ChangeCount() != len(changes) {
			t.Fatalf("the manifest has version %d, %d parts and %d changes, %v", manifest.Version, len(manifest.Parts),
				manifest.ChangeCount(), err)
		}
		for _, link := range partLinks(manifest) {
			z, err := gzip.NewReader(bytes.NewReader(files[link.Path].Data))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(z); err != nil || len(text) == 0 || len(text) > maxPart {
				t.Errorf("%s has %d bytes, %v; want at most 1 MiB", link.Path, len(text), err)
			}
		}
		want := fmt.Sprintf("aws-prod applied, %d changes", len(changes))
		if got := store.messages()[0]; !strings.Contains(got, want) {
			t.Errorf("the message is %q, want %q", got, want)
		}
		whole, err := ReadReport(files, receipt.Report.Path)
		if err != nil || !slices.EqualFunc(whole.Changes, changes, sameDone) {
			t.Errorf("the report has %d changes, want the same %d, %v", len(whole.Changes), len(changes), err)
		}
		checkChain(t, store, "run-1")
		if left, err := filepath.Glob(filepath.Join(dir, "parts", prov, "*")); err != nil || len(left) > 0 {
			t.Errorf("parts are left in the state directory: %v, %v", left, err)
		}
	})
}

func TestChangesAreReadFromAnyOfThemOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		b := newRecorder(t, store, stateDir(t))
		changes := memberships(longReport)
		receipt, err := commitChanges(t, b, "run-1", changes)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := ReadManifest(store.files(), receipt.Report.Path)
		if err != nil {
			t.Fatal(err)
		}
		first := manifest.Parts[0].Changes
		n := len(changes)
		for _, skip := range []int{0, 1, first - 1, first, first + 1, n - 1, n, n + 5} {
			files := countingFiles{store.files(), map[string]int{}}
			var have []reconcile.Done
			for d, err := range ChangesFrom(files, manifest, skip) {
				if err != nil {
					t.Fatal(err)
				}
				have = append(have, *d)
			}
			want := changes[min(skip, len(changes)):]
			if !slices.EqualFunc(have, want, sameDone) {
				t.Errorf("without the first %d, there are %d changes, want %d", skip, len(have), len(want))
			}
			if unread := len(manifest.Parts) - files.reads[".part-"]; unread < min(skip/first, 1) {
				t.Errorf("without the first %d of %d changes, all %d parts are read", skip, len(changes),
					len(manifest.Parts))
			}
		}
		short := &reconcile.Report{Changes: changes[:3]}
		n = 0
		for range ChangesFrom(store.files(), short, 2) {
			n++
		}
		if n != 1 {
			t.Errorf("without the first 2 of 3 changes in memory, there are %d", n)
		}
	})
}

func sameDone(a, b reconcile.Done) bool {
	return a.Result == b.Result && a.Ref() == b.Ref() && a.Name == b.Name && a.MemberName == b.MemberName
}

// The number of files that are read for one user or group depends on its own changes.
func TestOnlyThePartsWithAnObjectAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		b := newRecorder(t, store, stateDir(t))
		if _, err := commitChanges(t, b, "run-1", memberships(longReport)); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			ref            string
			changes        int
			parts, indexes int
		}{
			{reconcile.UserRef("u-7"), 10, 1, 1},
			{reconcile.GroupRef("g-3"), 1 + longReport/10, -1, 1},
			{reconcile.UserRef("u-77777777"), 0, 0, 1},
			{reconcile.UserRef("z"), 0, 0, 0},
			{reconcile.GroupRef("a"), 0, 0, 0},
		} {
			files := countingFiles{store.files(), map[string]int{}}
			report, _, err := FindReport(t.Context(), files, prov, -1, row.ref)
			n := 0
			if report != nil {
				n = len(report.Changes)
			}
			if err != nil || n != row.changes {
				t.Errorf("%s: found %d changes, %v; want %d", row.ref, n, err, row.changes)
			}
			if files.reads[".index-"] != row.indexes || row.parts >= 0 && files.reads[".part-"] != row.parts {
				t.Errorf("%s: read %v; want %d parts and %d files of the index", row.ref, files.reads, row.parts,
					row.indexes)
			}
		}
	})
}

// rewritten returns files in which the manifest of a report names other contents, with the right
// SHA-256 everywhere: what a writer of the branch could make.
func rewritten(
	t *testing.T, files fstest.MapFS, at reconcile.ReportLink, edit func(*reconcile.Report) map[string]string,
) fstest.MapFS {
	t.Helper()
	out := maps.Clone(files)
	manifest, err := ReadManifest(files, at.Path)
	if err != nil {
		t.Fatal(err)
	}
	contents := edit(manifest)
	for name, text := range contents {
		content, err := new(partsWriter).compress([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = &fstest.MapFile{Data: content}
		for i := range manifest.Parts {
			if manifest.Parts[i].Path == name {
				manifest.Parts[i].SHA256 = sum(content)
			}
		}
		for i := range manifest.Index {
			if manifest.Index[i].Path == name {
				manifest.Index[i].SHA256 = sum(content)
			}
		}
	}
	content, err := encode(manifest)
	if err != nil {
		t.Fatal(err)
	}
	out[at.Path] = &fstest.MapFile{Data: content}
	status, err := readStatus(files, prov)
	if err != nil {
		t.Fatal(err)
	}
	status.Report.SHA256 = sum(content)
	if content, err = encode(status); err != nil {
		t.Fatal(err)
	}
	out[statusPath(prov)] = &fstest.MapFile{Data: content}
	return out
}

func TestVerifyFindsWhatIsWrongInALongReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		b := newRecorder(t, store, stateDir(t))
		receipt, err := commitChanges(t, b, "run-1", memberships(longReport))
		if err != nil {
			t.Fatal(err)
		}
		files := store.files()
		manifest, err := ReadManifest(files, receipt.Report.Path)
		if err != nil {
			t.Fatal(err)
		}
		part, index := manifest.Parts[1].Path, manifest.Index[0].Path
		text := func(link reconcile.ReportLink) string {
			out, release, err := readCompressed(files, link, maxPart)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			return string(out)
		}
		with := func(name string, data []byte) fstest.MapFS {
			out := maps.Clone(files)
			if delete(out, name); data != nil {
				out[name] = &fstest.MapFile{Data: data}
			}
			return out
		}
		for _, row := range []struct {
			name     string
			files    fstest.MapFS
			location string
			reason   string
		}{
			{"a part was changed", with(part, []byte("{}")), part, "its SHA-256"},
			{"a part was removed", with(part, nil), part, "does not exist"},
			{"a file of the index was changed", with(index, []byte("{}")), index, "its SHA-256"},
			{"a file of the index was removed", with(index, nil), index, "does not exist"},
			{"a part lacks changes", rewritten(t, files, receipt.Report, func(r *reconcile.Report) map[string]string {
				first, _, _ := strings.Cut(text(r.Parts[1].ReportLink), "\n")
				return map[string]string{part: first + "\n"}
			}), part, "it has 1 changes, but the report says"},
			{"a part is not JSON", rewritten(t, files, receipt.Report, func(*reconcile.Report) map[string]string {
				return map[string]string{part: "x\n"}
			}), part, "line 1: invalid character"},
			{"a part is larger than 1 MiB", rewritten(t, files, receipt.Report,
				func(*reconcile.Report) map[string]string {
					return map[string]string{part: strings.Repeat(" ", maxPart+1)}
				}), part, "more than 1048576 bytes"},
			{"the index hides a user", rewritten(t, files, receipt.Report, func(r *reconcile.Report) map[string]string {
				last := r.Index[len(r.Index)-1]
				_, others, _ := strings.Cut(text(last.ReportLink), "\n")
				return map[string]string{last.Path: others}
			}), manifest.Index[len(manifest.Index)-1].Path, "it is not the index of the parts"},
			{"it has no index", rewritten(t, files, receipt.Report, func(r *reconcile.Report) map[string]string {
				r.Index = nil
				return nil
			}), manifest.Parts[0].Path, "no index names"},
		} {
			proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: row.files})
			if err != nil {
				t.Fatal(row.name, err)
			}
			if !slices.ContainsFunc(proof.Failures, func(f Failure) bool {
				return f.Location == row.location && strings.Contains(f.Reason, row.reason)
			}) {
				t.Errorf("%s: the failures are %+v; want %q at %s", row.name, proof.Failures, row.reason, row.location)
			}
		}
	})
}

// A long report is published after a crash at any point, with all of its changes.
func TestALongReportSurvivesACrashAtAnyPoint(t *testing.T) {
	changes, stored := memberships(longReport), false
	for dieAt := 1; ; dieAt++ {
		point := ""
		synctest.Test(t, func(t *testing.T) {
			m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
			var err error
			point, err = m.runProcess(dieAt, func(r *runner) error {
				_, err := commitChanges(t, r.recorder, "run-1", changes)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if point == "" {
				return
			}
			if _, err := m.runProcess(0, func(r *runner) error {
				_, err := r.recorder.LoadState(t.Context(), prov)
				return err
			}); err != nil {
				t.Fatalf("after a crash at %q: %v", point, err)
			}
			left, err := filepath.Glob(filepath.Join(m.dir, "parts", prov, "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("after a crash at %q, parts are left in the state directory: %v, %v", point, left, err)
			}
			if stored = stored || point == "report stored"; !stored { // the run sent nothing, and has no journal
				return
			}
			for l, err := range Chain(m.files(), prov) {
				if err != nil || l.Report.ChangeCount() != len(changes) {
					t.Fatalf("after a crash at %q: %+v, %v", point, l, err)
				}
			}
		})
		if point == "" {
			if dieAt < 10 || !stored {
				t.Errorf("the run has only %d points, or stores no report", dieAt)
			}
			return
		}
	}
}

// Reports wait while the branch is out of reach. A part that is damaged meanwhile is said in the
// report, which is published without it.
func TestAQueuedLongReportIsPublishedWithItsParts(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		t.Run(fmt.Sprint("damaged ", damaged), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				b := newRecorder(t, store, dir)
				if _, err := commitChanges(t, b, "run-1", nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				head := store.head
				b.Known = func(context.Context) (string, error) { return head, nil }
				store.fault = func(op string, _ bool) error {
					if op == "head" {
						return errDown
					}
					return nil
				}
				receipt, err := commitChanges(t, b, "run-2", memberships(longReport))
				if err != nil || !receipt.Queued {
					t.Fatalf("the receipt is %+v, %v; want a queued report", receipt, err)
				}
				if damaged {
					names, err := filepath.Glob(filepath.Join(dir, "parts", prov, "*", "part-0002.jsonl.gz"))
					if err != nil || len(names) != 1 {
						t.Fatal(names, err)
					}
					if err := os.WriteFile(names[0], []byte("x"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				store.fault = nil
				if _, err := b.LoadState(t.Context(), prov); err != nil {
					t.Fatal(err)
				}
				checkChain(t, store, "run-1", "run-2")
				report, err := ReadReport(store.files(), newestReport(t, store))
				if err != nil {
					t.Fatal(err)
				}
				if !damaged && len(report.Changes) != longReport+10 {
					t.Errorf("the report has %d changes", len(report.Changes))
				}
				lost := strings.Join(report.Errors, "\n")
				if damaged != strings.Contains(lost, "30010 changes of this report are lost") {
					t.Errorf("the errors are %q", lost)
				}
			})
		})
	}
}

// The report of an earlier roster in parts of 5,000 changes stays readable and verifiable, and the
// chain goes on with reports of today.
func TestAReportOfAnEarlierRosterStaysReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		b := newRecorder(t, store, stateDir(t))
		receipt, err := commitChanges(t, b, "run-1", memberships(100))
		if err != nil {
			t.Fatal(err)
		}
		files := rewritten(t, store.files(), receipt.Report, func(r *reconcile.Report) map[string]string {
			part, err := encode(listPart{Version: version, Run: r.Run, Changes: r.Changes})
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(receipt.Report.Path, ".json") + ".part-0001.json"
			commitFile(t, store, name, part)
			r.Changes = []reconcile.Done{}
			r.Parts = []reconcile.ReportPart{{ReportLink: reconcile.ReportLink{Path: name, SHA256: sum(part)}}}
			return nil
		})
		for _, name := range []string{receipt.Report.Path, statusPath(prov)} {
			commitFile(t, store, name, files[name].Data)
		}
		fresh := newRecorder(t, store, stateDir(t))
		if _, err := commitChanges(t, fresh, "run-2", memberships(longReport)); err != nil {
			t.Fatal(err)
		}
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files()})
		if err != nil || proof.Err() != nil || proof.VerifiedReports != 2 {
			t.Fatalf("%d reports verify: %v, %v", proof.VerifiedReports, proof.Err(), err)
		}
		manifest, err := ReadManifest(store.files(), receipt.Report.Path)
		if err != nil {
			t.Fatal(err)
		}
		old, err := changesOf(store.files(), manifest, reconcile.UserRef("u-3"))
		if err != nil || len(old) != 10 {
			t.Errorf("the old report has %d changes of the user, %v", len(old), err)
		}
	})
}

// The parts are encoded one after the other: memory does not follow the number of changes.
func TestPartsAreWrittenOneAfterTheOther(t *testing.T) {
	few, many := memberships(longReport), memberships(4*longReport)
	held := func(changes []reconcile.Done) int {
		w := &partsWriter{dir: t.TempDir(), named: newPartNames()}
		most := 0
		for i := range changes {
			if err := w.add(&changes[i]); err != nil {
				t.Fatal(err)
			}
			most = max(most, w.lines.Cap())
		}
		return most
	}
	if a, b := held(few), held(many); b > a+maxPart {
		t.Errorf("the buffer has %d bytes for %d changes, and %d for %d", a, len(few), b, len(many))
	}
}
