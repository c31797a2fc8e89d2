package reconcile

import "testing"

// TestAHeldChangeNamesTheMergeThatBroughtIt has the changes of three merges. The head of pull
// request 7 was approved before the last push, nobody approved pull request 8, and commit 9 was
// pushed.
func TestAHeldChangeNamesTheMergeThatBroughtIt(t *testing.T) {
	merges := map[string]string{"c7": "pull request 7", "c8": "pull request 8", "c8a": "pull request 8",
		"c9": "commit 9"}
	missing := []MissingReview{{"pull request 8", "nobody approved it"}, {"commit 9", "it is not from a pull request"}}
	all := " (pull request 8: nobody approved it; commit 9: it is not from a pull request)"
	for _, tt := range []struct {
		name    string
		cause   Cause
		missing []MissingReview
		want    string
	}{
		{"a push after the approval", Cause{Kind: CauseCommit, Commit: "c7"}, missing,
			" (pull request 7: what was approved does not have it)"},
		{"a pull request that nobody approved", Cause{Kind: CauseCommit, Commit: "c8"}, missing,
			" (pull request 8: nobody approved it)"},
		{"the first of its commits", Cause{Kind: CauseCommit, Commit: "c8a"}, missing,
			" (pull request 8: nobody approved it)"},
		{"a push to the branch", Cause{Kind: CauseCommit, Commit: "c9"}, missing,
			" (commit 9: it is not from a pull request)"},
		{"a commit that the history does not have", Cause{Kind: CauseCommit, Commit: "c1"}, missing, all},
		{"one of several commits", Cause{Kind: CauseBefore, Commit: "c8"}, missing, all},
		{"the cause is not known", Cause{}, missing, all},
		{"the forge does not answer", Cause{Kind: CauseCommit, Commit: "c7"},
			[]MissingReview{{Reason: "the forge cannot report approvals: timeout"}},
			" (the forge cannot report approvals: timeout)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Reviewed{merges: merges, Missing: tt.missing}
			if have := r.missingFor(&Change{Cause: tt.cause}); have != tt.want {
				t.Errorf("the reason ends with %q; want %q", have, tt.want)
			}
		})
	}
}
