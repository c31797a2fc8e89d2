package audit

import (
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Others who say that the previous members of an adopted group are decided do not release their
// removal on a machine that knew the group.
func TestOthersDoNotDecideThePreviousMembersOfAGroup(t *testing.T) {
	set := func(key string, undecided bool) func(*reconcile.Ledger) {
		return func(l *reconcile.Ledger) {
			clear(l.Groups)
			l.Groups[key] = reconcile.Owned{ID: "id-g", MembersUndecided: undecided}
		}
	}
	drop := func(l *reconcile.Ledger) { clear(l.Groups) }
	for _, test := range []struct {
		name   string
		forged []func(*reconcile.Ledger)
		key    string
	}{
		{"changed the entry", []func(*reconcile.Ledger){set("g", false)}, "g"},
		{"gave the entry another key", []func(*reconcile.Ledger){set("h", false)}, "h"},
		{"removed the entry and added it again", []func(*reconcile.Ledger){drop, set("g", false)}, "g"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				here := filepath.Join(dir, "here")
				r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}, edit: set("g", true)}
				run := func(r *runner, name string) {
					t.Helper()
					if _, err := r.run(t.Context(), name, "u-"+name); err != nil {
						t.Fatal(err)
					}
				}
				want := func(state *reconcile.AuditState, undecided bool) {
					t.Helper()
					if g := state.Ledger.Groups[test.key]; g.ID != "id-g" || g.MembersUndecided != undecided {
						t.Fatalf("the entry is %+v", g)
					}
				}
				run(r, "run-1")
				forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: r.aws}
				for i, edit := range test.forged {
					forger.edit = edit
					run(forger, []string{"forged-1", "forged-2"}[i])
					loadTrust(t, store, here)
				}
				want(loadTrust(t, store, here), true)
				want(loadTrust(t, store, here), true)

				r.edit = nil // the next report repairs the branch
				run(r, "run-2")
				want(loadTrust(t, store, filepath.Join(dir, "new")), true)
				r.edit = set(test.key, false) // a run of this machine decides
				run(r, "run-3")
				want(loadTrust(t, store, here), false)
			})
		})
	}
}

// The release of a broken branch does not decide them either.
func TestABrokenBranchDoesNotDecideThePreviousMembersOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, here := &memStore{}, stateDir(t)
		r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
		r.edit = func(l *reconcile.Ledger) { l.Groups["g"] = reconcile.Owned{ID: "id-g", MembersUndecided: true} }
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		forged := &shard{Version: 1, Groups: map[string]reconcile.Owned{"g": {ID: "id-g"}}}
		content, err := encode(forged)
		if err != nil {
			t.Fatal(err)
		}
		commitFile(t, store, shardPath(prov, "g"), content)
		state := loadTrust(t, store, here)
		if !state.Trust.Broken() || !state.Ledger.Groups["g"].MembersUndecided {
			t.Fatalf("trust is %+v, the entry %+v", state.Trust, state.Ledger.Groups["g"])
		}
		r.edit = nil
		r.release = &reconcile.Approved{Digest: state.Trust.Release()}
		if _, err := r.run(t.Context(), "run-2", "u-2"); err != nil {
			t.Fatal(err)
		}
		if g := loadTrust(t, store, here).Ledger.Groups["g"]; !g.MembersUndecided {
			t.Errorf("after the release the entry is %+v", g)
		}
	})
}
