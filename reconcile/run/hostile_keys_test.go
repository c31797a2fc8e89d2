package run_test

import (
	"testing"
	"time"
)

// TestTheCheckerFindsTheKeysOfAnEarlierCommit checks the keys and the cause of writes in a history
// that renames u2 to k2.
func TestTheCheckerFindsTheKeysOfAnEarlierCommit(t *testing.T) {
	before, after := newOrg(), newOrg()
	after.rekey("u2", "k2")
	h := &hostile{orgs: []*org{before, after}, checker: newChecker()}
	r := &observedRun{commit: 2, at: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	rekeyed := write{object: "user", verb: "updated", id: "id-u", key: "k2", oldKey: "u2"}
	if have := h.cause(r, rekeyed); have != 2 {
		t.Errorf("the cause of the new key is commit-%d, want commit-2", have)
	}
	for _, row := range []struct {
		name, memberKey, wantBefore, wantAfter string
		cause                                  int
	}{
		{"a member keeps the key", "u1", "u1", "u1", 2},
		{"a member is renamed", "k2", "u2", "k2", 2},
		{"a member had the key before", "u2", "u2", "k2", 2},
		{"an unmanaged member has no key", "", "", "", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := write{object: "group", verb: "lost", id: "id-g", key: "g1", member: "id-u", memberKey: row.memberKey}
			for range 50 { // the order of users does not matter
				if have := h.asKeyed(r, w, before).memberKey; have != row.wantBefore {
					t.Fatalf("before, the key is %q, want %q", have, row.wantBefore)
				}
				if have := h.asKeyed(r, w, after).memberKey; have != row.wantAfter {
					t.Fatalf("after, the key is %q, want %q", have, row.wantAfter)
				}
				if have := h.cause(r, w); have != row.cause {
					t.Fatalf("the cause is commit-%d, want commit-%d", have, row.cause)
				}
			}
		})
	}
}
