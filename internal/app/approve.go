package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// ApproveRequest asks for an approval of held changes.
type ApproveRequest struct {
	Digest      string // empty: that of the only held group
	All         bool   // all held changes
	Provisioner string // empty: all provisioners
	Reason      string
	Branch      string // to be created for the commit; empty: the current branch
	// PullRequest pushes the branch and opens a pull request to Base at Forge. Then an empty Branch
	// is named for the digest.
	PullRequest bool
	Base        string
	Forge       ForgeConfig
}

// ApprovedChange is an approval that was committed.
type ApprovedChange struct {
	Commit   string   `json:"commit"`
	Branch   string   `json:"branch,omitempty"`
	File     string   `json:"file"`
	Approved []string `json:"approved"` // the digests
	// PullRequest is the URL of the pull request. Opened is false if it was open already.
	PullRequest string `json:"pullRequest,omitempty"`
	Opened      bool   `json:"opened,omitempty"`
	// Warnings are about files that no commit has, or that roster does not read.
	Warnings schema.Problems `json:"-"`
}

// approvalsFile is the file to which approvals are added.
const approvalsFile = "approvals.cue"

// Approve adds approvals to approvals.cue and commits the file. Each digest must be in a report.
func Approve(ctx context.Context, s Settings, c RepositoryConfig, request ApproveRequest) (*ApprovedChange, error) {
	if c.URL != "" {
		return nil, UsageError{errors.New("approve commits in DIR, so --repo cannot be used")}
	}
	reason := s.Secrets.String(strings.TrimSpace(request.Reason)) // everybody can read it in Git
	if !isPrintable(reason) {
		return nil, UsageError{errors.New("--reason must be one line of printable text that says why the changes are " +
			"intended")}
	}
	if reconcile.IsAuditRelease(request.Digest) {
		return nil, UsageError{errors.New("roster approve does not release a broken audit branch: look at what " +
			"happened, then commit the approval that the report prints")}
	}
	w, err := Open(ctx, s, c)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	w.recorder.ReadOnly = true
	if changed, err := w.source.repo.Dirty(ctx); err != nil {
		return nil, err
	} else if len(changed) > 0 {
		return nil, fmt.Errorf("uncommitted changes in %s: commit them first, because an approval is a commit "+
			"of its own", schema.ShortList(changed, 3))
	}
	sets, err := w.digestsToApprove(ctx, request)
	if err != nil {
		return nil, err
	}
	branch, err := w.newApprovalBranch(request, sets[0].Digest)
	if err != nil {
		return nil, err
	}
	done, err := w.addApprovals(ctx, sets, reason, branch)
	if err != nil {
		return nil, err
	}
	done.Warnings = w.FileWarnings(ctx)
	if !request.PullRequest {
		return done, nil
	}
	return done, branch.openPullRequest(ctx, done, reason, sets)
}

// isPrintable reports whether a text is one line that a page and a CUE string can show as it is.
func isPrintable(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// addApprovals adds approvals to the file and commits it.
func (w *Workspace) addApprovals(ctx context.Context, sets []render.ApprovedSet, reason string,
	branch *approvalBranch) (*ApprovedChange, error) {
	decls, err := w.Declarations(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(w.config.folder(), approvalsFile)
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read approvals: %w", err)
	}
	after, digests := before, []string{}
	for _, set := range sets {
		digests = append(digests, set.Digest)
		declared := decls.Approvals[set.Digest]
		if branch.continued && declared != nil && declared.Reason == reason {
			continue // an earlier call committed it and could not open the pull request
		}
		if after, err = addApproval(after, declared, set.Digest, reason); err != nil {
			return nil, err
		}
	}
	if bytes.Equal(before, after) {
		return &ApprovedChange{Commit: w.commit.ID, Branch: branch.name, File: path.Join(w.source.path, approvalsFile),
			Approved: digests}, nil
	}
	return w.commitApprovals(ctx, file, before, after, digests, branch.create())
}

// commitApprovals writes and commits the file. It restores the file if the declarations are invalid
// with it, or the commit fails.
func (w *Workspace) commitApprovals(ctx context.Context, file string, before, after []byte, digests []string,
	branch string) (*ApprovedChange, error) {
	if err := atomicfile.WriteBytes(file, 0o644, after); err != nil {
		return nil, fmt.Errorf("write approvals: %w", err)
	}
	restore := func() error {
		if before == nil {
			return os.Remove(file)
		}
		return atomicfile.WriteBytes(file, 0o644, before)
	}
	if _, err := w.settings.loadWorkingTree(ctx, w.config.folder()); err != nil {
		return nil, errors.Join(err, restore())
	}
	name := path.Join(w.source.path, approvalsFile)
	h, err := w.source.repo.CommitFile(ctx, name, approvalTitle, branch)
	if err != nil {
		return nil, errors.Join(err, restore())
	}
	out := &ApprovedChange{Commit: h.String(), Branch: branch, File: name, Approved: digests}
	if at, ok, err := w.source.repo.HeadBranch(); err == nil && ok {
		out.Branch = at
	}
	return out, nil
}

// addApproval returns the content of a file with an approval. An approval on a line of its own is
// replaced: an edited approval is another one.
func addApproval(content []byte, declared *schema.Approval, digest, reason string) ([]byte, error) {
	end := "\n"
	if bytes.Contains(content, []byte("\r\n")) {
		end = "\r\n"
	}
	line := render.Approval(digest, reason) + end
	if declared != nil {
		entry := regexp.MustCompile(`(?m)^approvals: "` + regexp.QuoteMeta(digest) + `": .*\n?`)
		if !entry.Match(content) {
			return nil, fmt.Errorf("%s approves %s already: edit its reason there to approve the same changes again",
				declared.Pos, digest)
		}
		if declared.Reason == reason {
			return nil, fmt.Errorf("%s approves %s already, with the same reason: give another reason to approve "+
				"the same changes again", declared.Pos, digest)
		}
		return entry.ReplaceAllLiteral(content, []byte(line)), nil
	}
	if len(bytes.TrimSpace(content)) == 0 {
		content = []byte("package roster\n\n")
	} else if !bytes.HasSuffix(content, []byte("\n")) {
		content = append(slices.Clone(content), end...)
	}
	return append(slices.Clone(content), line...), nil
}

// digestsToApprove returns the digests that a request names or means. Each was printed by a report.
func (w *Workspace) digestsToApprove(ctx context.Context, request ApproveRequest) ([]render.ApprovedSet, error) {
	keys, err := w.recorder.Provisioners(ctx)
	if err != nil {
		return nil, err
	}
	if request.Provisioner != "" {
		if !slices.Contains(keys, request.Provisioner) {
			return nil, fmt.Errorf("there is no report of provisioner %q", request.Provisioner)
		}
		keys = []string{request.Provisioner}
	}
	var newest []*reconcile.Report
	for _, key := range keys {
		if request.Digest != "" {
			report, err := w.recorder.SearchManifests(ctx, key, func(r *reconcile.Report) (bool, error) {
				return r.Printed(request.Digest), nil
			})
			if err == nil {
				set := render.ApprovedSet{Digest: request.Digest, Groups: report.GroupsOf(request.Digest)}
				return []render.ApprovedSet{set}, w.checkReported(ctx, report)
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		report, err := w.recorder.SearchManifests(ctx, key, func(*reconcile.Report) (bool, error) { return true, nil })
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		newest = append(newest, report)
	}
	sets, err := chooseDigests(request, newest)
	for _, report := range newest {
		if err == nil && slices.ContainsFunc(sets,
			func(set render.ApprovedSet) bool { return report.Printed(set.Digest) }) {
			err = w.checkReported(ctx, report)
		}
	}
	return sets, err
}

// checkReported refuses an approval on a branch that does not have the commit of the report: only a
// later commit can approve what the report holds.
func (w *Workspace) checkReported(ctx context.Context, report *reconcile.Report) error {
	ok, err := w.source.IsAncestor(ctx, report.Commit.ID, w.commit.ID)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
		return fmt.Errorf("HEAD does not have commit %.7s, whose changes the report holds, so the approval would not "+
			"count: run git pull, and approve again", report.Commit.ID)
	}
	return err
}

// chooseDigests returns the digests that a request means, among those that the newest reports hold.
func chooseDigests(request ApproveRequest, newest []*reconcile.Report) ([]render.ApprovedSet, error) {
	var all, groups []render.ApprovedSet
	var held []string
	for _, r := range newest {
		if r.HeldDigest != "" {
			all = append(all, render.ApprovedSet{Digest: r.HeldDigest, Groups: r.HeldGroups})
			held = append(held, r.HeldDigest)
		}
		for _, g := range r.HeldGroups {
			groups = append(groups, render.ApprovedSet{Digest: g.Digest, Groups: []reconcile.HeldGroup{g}})
			held = append(held, g.Digest)
		}
	}
	if request.Digest != "" {
		nearest := cmp.Or(reconcile.NearestHeld(request.Digest, held), "; nothing is held")
		return nil, fmt.Errorf("no report has printed %s as held%s", request.Digest, nearest)
	}
	switch {
	case len(groups) == 0:
		return nil, errors.New("nothing is held that an approval can release")
	case request.All && len(all) > 1:
		return nil, UsageError{errors.New("several provisioners hold changes: name one with --provisioner")}
	case request.All:
		return all, nil
	case len(groups) == 1:
		return groups, nil
	}
	text := "name one of the digests that are held, or approve all with --all:"
	for _, g := range groups {
		text += fmt.Sprintf("\n  %s  %s", g.Digest, g.Groups[0])
	}
	return nil, UsageError{errors.New(text)}
}
