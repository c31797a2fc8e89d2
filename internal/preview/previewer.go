// Package preview shows on each pull request what merging it would do to people's access, and tells what was approved of those that are
// merged. It knows pull requests and the commits behind them; what a preview says is reconcile's matter, how a forge is spoken to forge's.
//
// A round lists the open pull requests and renews what is out of date: where the branch or the head moved, where AWS moved, or where a
// day has passed (dates come and go). AWS is read once for all of them, with the endpoint and the auth that the branch declares, and
// only with GET. A fork's proposal is compared without AWS at all: it shows nothing that its author could not know.
package preview

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Board is where pull requests are shown their previews. *forge.RateLimitError when it asks for patience.
type Board interface {
	PullRequests(ctx context.Context, branch string) ([]forge.PullRequest, error)
	Comment(ctx context.Context, number int, body string) error
	SetStatus(ctx context.Context, commit string, s forge.Status) error
}

// Previewer keeps the previews of a branch's pull requests up to date. All fields but the optional ones are required before Run.
type Previewer struct {
	Board  Board
	Git    *Git
	Branch string
	// Look reads a provisioner's directory, with GET alone.
	Look func(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error)
	// Keep, if set, is given each new snapshot, for previews elsewhere.
	Keep func(*reconcile.Snapshot) error
	// Poll is how often the forge is asked, Fresh how old a look at AWS may become while there are open pull requests.
	Poll, Fresh time.Duration
	// Wake, if set, makes the next round begin at once.
	Wake <-chan struct{}
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// RedactKey is what redacted values are hashed with; without it they are left out.
	RedactKey []byte
	Log       *slog.Logger

	base  reconcile.CommitRef
	looks map[string]*look
	told  map[int]told
	moved atomic.Bool
}

// look is the newest look at one directory.
type look struct {
	provisioner *schema.Provisioner
	snapshot    *reconcile.Snapshot // nil: it was never read
	sum         [sha256.Size]byte   // of what it holds
	tried       time.Time
	err         error // why it could not be read the last time
	since       time.Time
}

// told is what a pull request was told last, and of what.
type told struct {
	of   basis
	page page
}

// basis is everything that a preview follows from.
type basis struct {
	base, head, day string
	aws             [sha256.Size]byte
	draft           bool
}

// Run works until the context ends. What fails is logged and tried again.
func (p *Previewer) Run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		more, err := p.Round(ctx)
		wait := p.Poll
		var limited *forge.RateLimitError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &limited):
			p.Log.Warn("previews wait", "reason", err)
			wait = max(wait, limited.Until.Sub(p.now()))
		case err != nil:
			failures = min(failures+1, 10)
			wait = p.Poll * time.Duration(failures+1)
			p.Log.Error("previews failed", "error", err)
		case more:
			failures, wait = 0, 0
		default:
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-p.Wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// perRound is how many previews are renewed before the list is asked for again: whoever pushes meanwhile does not wait for hundreds.
const perRound = 20

// Round renews what is out of date, the most recently updated first; more says that some are left. One pull request's trouble does not
// keep the others waiting.
func (p *Previewer) Round(ctx context.Context) (more bool, err error) {
	if p.told == nil {
		p.told, p.looks = map[int]told{}, map[string]*look{}
	}
	open, err := p.Board.PullRequests(ctx, p.Branch)
	if err != nil {
		return false, err
	}
	maps.DeleteFunc(p.told, func(n int, _ told) bool {
		return !slices.ContainsFunc(open, func(pr forge.PullRequest) bool { return pr.Number == n })
	})
	if len(open) == 0 && p.Keep == nil {
		return false, nil
	}
	if p.base, err = p.Git.Tip(ctx, p.Branch); err != nil {
		return false, err
	}
	base, err := p.Git.Declarations(ctx, p.base.ID)
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return false, err
	}
	if err == nil {
		p.lookAt(ctx, base)
	}
	due := slices.DeleteFunc(open, func(pr forge.PullRequest) bool { return p.told[pr.Number].of == p.basisOf(pr) })
	more = len(due) > perRound
	due = due[:min(len(due), perRound)]
	var refs []string
	for _, pr := range due {
		refs = append(refs, pr.HeadRef)
		if pr.MergeRef != "" {
			refs = append(refs, pr.MergeRef)
		}
	}
	if len(refs) > 0 {
		if err := p.Git.Fetch(ctx, refs...); err != nil {
			return more, err
		}
	}
	var failures []error
	for _, pr := range due {
		if err := p.tell(ctx, pr, p.preview(ctx, pr, base, problems)); err != nil {
			var limited *forge.RateLimitError
			if errors.As(err, &limited) || ctx.Err() != nil {
				return more, err
			}
			failures = append(failures, err)
		}
	}
	return more, errors.Join(failures...)
}

func (p *Previewer) now() time.Time {
	if p.Now != nil {
		return p.Now().UTC()
	}
	return time.Now().UTC()
}

func (p *Previewer) basisOf(pr forge.PullRequest) basis {
	b := basis{base: p.base.ID, head: pr.Head, day: p.now().Format(time.DateOnly), draft: pr.Draft}
	if pr.Fork || pr.Draft {
		return b
	}
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(p.looks)) {
		l := p.looks[key]
		fmt.Fprintf(h, "%s %x %t\n", key, l.sum, l.err != nil)
	}
	copy(b.aws[:], h.Sum(nil))
	return b
}

// lookAt reads each directory that the branch declares, if what is known of it is old, is of another connection, or was before a run.
func (p *Previewer) lookAt(ctx context.Context, base *schema.Declarations) {
	moved := p.moved.Swap(false)
	maps.DeleteFunc(p.looks, func(key string, _ *look) bool { return base.Provisioners[key] == nil })
	for _, key := range slices.Sorted(maps.Keys(base.Provisioners)) {
		provisioner := base.Provisioners[key]
		l := p.looks[key]
		if l == nil || !reconcile.SameConnection(l.provisioner, provisioner) {
			l = &look{}
			p.looks[key] = l
		}
		l.provisioner = provisioner
		now := p.now()
		if !moved && !l.tried.IsZero() && now.Sub(l.tried) < p.Fresh {
			continue
		}
		snapshot, err := p.Look(ctx, provisioner)
		l.tried = now
		if err != nil {
			if l.err == nil {
				l.since = now
				p.Log.Warn("previews cannot read AWS", "provisioner", key, "error", err)
			}
			l.err = err
			continue
		}
		l.err = nil
		if p.Keep != nil {
			if err := p.Keep(snapshot); err != nil {
				p.Log.Error("snapshot not written", "provisioner", key, "error", err)
			}
		}
		if sum := sumOf(snapshot); l.snapshot == nil || sum != l.sum {
			l.snapshot, l.sum = snapshot, sum
		}
	}
}

// sumOf is the same for two looks that a preview cannot tell apart.
func sumOf(s *reconcile.Snapshot) [sha256.Size]byte {
	c, o := *s, *s.Observed
	o.ReadAt = time.Time{}
	c.Observed = &o
	if s.Status != nil { // when the last run was is not the matter; what it left is
		c.Status = &reconcile.Status{EverEnabled: s.Status.EverEnabled, Removals: s.Status.Removals, UsedApprovals: s.Status.UsedApprovals, ApprovalFirstSeen: s.Status.ApprovalFirstSeen}
	}
	b, err := json.Marshal(c)
	if err != nil { // plain data always encodes
		panic(err)
	}
	return sha256.Sum256(b)
}

// preview makes the page of one pull request.
func (p *Previewer) preview(ctx context.Context, pr forge.PullRequest, base *schema.Declarations, invalid schema.Problems) page {
	before, known := p.told[pr.Number]
	switch {
	case pr.Draft && !known:
		return page{}
	case pr.Draft:
		return before.page.stale("it is a draft now; the next preview comes when it is ready for review", time.Time{})
	case len(invalid) > 0:
		text := fmt.Sprintf("the branch %s itself is invalid, so nothing can be compared with it", p.Branch)
		return page{"**roster: " + text + "**\n", forge.Status{State: forge.Error, Description: text}}
	}
	merged, err := p.Git.Merged(ctx, p.base.ID, pr.Head, pr.MergeRef)
	if err != nil {
		return p.broken(pr, err)
	}
	list, stale, since, err := p.compare(pr, base, merged)
	if err != nil {
		return p.broken(pr, err)
	}
	out := shown(list, pr)
	if stale != "" {
		out = out.stale(stale, since)
	}
	return out
}

// broken is the page where there is no preview. What is nobody's fault here is logged, not shown: it may say more than others should know.
func (p *Previewer) broken(pr forge.PullRequest, err error) page {
	if out, ok := failed(err, p.Git.Path); ok {
		return out
	}
	p.Log.Error("no preview", "pull request", pr.Number, "error", err)
	text := "no preview could be made; the daemon's log says why"
	if before, known := p.told[pr.Number]; known && before.page.body != "" {
		return before.page.stale(text, p.now())
	}
	return page{"**roster: " + text + "**\n", forge.Status{State: forge.Error, Description: text}}
}

// compare makes the preview of each provisioner that either side declares. stale says that a look could not be renewed.
func (p *Previewer) compare(pr forge.PullRequest, base, merged *schema.Declarations) (list []*reconcile.Preview, stale string, since time.Time, err error) {
	keys := slices.Collect(maps.Keys(base.Provisioners))
	for key := range merged.Provisioners {
		if base.Provisioners[key] == nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	head := reconcile.CommitRef{ID: pr.Head}
	for _, key := range keys {
		in := reconcile.PreviewInput{Provisioner: key, Base: base, Merged: merged, BaseCommit: p.base, HeadCommit: head, Now: p.now(), RedactKey: p.RedactKey}
		l := p.looks[key]
		switch {
		case pr.Fork:
		case l == nil: // it is new: the preview says so
			in.Snapshot = &reconcile.Snapshot{}
		case l.snapshot == nil:
			list = append(list, &reconcile.Preview{Version: 1, Provisioner: key, Base: p.base, Head: head,
				UnavailableReason: "cannot be previewed: AWS could not be read; the daemon's log says why"})
			continue
		default:
			in.Snapshot = l.snapshot
			if l.err != nil {
				stale, since = fmt.Sprintf("AWS cannot be read for %q; this is from the last look at it", key), l.since
			}
		}
		one, err := reconcile.NewPreview(in)
		if err != nil {
			return nil, "", time.Time{}, err
		}
		list = append(list, one)
	}
	return list, stale, since, nil
}

// tell shows a page, if the pull request was not told the same already.
func (p *Previewer) tell(ctx context.Context, pr forge.PullRequest, out page) error {
	of := p.basisOf(pr)
	before := p.told[pr.Number]
	if out.body != "" && out.body != before.page.body {
		if err := p.Board.Comment(ctx, pr.Number, out.body); err != nil {
			return err
		}
	}
	same := before.of.head == pr.Head && before.page.status.State == out.status.State && before.page.status.Description == out.status.Description
	if out.body != "" && !same {
		if err := p.Board.SetStatus(ctx, pr.Head, out.status); err != nil {
			return err
		}
	}
	p.told[pr.Number] = told{of, out}
	return nil
}

// Moved says that a directory was changed: it is looked at anew in the next round. It may be called at any time.
func (p *Previewer) Moved() { p.moved.Store(true) }
