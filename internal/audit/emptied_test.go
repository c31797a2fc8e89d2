package audit

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestAnEmptiedTreeBreaksTheBranchOnEveryMachine removes all files of a provisioner in a commit
// that continues the branch: only the earlier commits show that there was a status.
func TestAnEmptiedTreeBreaksTheBranchOnEveryMachine(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after int // commits for another provisioner after the removal
		known bool
	}{
		{name: "a machine without a record"},
		{name: "a machine without a record, after a hundred other commits", after: 100},
		{name: "a machine that read the branch before there was a status", known: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, filepath.Join(stateDir(t), "state")
				commitFile(t, store, statusPath("other"), []byte("{}"))
				if tt.known {
					if trust := loadTrust(t, store, dir+"-reader").Trust; trust.Level != reconcile.TrustProved {
						t.Fatalf("the trust before any run is %+v", trust)
					}
				}
				runThrice(t, store, dir)
				for name := range store.files() {
					if !strings.Contains(name, "other") {
						commitFile(t, store, name, nil)
					}
				}
				for range tt.after {
					time.Sleep(time.Second)
					commitFile(t, store, statusPath("other"), []byte(time.Now().String()))
				}
				got := loadTrust(t, store, dir+"-reader")
				if got.Trust.Level != reconcile.TrustBroken || got.Trust.Break != store.head ||
					!strings.Contains(got.Trust.Reason, "status/aws-prod.json is missing, but commit ") {
					t.Errorf("the trust is %+v, want broken at %s", got.Trust, store.head)
				}
				if again := loadTrust(t, store, dir+"-reader"); again.Trust != got.Trust {
					t.Errorf("loaded twice: %+v, then %+v", got.Trust, again.Trust)
				}
			})
		})
	}
}

// TestTheReleaseOfAnEmptiedTree releases the break on a machine that knew the entries: they are in
// the ledger of the new chain.
func TestTheReleaseOfAnEmptiedTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, dir)
		known := loadTrust(t, store, dir).Ledger
		for name := range store.files() {
			commitFile(t, store, name, nil)
		}
		broken := loadTrust(t, store, dir)
		r.release = &reconcile.Approved{Digest: broken.Trust.Release()}
		if _, err := r.run(t.Context(), "released", "u-new"); err != nil {
			t.Fatal(err)
		}
		r.release = nil
		got := loadTrust(t, store, dir)
		if got.Trust.Level != reconcile.TrustProved || len(got.Ledger.Users) != len(known.Users)+1 {
			t.Errorf("trust is %+v, and the ledger has %d users, want %d", got.Trust, len(got.Ledger.Users),
				len(known.Users)+1)
		}
		if _, err := r.run(t.Context(), "next", "u-next"); err != nil {
			t.Errorf("the next run: %v", err)
		}
	})
}

// TestLastWith searches a bare repository.
func TestLastWith(t *testing.T) {
	_, store := bareRepository(t)
	commit := func(base, name, content string) string {
		edits := map[string][]byte{name: []byte(content)}
		if content == "" {
			edits[name] = nil
		}
		head, err := store.Commit(t.Context(), base, edits, "test", time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		return head
	}
	first := commit("", "a", "1")
	had := commit(first, "status/b", "1")
	removed := commit(had, "status/b", "")
	head := commit(removed, "a", "2")
	for _, tt := range []struct{ file, since, want string }{
		{"status/b", "", had}, {"status/b", first, had}, {"status/b", had, ""}, {"a", "", head}, {"c", "", ""},
	} {
		if got, err := store.LastWith(t.Context(), tt.file, tt.since, head); err != nil || got != tt.want {
			t.Errorf("the last commit with %s since %.7s is %.7s, %v, want %.7s", tt.file, tt.since, got, err, tt.want)
		}
	}
}
