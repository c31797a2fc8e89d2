package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
)

// auditBranch is the branch that the daemon commits its reports to.
const auditBranch = "roster/audit"

// reportReader reads the reports on the audit branch of a bare repository with the git program.
type reportReader struct {
	repo  string
	head  string            // the commit that was last read; "" for none
	list  []report          // of that commit, oldest first
	known map[string]report // by path; a report never changes
}

// report has the fields of a report that the scenario verifies.
type report struct {
	Outcome string `json:"outcome"`
	Trigger string `json:"trigger"`
	Commit  struct {
		ID string `json:"id"`
	} `json:"commit"`
	Changes  []change `json:"changes"`
	Errors   []string `json:"errors"`
	Previous *struct {
		Path   string `json:"path"`
		SHA256 string `json:"sha256"`
	} `json:"previous"`

	path   string
	sha256 string
	audit  string // the commit that added it, abbreviated
	title  string // of that commit
}

// change is one change of a report.
type change struct {
	Kind   string `json:"kind"`
	Key    string `json:"key"`
	Member string `json:"member"`
	Origin string `json:"origin"`
	Result string `json:"result"`
	Reason struct {
		Text string `json:"text"`
	} `json:"reason"`
	Held []struct {
		Gate   string `json:"gate"`
		Reason string `json:"reason"`
	} `json:"held"`
}

// String returns the kind and the objects of the change: "add-member sre u-1041".
func (c change) String() string { return strings.TrimSpace(c.Kind + " " + c.Key + " " + c.Member) }

// read returns the current reports, oldest first.
func (rr *reportReader) read(ctx context.Context) ([]report, error) {
	refs, err := git(ctx, rr.repo, "for-each-ref", "--format=%(objectname)", "refs/heads/"+auditBranch)
	if err != nil {
		return nil, err
	}
	head := strings.TrimSpace(refs)
	if head == rr.head {
		return rr.list, nil
	}
	log, err := git(ctx, rr.repo, "log", "--reverse", "--format=%x00%h %s", "--diff-filter=A", "--name-only", head,
		"--", "reports/aws")
	if err != nil {
		return nil, err
	}
	var list []report
	for entry := range strings.SplitSeq(log, "\x00") {
		lines := strings.Split(strings.TrimSpace(entry), "\n")
		for _, path := range lines[1:] {
			if !strings.HasSuffix(path, ".json") {
				continue
			}
			r, err := rr.report(ctx, head, path)
			if err != nil {
				return nil, err
			}
			r.audit, r.title, _ = strings.Cut(lines[0], " ")
			list = append(list, r)
		}
	}
	rr.head, rr.list = head, list
	return list, nil
}

func (rr *reportReader) report(ctx context.Context, head, path string) (report, error) {
	if r, ok := rr.known[path]; ok {
		return r, nil
	}
	text, err := git(ctx, rr.repo, "cat-file", "blob", head+":"+path)
	if err != nil {
		return report{}, err
	}
	var r report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return report{}, fmt.Errorf("read report %s: %w", path, err)
	}
	sum := sha256.Sum256([]byte(text))
	r.path, r.sha256 = path, hex.EncodeToString(sum[:])
	rr.known[path] = r
	return r, nil
}

// firstReport returns the first report of a source commit.
func firstReport(list []report, commit string) (report, bool) {
	i := slices.IndexFunc(list, func(r report) bool { return r.Commit.ID == commit })
	if i < 0 {
		return report{}, false
	}
	return list[i], true
}

// brokenLink describes the first broken link in the chain of reports. It returns "" if there is
// none.
func brokenLink(list []report) string {
	for i, r := range list {
		switch {
		case i == 0 && r.Previous != nil:
			return "the first report, " + r.path + ", names a previous one"
		case i > 0 && r.Previous == nil:
			return r.path + " names no previous report"
		case i > 0 && (r.Previous.Path != list[i-1].path || r.Previous.SHA256 != list[i-1].sha256):
			return r.path + " does not name " + list[i-1].path + " with its SHA-256"
		}
	}
	return ""
}

func (s *step) verifyReports() error {
	for _, p := range s.pushed {
		if r, ok := firstReport(s.reportsBefore, p.commit); !ok || r.Outcome != p.outcome {
			return &mismatchError{fmt.Sprintf("a report of %.7s with the outcome %q", p.commit, p.outcome),
				fmt.Sprintf("%q", r.Outcome)}
		}
	}
	if broken := brokenLink(s.reportsBefore); broken != "" {
		return &mismatchError{"the SHA-256 of the previous report in each report", broken}
	}
	s.printer.command("git", "-C", s.repository(), "log", "--oneline", auditBranch, "--", "reports")
	for _, r := range slices.Backward(s.reportsBefore) {
		s.printer.line("          %s %s", s.printer.paint(output.Caution, r.audit), r.title)
	}
	for _, r := range s.reportsBefore {
		file := auditBranch + ":" + markdownPath(r.path)
		if _, err := git(s.ctx, s.repository(), "cat-file", "-e", file); err != nil {
			return &mismatchError{"a Markdown file for each report", err.Error()}
		}
	}
	newest := s.reportsBefore[len(s.reportsBefore)-1]
	s.printer.text("%d reports, each with the SHA-256 of the previous one. To read the newest:", len(s.reportsBefore))
	s.printer.command("git", "-C", s.repository(), "show", auditBranch+":"+markdownPath(newest.path))
	return nil
}

// markdownPath returns the path of a report as Markdown.
func markdownPath(path string) string { return strings.TrimSuffix(path, ".json") + ".md" }
