package app

import (
	"bytes"
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
}

// ApprovedChange is an approval that was committed.
type ApprovedChange struct {
	Commit   string   `json:"commit"`
	Branch   string   `json:"branch,omitempty"`
	File     string   `json:"file"`
	Approved []string `json:"approved"` // the digests
}

// approvalsFile is the file to which approvals are added.
const approvalsFile = "approvals.cue"

// Approve adds approvals to approvals.cue and commits the file. Each digest must be in a report.
func Approve(ctx context.Context, s Settings, c RepositoryConfig, request ApproveRequest) (*ApprovedChange, error) {
	if c.URL != "" {
		return nil, UsageError{errors.New("approve commits in DIR, so --repo cannot be used")}
	}
	reason := strings.TrimSpace(request.Reason)
	if reason == "" || strings.ContainsFunc(reason, unicode.IsControl) {
		return nil, UsageError{errors.New("--reason must be one line of text that says why the changes are intended")}
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
	digests, err := w.digestsToApprove(ctx, request)
	if err != nil {
		return nil, err
	}
	decls, err := w.Declarations(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(c.folder(), approvalsFile)
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read approvals: %w", err)
	}
	after := before
	for _, digest := range digests {
		if after, err = addApproval(after, decls.Approvals[digest], digest, reason); err != nil {
			return nil, err
		}
	}
	return w.commitApprovals(ctx, file, before, after, digests, request.Branch)
}

// commitApprovals writes and commits the file. It restores the file if the declarations are invalid
// with it.
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
	if _, err := loadTree(os.DirFS(w.config.folder()), schema.Load); err != nil {
		return nil, errors.Join(err, restore())
	}
	name := path.Join(w.source.path, approvalsFile)
	h, err := w.source.repo.CommitFile(ctx, name, "Approve what roster holds", branch)
	if err != nil {
		return nil, err
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
	line := render.Approval(digest, reason) + "\n"
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
		content = append(slices.Clone(content), '\n')
	}
	return append(slices.Clone(content), line...), nil
}

// digestsToApprove returns the digests that a request names or means. Each was printed by a report.
func (w *Workspace) digestsToApprove(ctx context.Context, request ApproveRequest) ([]string, error) {
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
	var groups []reconcile.HeldGroup
	var all []string
	for _, key := range keys {
		if request.Digest != "" {
			_, err := w.recorder.SearchReports(ctx, key, func(r *reconcile.Report) (bool, error) {
				return r.Printed(request.Digest), nil
			})
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return []string{request.Digest}, err
			}
		}
		newest, err := w.recorder.SearchReports(ctx, key, func(*reconcile.Report) (bool, error) { return true, nil })
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		groups = append(groups, newest.HeldGroups...)
		if newest.HeldDigest != "" {
			all = append(all, newest.HeldDigest)
		}
	}
	return chooseDigests(request, groups, all)
}

// chooseDigests returns the digests that a request means. groups and all are what the newest
// reports hold.
func chooseDigests(request ApproveRequest, groups []reconcile.HeldGroup, all []string) ([]string, error) {
	if request.Digest != "" {
		held := slices.Clone(all)
		for _, g := range groups {
			held = append(held, g.Digest)
		}
		nearest := "nothing is held"
		if d := reconcile.NearestDigest(request.Digest, held); d != "" {
			nearest = "the nearest digest that is held is " + d
		}
		return nil, fmt.Errorf("no report has printed %s as held; %s", request.Digest, nearest)
	}
	switch {
	case len(groups) == 0:
		return nil, errors.New("nothing is held that an approval can release")
	case request.All:
		return all, nil
	case len(groups) == 1:
		return []string{groups[0].Digest}, nil
	}
	text := "name one of the digests that are held, or approve all with --all:"
	for _, g := range groups {
		text += fmt.Sprintf("\n  %s  %s", g.Digest, g)
	}
	return nil, UsageError{errors.New(text)}
}
