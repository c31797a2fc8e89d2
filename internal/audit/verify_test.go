package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// fiveRuns returns a branch with five reports, one per minute, and their paths, oldest first.
func fiveRuns(t *testing.T) (store *memStore, paths []string) {
	t.Helper()
	store = &memStore{}
	r := &runner{recorder: newRecorder(t, store, stateDir(t)), aws: &directory{}}
	for i := range 5 {
		receipt, err := r.run(t.Context(), fmt.Sprint("run-", i+1), fmt.Sprint("u-", i+1))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, receipt.Report.Path)
		time.Sleep(time.Minute)
	}
	return store, paths
}

func markdown(r *reconcile.Report, _ iter.Seq[*reconcile.Done]) string { return "# " + r.Run + "\n" }

func TestVerifyProvesAnIntactChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, paths := fiveRuns(t)
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files()})
		if err != nil || proof.Err() != nil {
			t.Fatal(err, proof.Err())
		}
		if proof.VerifiedReports != 5 || proof.Newest.Path != paths[4] || proof.Oldest.Path != paths[0] {
			t.Errorf("the proof is %+v", proof)
		}
		for _, want := range []string{"newest commits were not removed", "branch was not rewritten", "source commits",
			"all earlier reports"} {
			if !strings.Contains(strings.Join(proof.NotProved, "\n"), want) {
				t.Errorf("%q is not listed as not proved: %q", want, proof.NotProved)
			}
		}
		proof, err = Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(), History: store.history(t),
			RenderMarkdown: markdown, KnownCommit: store.head,
			HasCommit: func(ctx context.Context, a string) (bool, error) {
				return store.IsAncestor(ctx, a, store.head)
			},
			CheckSignatures: func(context.Context, string) error { return nil },
			HasSourceCommit: func(context.Context, string) (bool, error) { return true, nil }})
		if err != nil || proof.Err() != nil {
			t.Fatal(err, proof.Err())
		}
		if len(proof.NotProved) > 0 {
			t.Errorf("with all input, not proved is %q", proof.NotProved)
		}
	})
}

// editFile replaces text in a file. It panics if the file does not have it.
func editFile(f fstest.MapFS, name, from, to string) {
	data := bytes.Replace(f[name].Data, []byte(from), []byte(to), 1)
	if bytes.Equal(data, f[name].Data) {
		panic(fmt.Sprintf("%q is not in %s", from, name))
	}
	f[name] = &fstest.MapFile{Data: data, Mode: 0o644}
}

type tamperingRow struct {
	name    string
	do      func(f fstest.MapFS, p []string)
	at      int    // index of the location in the paths; -1: not a report
	reason  string // of the first failure
	reports int    // number of verified reports
}

func chainTamperingRows() []tamperingRow {
	return []tamperingRow{
		{"a report changed", func(f fstest.MapFS, p []string) { editFile(f, p[2], `"u-3"`, `"u-9"`) }, 2,
			"names this report, but its SHA-256 is", 2},
		{"the newest report changed", func(f fstest.MapFS, p []string) { editFile(f, p[4], `"u-5"`, `"u-9"`) }, 4,
			statusPath(prov) + " names this report, but its SHA-256", 0},
		{"the oldest report changed", func(f fstest.MapFS, p []string) { editFile(f, p[0], `"u-1"`, `"u-9"`) }, 0,
			"its SHA-256", 4},
		{"a report changed into something else", func(f fstest.MapFS, p []string) {
			f[p[2]] = &fstest.MapFile{Data: []byte("[]")}
		}, 2, "it is not a report", 2},
		{"a report removed", func(f fstest.MapFS, p []string) { delete(f, p[2]) }, 2, "it does not exist", 2},
		{"a report removed and the link changed", func(f fstest.MapFS, p []string) {
			third, _, _ := readReport(f, p[2])
			delete(f, p[2])
			editFile(f, p[3], p[2], third.Previous.Path)
		}, 3, "its SHA-256", 1},
		{"two reports swapped", func(f fstest.MapFS, p []string) { f[p[1]], f[p[2]] = f[p[2]], f[p[1]] }, 2,
			"its SHA-256", 2},
		{"a report inserted", func(f fstest.MapFS, p []string) {
			name := reportsDir(prov) + "/2000/01/01/20000101T000130Z-abcdef0.json"
			f[name] = f[p[1]]
		}, -1, "it was inserted", 5},
		{"a report inserted into the chain", func(f fstest.MapFS, p []string) {
			name := reportsDir(prov) + "/2000/01/01/20000101T000130Z-abcdef0.json"
			f[name] = f[p[1]]
			editFile(f, p[2], p[1], name)
		}, 2, "its SHA-256", 2},
		{"the newest report removed", func(f fstest.MapFS, p []string) {
			delete(f, p[4])
			editFile(f, statusPath(prov), p[4], p[3])
		}, 3, statusPath(prov) + " names this report, but its SHA-256", 0},
		{"a report of another provisioner", func(f fstest.MapFS, p []string) {
			editFile(f, statusPath(prov), p[4], "reports/other/2000/01/01/x.json")
		}, -1, "not the path of a report", 0},
		{"a chain with a loop", func(f fstest.MapFS, p []string) { editFile(f, p[2], p[1], p[3]) }, 2,
			"its SHA-256", 2},
	}
}

func stateTamperingRows() []tamperingRow {
	return []tamperingRow{
		{"the status removed", func(f fstest.MapFS, _ []string) { delete(f, statusPath(prov)) }, -1, "has no reports",
			0},
		{"the status malformed", func(f fstest.MapFS, _ []string) { editFile(f, statusPath(prov), "{", "[") }, -1,
			"is malformed",
			0},
		{"the status with another outcome", func(f fstest.MapFS, _ []string) {
			editFile(f, statusPath(prov), `"applied"`, `"in sync"`)
		}, -1, "its outcome is in sync, but the report of run run-5 has applied", 5},
		{"the status with another run", func(f fstest.MapFS,
			_ []string) {
			editFile(f, statusPath(prov), `"run-5"`, `"run-9"`)
		},
			-1, "no report in the chain", 5},
		{"a forged entry in the ledger", func(f fstest.MapFS, _ []string) {
			editFile(f, shardPath(prov, "u-2"), "id-u-2", "id-admin")
		}, -1, "but the newest report has the ledger digest", 5},
		{"a forged entry in the wrong file", func(f fstest.MapFS, _ []string) {
			editFile(f, shardPath(prov, "u-2"), `"u-2"`, `"u-3"`)
		}, -1, "belongs to", 5},
		{"a file of the ledger removed", func(f fstest.MapFS, _ []string) { delete(f, shardPath(prov, "u-2")) }, -1,
			"but the newest report has the ledger digest", 5},
		{"a file that does not belong in the ledger", func(f fstest.MapFS, _ []string) {
			f[ledgerDir(prov)+"/extra"] = &fstest.MapFile{}
		}, -1, "not a file of a ledger", 5},
	}
}

func TestVerifyFindsTampering(t *testing.T) {
	for _, row := range slices.Concat(chainTamperingRows(), stateTamperingRows()) {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, paths := fiveRuns(t)
				files := store.files()
				row.do(files, paths)
				proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: files})
				if err != nil {
					t.Fatal(err)
				}
				if proof.VerifiedReports != row.reports {
					t.Errorf("%d reports are verified, want %d", proof.VerifiedReports, row.reports)
				}
				if len(proof.Failures) == 0 {
					t.Fatal("no failure was found")
				}
				first := proof.Failures[0]
				if row.at >= 0 && first.Location != paths[row.at] || !strings.Contains(first.Reason, row.reason) {
					t.Errorf("the first failure is %s: %s\nwant %q", first.Location, first.Reason, row.reason)
				}
				if !strings.Contains(proof.Err().Error(), first.Location) {
					t.Errorf("the error does not name the failure: %v", proof.Err())
				}
			})
		})
	}
}

// A rewritten chain is consistent. Only data outside of the files shows that it was rewritten.
func TestVerifyFindsARewrittenBranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, paths := fiveRuns(t)
		anchor := store.head
		forged := store.files()
		rewriteReport(t, forged, paths[1:], "u-2", "u-9")
		check := VerifyInput{Provisioner: prov, Files: forged}
		proof, err := Verify(t.Context(), check)
		if err != nil || proof.Err() != nil || proof.VerifiedReports != 5 {
			t.Fatalf("the forgery is not consistent: %v, %+v", err, proof)
		}
		edits := map[string][]byte{}
		for name, f := range forged {
			edits[name] = f.Data
		}
		on := &memStore{head: store.head, commits: maps.Clone(store.commits)}
		if _, err := on.commit(on.head, edits, "forged on top", time.Now()); err != nil {
			t.Fatal(err)
		}
		rewritten := &memStore{}
		if _, err := rewritten.commit("", edits, "forged from the ground", time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			name   string
			store  *memStore
			check  func(c *VerifyInput, s *memStore)
			reason string
		}{
			{"on top of the old branch, by its history", on, func(c *VerifyInput, s *memStore) {
				c.History = s.history(t)
			}, "is not in the chain"},
			{"a new branch, by a known commit", rewritten, func(c *VerifyInput, s *memStore) {
				c.KnownCommit, c.HasCommit = anchor, func(ctx context.Context, a string) (bool, error) {
					return s.IsAncestor(ctx, a, s.head)
				}
			}, "no longer contains"},
			{"a new branch, by its signatures", rewritten, func(c *VerifyInput, _ *memStore) {
				c.CheckSignatures = func(context.Context, string) error {
					return errors.New("commit 123 is not signed")
				}
			}, "is not signed"},
			{"with other source commits", rewritten, func(c *VerifyInput, _ *memStore) {
				c.HasSourceCommit = func(context.Context, string) (bool, error) { return false, nil }
			}, "source commit abcdef0123456789 is not in the repository"},
		} {
			c := check
			row.check(&c, row.store)
			proof, err := Verify(t.Context(), c)
			if err != nil || proof.Err() == nil || !strings.Contains(proof.Err().Error(), row.reason) {
				t.Errorf("%s: found %v, %v, want %q", row.name, proof.Err(), err, row.reason)
			}
		}
	})
}

// rewriteReport changes a report and all links after it; it is the first of paths.
func rewriteReport(t *testing.T, files fstest.MapFS, paths []string, from, to string) {
	t.Helper()
	old := map[string]string{}
	for _, p := range paths {
		old[p] = sum(files[p].Data)
	}
	set := func(name string, data []byte) { files[name] = &fstest.MapFile{Data: data, Mode: 0o644} }
	set(paths[0], bytes.ReplaceAll(files[paths[0]].Data, []byte(from), []byte(to)))
	for i, p := range paths {
		next := statusPath(prov)
		if i+1 < len(paths) {
			next = paths[i+1]
		}
		set(next, bytes.Replace(files[next].Data, []byte(old[p]), []byte(sum(files[p].Data)), 1))
	}
}

func TestVerifyFindsACommitThatRestoresOldFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := fiveRuns(t)
		// The files after the third run, committed again on top.
		at := store.head
		for range 4 {
			at = store.commits[at].parent
		}
		edits := map[string][]byte{}
		for name := range store.commits[store.head].files {
			edits[name] = nil
		}
		maps.Copy(edits, store.commits[at].files)
		if _, err := store.commit(store.head, edits, "revert", time.Now()); err != nil {
			t.Fatal(err)
		}
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files()})
		if err != nil || proof.Err() != nil || proof.VerifiedReports != 3 {
			t.Fatalf("%+v, %v", proof, err)
		}
		proof, err = Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(),
			History: store.history(t)})
		if err != nil || proof.Err() == nil || !strings.Contains(proof.Err().Error(), "is not in the chain") {
			t.Errorf("found %v, %v", proof.Err(), err)
		}
	})
}

// The digest of a forged ledger is in the report of a later run. The history shows which commit
// forged it.
func TestVerifyFindsALedgerForgedBetweenReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := fiveRuns(t)
		content, err := encode(&shard{Version: 1, Users: map[string]reconcile.Owned{"mallory": {ID: "id-admin"}}})
		if err != nil {
			t.Fatal(err)
		}
		forged, err := store.commit(store.head, map[string][]byte{shardPath(prov, "mallory"): content}, "forged",
			time.Now())
		if err != nil {
			t.Fatal(err)
		}
		forgeReport(t, store, "run-6")
		r := &runner{recorder: newRecorder(t, store, stateDir(t)), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-7", "u-run-7"); err != nil {
			t.Fatal(err)
		}
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files()})
		if err != nil || proof.Err() != nil || proof.VerifiedReports != 7 {
			t.Fatalf("the files are not consistent: %v, %+v", err, proof)
		}
		proof, err = Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(),
			History: store.history(t)})
		if err != nil || len(proof.Failures) != 1 || proof.Failures[0].Location != "commit "+forged ||
			!strings.Contains(proof.Failures[0].Reason, "its ledger") {
			t.Errorf("found %+v, %v, want commit %s", proof.Failures, err, forged)
		}
	})
}

// forgeReport commits a report that properly continues the chain, with the ledger as it is.
func forgeReport(t *testing.T, s *memStore, run string) {
	t.Helper()
	r := &Recorder{Store: s}
	b, err := r.readBranch(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	report := testReport(run, reconcile.RunInSync, nil)
	built, err := r.buildCommit(b, &pendingReport{Report: report, Status: statusOf(report, b.status),
		BaseReport: b.status.Report}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.commit(s.head, built.input.files, "forged", time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyNamesRunsWithoutAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := fiveRuns(t)
		b := newRecorder(t, store, stateDir(t))
		if err := beginRun(t, b, "run-lost"); err != nil {
			t.Fatal(err)
		}
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(),
			History: store.history(t)})
		if err != nil || proof.Err() != nil {
			t.Fatal(err, proof.Err())
		}
		if !slices.ContainsFunc(proof.NotProved, func(s string) bool {
			return strings.Contains(s, "run-lost") &&
				strings.Contains(s, "3 changes")
		}) {
			t.Errorf("not proved is %q", proof.NotProved)
		}
	})
}

func TestVerifyAnUnknownProvisioner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := fiveRuns(t)
		if _, err := Verify(t.Context(), VerifyInput{Provisioner: "nobody", Files: store.files()}); !errors.Is(err,
			fs.ErrNotExist) {
			t.Errorf("the error is %v", err)
		}
		if _, err := Verify(t.Context(), VerifyInput{Provisioner: "../x", Files: store.files()}); err == nil {
			t.Error("a path was accepted as a name")
		}
		if got, err := Provisioners(store.files()); err != nil || !slices.Equal(got, []string{prov}) {
			t.Errorf("the provisioners are %v, %v", got, err)
		}
	})
}

func TestVerifyComparesTheMarkdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, paths := fiveRuns(t)
		files := store.files()
		files[strings.TrimSuffix(paths[1], ".json")+".md"] = &fstest.MapFile{Data: []byte("nothing happened")}
		delete(files, strings.TrimSuffix(paths[2], ".json")+".md")
		proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: files, RenderMarkdown: markdown})
		if err != nil || proof.Err() != nil {
			t.Fatal(err, proof.Err())
		}
		notProved := strings.Join(proof.NotProved, "\n")
		if !strings.Contains(notProved, "it does not exist; use the JSON file") ||
			!strings.Contains(notProved, "it is not what roster , which wrote the report, renders") {
			t.Errorf("not proved is %q", proof.NotProved)
		}
	})
}

func TestVerifySaysWhichVersionRenderedMarkdownThatDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, paths := fiveRuns(t)
		newRules := func(r *reconcile.Report, changes iter.Seq[*reconcile.Done]) string {
			return strings.ToUpper(markdown(r, changes))
		}
		in := VerifyInput{Provisioner: prov, Files: store.files(), RenderMarkdown: newRules, Version: "2.0"}
		proof, err := Verify(t.Context(), in)
		if err != nil || proof.Err() != nil {
			t.Fatal(err, proof.Err())
		}
		notProved := strings.Join(proof.NotProved, "\n")
		want := "5 Markdown files of roster  differ from what this version, 2.0, renders of the same reports: use " +
			"the JSON files, or verify with that version"
		if !strings.Contains(notProved, want) || strings.Contains(notProved, paths[0]) {
			t.Errorf("not proved is %q; want %q and no list of files", proof.NotProved, want)
		}
		in.Version = "" // the version that wrote the reports
		if proof, err = Verify(t.Context(), in); err != nil || strings.Count(strings.Join(proof.NotProved, "\n"),
			"it is not what roster , which wrote the report, renders") != 5 {
			t.Errorf("not proved is %q, %v", proof.NotProved, err)
		}
	})
}

// checkpointOf verifies a branch and returns the checkpoint.
func checkpointOf(t *testing.T, store *memStore) *Checkpoint {
	t.Helper()
	in := VerifyInput{Provisioner: prov, Files: store.files(), History: store.history(t)}
	proof, err := Verify(t.Context(), in)
	if err != nil || proof.Err() != nil {
		t.Fatal(err, proof.Err())
	}
	c := proof.NextCheckpoint(store.head, in.Checks(""), time.Now())
	if c == nil {
		t.Fatal("there is no checkpoint after a proof without failures")
	}
	return c
}

// historySince are the commits after one.
func historySince(t *testing.T, store *memStore, since string) iter.Seq2[BranchCommit, error] {
	return func(yield func(BranchCommit, error) bool) {
		for c, err := range store.history(t) {
			if c.ID == since || !yield(c, err) {
				return
			}
		}
	}
}

func TestOnlyWhatIsNewIsVerifiedAfterACheckpoint(t *testing.T) {
	for _, row := range []struct {
		name   string
		runs   int // since the checkpoint
		edit   func(t *testing.T, store *memStore, paths []string)
		reason string // of the failure; "" if it verifies
	}{
		{"nothing is new", 0, nil, ""},
		{"two reports are new", 2, nil, ""},
		{"an old report was changed", 1, func(t *testing.T, s *memStore, paths []string) {
			commitFile(t, s, paths[1], []byte("{}"))
		}, "it was changed or removed since commit"},
		{"an old report was removed", 0, func(t *testing.T, s *memStore, paths []string) {
			commitFile(t, s, paths[1], nil)
		}, "it was changed or removed since commit"},
		{"a report was inserted", 0, func(t *testing.T, s *memStore, paths []string) {
			commitFile(t, s, strings.Replace(paths[1], ".json", "-2.json", 1), []byte("{}"))
		}, "the chain does not name it"},
		{"the ledger was changed", 0, func(t *testing.T, s *memStore, _ []string) { forgeLedger(t, s) },
			"the newest report has the ledger digest"},
		{"the status names an older report", 0, func(t *testing.T, s *memStore, paths []string) {
			status, err := readStatus(s.files(), prov)
			if err != nil {
				t.Fatal(err)
			}
			status.Report = reconcile.ReportLink{Path: paths[2], SHA256: sum(s.files()[paths[2]].Data)}
			content, err := encode(status)
			if err != nil {
				t.Fatal(err)
			}
			commitFile(t, s, statusPath(prov), content)
		}, "the chain does not reach"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, paths := fiveRuns(t)
				since := checkpointOf(t, store)
				before := store.files()
				r := &runner{recorder: newRecorder(t, store, stateDir(t)), aws: &directory{}}
				for i := range row.runs {
					if _, err := r.run(t.Context(), fmt.Sprint("new-", i), fmt.Sprint("n-", i)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
				}
				if row.edit != nil {
					row.edit(t, store, paths)
				}
				proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(),
					History: historySince(t, store, since.Head), Since: since, FilesSince: before})
				if err != nil {
					t.Fatal(err)
				}
				if row.reason == "" && (proof.Err() != nil || proof.VerifiedReports != row.runs) {
					t.Errorf("%d reports verify: %v", proof.VerifiedReports, proof.Err())
				}
				if failures := fmt.Sprint(proof.Failures); row.reason != "" && !strings.Contains(failures, row.reason) {
					t.Errorf("the failures are %v, want %q", proof.Failures, row.reason)
				}
				if next := proof.NextCheckpoint(store.head, nil, time.Now()); (next == nil) != (row.reason != "") ||
					next != nil && next.Reports != 5+row.runs {
					t.Errorf("the next checkpoint is %+v", next)
				}
				if !strings.Contains(strings.Join(proof.NotProved, "\n"), "5 reports up to "+paths[4]+" again") {
					t.Errorf("not proved is %q; want what was not verified again", proof.NotProved)
				}
			})
		})
	}
}

func TestACheckpointCoversOnlyWhatItChecked(t *testing.T) {
	none := func(context.Context, string) (bool, error) { return true, nil }
	signed := func(context.Context, string) error { return nil }
	plain, both := &VerifyInput{}, &VerifyInput{CheckSignatures: signed, HasSourceCommit: none}
	c := &Checkpoint{Checks: both.Checks("keys-1")}
	if !c.Covers(plain.Checks("")) || !c.Covers(both.Checks("keys-1")) {
		t.Error("a checkpoint does not cover what it checked")
	}
	if c.Covers(both.Checks("keys-2")) || (&Checkpoint{}).Covers(both.Checks("keys-1")) {
		t.Error("a checkpoint covers signatures of other keys, or none")
	}
}

// TestVerifyKeepsLittleOfEachReport measures what a verification has in memory after it has read
// the reports and the history, for few and for many reports.
func TestVerifyKeepsLittleOfEachReport(t *testing.T) {
	live := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	heldAfter := func(runs int) int {
		store := &memStore{}
		recorder := newRecorder(t, store, stateDir(t))
		for i := range runs {
			report := testReport(fmt.Sprint("run-", i), reconcile.RunHeld, nil)
			report.Warnings = []string{strings.Repeat("a notice of many words ", 200)}
			state, err := recorder.LoadState(t.Context(), prov)
			if err == nil {
				_, err = recorder.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
					Status: statusOf(report, state.Status)})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		var before, after int
		in := VerifyInput{Provisioner: prov, Files: store.files(), History: store.history(t),
			CheckSignatures: func(context.Context, string) error { // after the chain and the history
				after = live()
				return nil
			}}
		before = live()
		proof, err := Verify(t.Context(), in)
		if err != nil || proof.Err() != nil || proof.VerifiedReports != runs {
			t.Fatalf("%d reports are verified: %v, %v", proof.VerifiedReports, err, proof.Err())
		}
		return after - before
	}
	few, many := heldAfter(20), heldAfter(120)
	if each := (many - few) / 100; each > 2500 { // 1,600; with the warnings it would be 6,000
		t.Errorf("a verification keeps %d bytes of each report", each)
	}
}
