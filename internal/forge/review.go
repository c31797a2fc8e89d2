package forge

import "time"

// notApproved is the reason of a pull request without a valid approval.
const notApproved = "no reviewer other than its author approved it"

// review is one review of a pull request.
type review struct {
	by, head string // head is "" for a dismissed review
	at       time.Time
	approves bool // otherwise it requests changes or was dismissed
}

// effectiveApproval evaluates the last review of each reviewer except the author. A request for
// changes overrides every approval. Otherwise, the newest approval counts.
func effectiveApproval(reviews []review, author string) Approval {
	last := map[string]review{}
	for _, r := range reviews {
		if previous, ok := last[r.by]; r.by != author && (!ok || !r.at.Before(previous.at)) {
			last[r.by] = r
		}
	}
	var newest review
	for _, r := range last {
		switch {
		case !r.approves && r.head != "":
			return Approval{Why: r.by + " requests changes"}
		case r.approves && r.at.After(newest.at):
			newest = r
		}
	}
	if newest.head == "" {
		return Approval{Why: notApproved}
	}
	return Approval{Head: newest.head}
}
