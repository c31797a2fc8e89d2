package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

func TestAnApprovalThatMatchesNothingIsNamed(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	report := func(digest string, keys ...string) *Report {
		r := &Report{HeldDigest: digest}
		for _, key := range keys {
			r.Changes = append(r.Changes, Done{Change: &Change{Kind: DeactivateUser, Key: key, ID: "id-" + key,
				Decision: &Decision{Held: []Hold{{Gate: "maxRemovals"}}}}, Result: ResultHeld})
		}
		return r
	}
	commit := CommitRef{ID: "c1", Time: now.Add(-time.Hour)}
	use := []ApprovalUse{{Digest: "sha256:aa", Commit: "c1", Time: now.Add(-time.Minute)}}
	all := report("sha256:aa", "u-1", "u-2")
	record := func(name string, newest *Report, printed *Report, uses []ApprovalUse) ApprovalRecord {
		r := ApprovalRecord{Provisioner: name, Status: &Status{UsedApprovals: uses}, Newest: newest,
			Printed: map[string]*Report{}}
		if printed != nil {
			r.Printed[printed.HeldDigest] = printed
		}
		return r
	}
	for _, test := range []struct {
		name    string
		added   CommitRef
		records []ApprovalRecord
		want    string // part of the reason; "" if it matches
	}{
		{"what is held", commit, []ApprovalRecord{record("aws", all, all, nil)}, ""},
		{"what is held, not committed yet", CommitRef{}, []ApprovalRecord{record("aws", all, all, use)}, ""},
		{"a part of it is still held", commit,
			[]ApprovalRecord{record("aws", report("sha256:ab", "u-2"), all, nil)}, ""},
		{"other changes are held", commit, []ApprovalRecord{record("aws", report("sha256:ab", "u-3"), all, nil)},
			`nothing that the newest report of provisioner "aws" holds; the nearest digest that is held is sha256:ab`},
		{"nothing is held", commit, []ApprovalRecord{record("aws", report(""), all, nil)},
			`nothing that the newest report of provisioner "aws" holds`},
		{"no report printed it", commit, []ApprovalRecord{record("aws", report("sha256:ab", "u-1"), nil, nil),
			record("eu", report("sha256:ff", "u-1"), nil, nil)},
			"no report has printed its digest as held; the nearest digest that is held is sha256:ab"},
		{"it was used, and the changes are held again", commit, []ApprovalRecord{record("aws", all, all, use)},
			"was used at 2026-11-24T11:59:00Z"},
		{"it was used, and then added again", CommitRef{ID: "c2", Time: now}, []ApprovalRecord{record("aws", all, all,
			use)}, ""},
		{"it was added a day ago", CommitRef{ID: "c1", Time: now.Add(-25 * time.Hour)},
			[]ApprovalRecord{record("aws", all, all, nil)}, "has expired"},
		{"another provisioner printed it", commit, []ApprovalRecord{record("aws", report("sha256:ab", "u-1"), nil, nil),
			record("eu", all, all, nil)}, ""},
		{"a provisioner printed it that is not declared", commit, []ApprovalRecord{record("aws", report("sha256:ab",
			"u-1"), nil, nil), record("old", all, all, nil)}, `provisioner "old" printed its digest, which is not ` +
			"declared; the nearest digest that is held is sha256:ab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &schema.Approval{Key: "sha256:aa", Reason: "they left"}
			have := UnmatchedApproval(a, test.added, test.records, func(p string) bool { return p != "old" }, now)
			if (have == "") != (test.want == "") || !strings.Contains(have, test.want) {
				t.Errorf("%q; want %q", have, test.want)
			}
		})
	}
}
