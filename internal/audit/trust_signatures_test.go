package audit

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// signed makes a recorder require signatures. Commits whose message has "forged" or "tampered" have
// none.
func signed(r *Recorder, store *memStore) *Recorder {
	r.CheckSignatures = func(_ context.Context, since, head string) error {
		for at := head; at != since && at != ""; at = store.commits[at].parent {
			if m := store.commits[at].message; strings.Contains(m, "forged") || strings.Contains(m, "tampered") {
				return errors.New("commit " + at + " is not signed")
			}
		}
		return nil
	}
	return r
}

func loadSigned(t *testing.T, store *memStore, dir string) *reconcile.AuditState {
	t.Helper()
	state, err := signed(newRecorder(t, store, dir), store).LoadState(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestSignaturesProveTheBranchOnEveryMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		for _, name := range []string{"a", "b", "a", "c"} { // the machines alternate
			here := filepath.Join(dir, name)
			if state := loadSigned(t, store, here); state.Trust.Level != reconcile.TrustProved {
				t.Errorf("machine %s: %+v", name, state.Trust)
			}
			r := &runner{recorder: signed(newRecorder(t, store, here), store), aws: &directory{}}
			if _, err := r.run(t.Context(), "run-"+time.Now().String(), "u-1"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestAnUnsignedCommitOnASignedBranchBreaksIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		runThrice(t, store, filepath.Join(dir, "a"))
		loadSigned(t, store, filepath.Join(dir, "b")) // the commits so far are signed
		commitFile(t, store, "unrelated", []byte("x"))
		for _, name := range []string{"a", "b", "new"} {
			if got := loadSigned(t, store, filepath.Join(dir, name)).Trust; !got.Broken() ||
				!strings.Contains(got.Reason, "is not signed") || got.Break != store.head {
				t.Errorf("machine %s: %+v", name, got)
			}
		}
	})
}

func TestASignedBranchThatIsRolledBackToAnOlderSignedHeadIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := &runner{recorder: signed(newRecorder(t, store, dir), store), aws: &directory{}}
		for _, run := range []string{"run-1", "run-2"} {
			if _, err := r.run(t.Context(), run, "u-"+run); err != nil {
				t.Fatal(err)
			}
		}
		rewind(store, 2)
		if got := loadSigned(t, store, dir).Trust; !got.Broken() || !strings.Contains(got.Reason, "rewound") {
			t.Errorf("trust is %+v", got)
		}
	})
}

// TestAReleaseAcceptsUnsignedCommits checks that also a machine without a record, and Verify,
// accept the commits up to the released break, and no later ones.
func TestAReleaseAcceptsUnsignedCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := &runner{recorder: signed(newRecorder(t, store, dir), store), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		forgeLedger(t, store)
		r.release = approvalOf(loadSigned(t, store, dir).Trust)
		if _, err := r.run(t.Context(), "released", "u-2"); err != nil {
			t.Fatal(err)
		}
		check := signed(&Recorder{}, store).CheckSignatures
		verify := func() error {
			proof, err := Verify(t.Context(), VerifyInput{Provisioner: prov, Files: store.files(),
				History: store.history(t), CheckSignatures: func(ctx context.Context, since string) error {
					return check(ctx, since, store.head)
				}})
			return errors.Join(err, proof.Err())
		}
		for _, name := range []string{"", "new"} {
			if got := loadSigned(t, store, filepath.Join(dir, name)).Trust; got.Level != reconcile.TrustProved {
				t.Errorf("machine %q: %+v", name, got)
			}
		}
		if err := verify(); err != nil {
			t.Error(err)
		}
		commitFile(t, store, "unrelated", []byte("x"))
		if got := loadSigned(t, store, filepath.Join(dir, "newer")).Trust; !got.Broken() {
			t.Errorf("after another unsigned commit: %+v", got)
		}
		if verify() == nil {
			t.Error("Verify accepts another unsigned commit")
		}
	})
}
