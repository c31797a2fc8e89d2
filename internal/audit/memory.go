package audit

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// memory is what this machine remembers of a provisioner: the anchor against a
// branch that was rewound, rewritten or written to by others, and the count of
// runs that said what the last report said.
type memory struct {
	Version int `json:"version"`
	// Head is the last commit of the branch that was trusted; it stays part of
	// the branch's history as long as nobody rewrites that.
	Head string `json:"head,omitempty"`
	// State is the digest of status and ledger at Head, Next what a commit under
	// way will leave.
	State string `json:"state,omitempty"`
	Next  string `json:"next,omitempty"`

	// After is the SHA-256 of the newest report, Said the gist of its errors, and
	// Repeats how many runs said the same since.
	After   string `json:"after,omitempty"`
	Said    string `json:"said,omitempty"`
	Repeats int    `json:"repeats,omitempty"`
}

// repeatsOf is how often a report was repeated.
func (m *memory) repeatsOf(l reconcile.ReportLink) int {
	if l.SHA256 == "" || m.After != l.SHA256 {
		return 0
	}
	return m.Repeats
}

// said reports whether the errors are those of the newest report, as far as this
// machine knows.
func (m *memory) said(l reconcile.ReportLink, errors []string) bool {
	return len(errors) == 0 || m.After == l.SHA256 && m.Said == gist(errors)
}

// reported notes the newest report.
func (m *memory) reported(l reconcile.ReportLink, errors []string) {
	m.After, m.Said, m.Repeats = l.SHA256, gist(errors), 0
}

var changing = regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f]*`)

// gist is the digest of errors without what differs each time: numbers, ports,
// times, request ids.
func gist(errors []string) string {
	if len(errors) == 0 {
		return ""
	}
	return sum([]byte(changing.ReplaceAllString(strings.Join(errors, "\n"), "#")))
}

// pending is a conclusion on its way to the branch.
type pending struct {
	Version int               `json:"version"`
	Report  *reconcile.Report `json:"report"`
	Status  *reconcile.Status `json:"status"`
	Ledger  delta             `json:"ledger"`
	// Since is the newest report that the run knew; Repeats how often it was
	// repeated.
	Since   reconcile.ReportLink `json:"since"`
	Repeats int                  `json:"repeats,omitempty"`
	// State is the digest of the status and ledger that the run knew, Trust
	// whether what it leaves may be trusted because what it found was.
	State string `json:"state"`
	Trust bool   `json:"trust,omitempty"`
	// Settled are runs without a report that this one has made up for.
	Settled []string `json:"settled,omitempty"`
}

func (b *Book) lockPath(provisioner string) string {
	return filepath.Join(b.StateDir, "lock", provisioner+".lock")
}

func (b *Book) journalPath(provisioner string) string {
	return filepath.Join(b.StateDir, "journal", provisioner+".jsonl")
}

func (b *Book) pendingPath(provisioner string) string {
	return filepath.Join(b.StateDir, "pending", provisioner+".json")
}

func (b *Book) memoryPath(provisioner string) string {
	return filepath.Join(b.StateDir, "memory", provisioner+".json")
}

func (b *Book) readMemory(provisioner string) (*memory, error) {
	m := &memory{}
	if _, err := readState(b.memoryPath(provisioner), m); err != nil {
		return nil, err
	}
	m.Version = version
	return m, nil
}

// readPending returns nil when there is none.
func (b *Book) readPending(provisioner string) (*pending, error) {
	p := &pending{}
	ok, err := readState(b.pendingPath(provisioner), p)
	if err != nil || !ok {
		return nil, err
	}
	return p, nil
}
