package audit

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-d64a251c/roster/reconcile"
)

// A machine that only knows a broken branch still knows that there was one: without it, the branch
// would count as one that never was.
func TestABranchThatIsDeletedAfterAMachineFoundItBrokenIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, filepath.Join(dir, "a"))
		commitFile(t, store, "unrelated", []byte("x")) // without a signature
		here := filepath.Join(dir, "b")
		if state := loadSigned(t, store, here); !state.Trust.Broken() {
			t.Fatalf("trust is %+v", state.Trust)
		}
		store.head = ""
		for range 2 {
			trust := loadSigned(t, store, here).Trust
			if trust.Break != reconcile.GoneBranch || !strings.Contains(trust.Reason, "the branch is gone") {
				t.Errorf("trust is %+v", trust)
			}
		}
		r.recorder = signed(newRecorder(t, store, here), store)
		if _, err := r.run(t.Context(), "run-4", "u-4"); asBroken(err) == nil {
			t.Errorf("a run on the broken branch: %v", err)
		}
		if state := loadSigned(t, store, filepath.Join(dir, "c")); state.Trust.Level != reconcile.TrustProved {
			t.Errorf("a machine that knows no branch: %+v", state.Trust)
		}
	})
}
