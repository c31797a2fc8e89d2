package run_test

import (
	"context"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile/run"
)

// The checker's own reading of the audit branch: it knows the commits, and which of them roster
// made.

// rewound is why a branch is broken that does not have what a machine knows.
const rewound = "the branch was rewound"

// noteHead notes the head of the branch after a run that published a report.
func (m *machine) noteHead(result *run.Result) {
	if result != nil && result.Receipt.Commit != "" {
		m.known, m.knownKey = m.h.branch.head, m.h.org.provisioner()
	}
}

// brokenBranch returns why the branch does not continue what the machine knows; "" if it may. The
// machine knows nothing after it lost its state directory.
func (m *machine) brokenBranch() string {
	b := m.h.branch
	if m.known == "" {
		return ""
	}
	continues, _ := b.IsAncestor(context.Background(), m.known, b.head)
	switch {
	case b.head == "":
		return "the branch is gone"
	case !continues:
		return rewound
	case b.files()["status/"+m.knownKey+".json"] == nil:
		return "the status is gone"
	case m.h.keys && b.checkSignatures(context.Background(), m.known, b.head) != nil:
		return "a commit has no signature"
	}
	return ""
}

// releasesAudit reports whether the organization declares the release of a broken branch.
func (o *org) releasesAudit() bool {
	for key := range o.approvals {
		if strings.HasPrefix(key, "audit:") {
			return true
		}
	}
	return false
}
