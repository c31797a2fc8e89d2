package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// auditBranch is where the daemon leaves its reports.
const auditBranch = "roster/audit"

// evidence reads the audit branch of a bare repository with the git program.
type evidence struct {
	repo  string
	head  string            // where the branch was when it was last read; "" is nowhere
	list  []report          // oldest first
	known map[string]report // by path; a report never changes
}

// report is what the story needs to know of a report.
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
	audit  string // the commit that brought it, abbreviated
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

// String is the change without its circumstances: "add-member sre u-1041".
func (c change) String() string { return strings.TrimSpace(c.Kind + " " + c.Key + " " + c.Member) }

// read returns the reports there are now, oldest first.
func (e *evidence) read(ctx context.Context) ([]report, error) {
	refs, err := git(ctx, e.repo, "for-each-ref", "--format=%(objectname)", "refs/heads/"+auditBranch)
	if err != nil {
		return nil, err
	}
	head := strings.TrimSpace(refs)
	if head == e.head {
		return e.list, nil
	}
	log, err := git(ctx, e.repo, "log", "--reverse", "--format=%x00%h %s", "--diff-filter=A", "--name-only", head, "--", "reports/aws")
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
			r, err := e.report(ctx, head, path)
			if err != nil {
				return nil, err
			}
			r.audit, r.title, _ = strings.Cut(lines[0], " ")
			list = append(list, r)
		}
	}
	e.head, e.list = head, list
	return list, nil
}

func (e *evidence) report(ctx context.Context, head, path string) (report, error) {
	if r, ok := e.known[path]; ok {
		return r, nil
	}
	text, err := git(ctx, e.repo, "cat-file", "blob", head+":"+path)
	if err != nil {
		return report{}, err
	}
	var r report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return report{}, fmt.Errorf("read report %s: %w", path, err)
	}
	sum := sha256.Sum256([]byte(text))
	r.path, r.sha256 = path, hex.EncodeToString(sum[:])
	e.known[path] = r
	return r, nil
}

// of returns the first report of a source commit.
func of(list []report, commit string) (report, bool) {
	i := slices.IndexFunc(list, func(r report) bool { return r.Commit.ID == commit })
	if i < 0 {
		return report{}, false
	}
	return list[i], true
}

// unchained says where the chain of reports is broken; "" if it is whole.
func unchained(list []report) string {
	for i, r := range list {
		switch {
		case i == 0 && r.Previous != nil:
			return "the first report, " + r.path + ", names one before it"
		case i > 0 && r.Previous == nil:
			return r.path + " names none before it"
		case i > 0 && (r.Previous.Path != list[i-1].path || r.Previous.SHA256 != list[i-1].sha256):
			return r.path + " does not name " + list[i-1].path + " with its SHA-256"
		}
	}
	return ""
}
