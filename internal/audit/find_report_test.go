package audit

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestFindReportReturnsTheNewestMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, paths := fiveRuns(t)
		b := newRecorder(t, store, stateDir(t)).Reader()
		for _, test := range []struct {
			name, key string
			reports   int
			want      string
		}{
			{"in the last report", "u-5", 10, paths[4]},
			{"in an earlier one", "u-2", 10, paths[1]},
			{"in the last of those that are searched", "u-4", 2, paths[3]},
			{"before those that are searched", "u-3", 2, ""},
			{"never", "u-9", 10, ""},
		} {
			r, path, err := b.FindReport(t.Context(), prov, test.reports, reconcile.UserRef(test.key))
			if err != nil || path != test.want || (r != nil) != (test.want != "") {
				t.Errorf("%s: %v in %q, %v; want %q", test.name, r, path, err, test.want)
			}
		}
		r, path, err := b.FindReport(t.Context(), "nobody", 10, reconcile.UserRef("u-1"))
		if r != nil || path != "" || err != nil {
			t.Errorf("a provisioner without reports: %v %q %v", r, path, err)
		}
		if _, err := store.Commit(t.Context(), store.head, map[string][]byte{paths[2]: nil}, "delete",
			b.now()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.FindReport(t.Context(), prov, 10, reconcile.UserRef("u-1")); !errors.Is(err, ErrBrokenChain) {
			t.Errorf("before a broken link: %v", err)
		}
	})
}
