package reconcile

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestAnApprovalWithoutAPositionIsNamedByItsDigest(t *testing.T) {
	computed := &schema.Approval{Key: "sha256:0123456789abcdef0123"}
	if at := placeOf(computed); at != "sha256:0123456789ab" {
		t.Errorf("it is named %q", at)
	}
}
