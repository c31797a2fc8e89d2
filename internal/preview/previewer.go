// Package preview posts on each pull request what merging it would change in AWS, and finds what
// was approved of merged pull requests. It handles pull requests and their commits. Package
// reconcile computes and renders a preview; package forge is the client of the forge.
//
// RunOnce lists the open pull requests and renews the outdated previews. A preview is outdated when
// the branch, the head, AWS or the date has changed: declarations may start or end on a date. AWS
// is read once for all pull requests, with the endpoint and auth of the branch, and only with GET.
// The pull request of a fork is compared without AWS, so the comment shows nothing that its author
// could not know.
package preview

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Forge is where previews are posted. Its methods return a *forge.RateLimitError when the forge
// limits the rate.
type Forge interface {
	PullRequests(ctx context.Context, branch string) ([]forge.PullRequest, error)
	Comment(ctx context.Context, number int, body string) error
	EditComment(ctx context.Context, number int, body string) error
	SetStatus(ctx context.Context, commit string, s forge.Status) error
	Approval(ctx context.Context, pr forge.PullRequest) (forge.Approval, error)
	Queue(ctx context.Context, branch string) ([]forge.QueuedMerge, error)
}

// Previewer keeps the previews of a branch's pull requests up to date. Fields are required before
// Run unless their comment says otherwise.
type Previewer struct {
	Forge  Forge
	Repo   *Repository
	Branch string
	// ReadDirectory reads a provisioner's directory, only with GET.
	ReadDirectory func(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error)
	// StoreSnapshot, if set, stores each new snapshot, so that CI can make previews from it.
	StoreSnapshot func(*reconcile.Snapshot) error
	// PollInterval is the time between two runs. MaxSnapshotAge is the age at which a snapshot of
	// AWS is renewed.
	PollInterval, MaxSnapshotAge time.Duration
	// Trigger, if set, starts the next run immediately.
	Trigger <-chan struct{}
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// RedactKey is the key of the hashes that replace redacted values. Without it, the values are
	// left out.
	RedactKey []byte
	// Outcomes, if set, posts on merged pull requests what runs did. RunOnce calls it first.
	Outcomes *Outcomes
	Log      *slog.Logger
	// Approvals, if set, returns what the reports have about approvals of some digests.
	Approvals func(ctx context.Context, digests []string) ([]reconcile.ApprovalRecord, error)
	// Standby, if set, reports whether another process makes the previews now. Then RunOnce reads
	// nothing from AWS.
	Standby func() bool

	base             reconcile.CommitRef
	snapshots        map[string]*directorySnapshot
	posted           map[int]posted
	queued           map[string]inputs // the previewed merges of the merge queue, by commit
	failing          map[int]failing
	directoryChanged atomic.Bool
	problem          atomic.Pointer[string]
	writes           writes
	heads            map[int]seenHead
	made             map[int]made
	pulls            atomic.Pointer[[]Pull]
	// expensive has 1 for the pull requests whose last evaluation exceeded a limit.
	expensive map[int]int
}

// directorySnapshot is the newest snapshot of one directory, and the result of the last read.
type directorySnapshot struct {
	provisioner *schema.Provisioner
	snapshot    *reconcile.Snapshot // nil if no read has succeeded
	digest      [sha256.Size]byte   // of the snapshot
	lastRead    time.Time           // when the last read was tried
	err         error               // of the last read
	failedSince time.Time
}

// posted is the last feedback on a pull request, with its inputs.
type posted struct {
	inputs   inputs
	feedback feedback
	// updated is when the pull request was updated, and checked when its reviews were read.
	updated, checked time.Time
}

// seenHead is the head of a pull request, with the time at which it was first listed.
type seenHead struct {
	head string
	at   time.Time
}

// inputs identify everything that determines a preview.
type inputs struct {
	base, head, day string
	aws             [sha256.Size]byte
	draft           bool
}

// Run updates previews until the context ends. It logs errors and tries again.
func (p *Previewer) Run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		more, err := p.RunOnce(ctx)
		if ctx.Err() == nil {
			p.setProblem(err)
		}
		wait := p.PollInterval
		var limited *forge.RateLimitError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &limited):
			p.Log.Warn("previews are delayed", "reason", err)
			wait = max(wait, limited.Until.Sub(p.now()))
		case err != nil:
			failures = min(failures+1, 10)
			wait = p.PollInterval * time.Duration(failures+1)
			p.Log.Error("previews failed", "error", err)
		case more:
			failures, wait = 0, p.writes.pause(p.now())
		default:
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-p.Trigger:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// setProblem sets what Problem returns.
func (p *Previewer) setProblem(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	p.problem.Store(&text)
}

// Problem returns why the last round could not make previews: for example, the forge refuses the
// token. If the round succeeded, it returns why the forge refused the last comment or status: the
// token may only read. It returns "" if there is neither. It may be called at any time.
func (p *Previewer) Problem() string {
	if text := p.problem.Load(); text != nil && *text != "" {
		return *text
	}
	return p.writes.problem()
}

// maxPerRun is the number of previews that one run renews. It bounds how long a new push waits
// while hundreds of previews are outdated.
const maxPerRun = 20

// RunOnce renews outdated previews, those of the newest pushes to pull requests first. It sends at
// most maxWritesPerMinute comments and statuses within a minute of Now, with those of the rounds
// before. more means that some are still to be sent. A pull request whose preview or comment fails
// is logged, and has pauses of its own: it delays no other. The error is one that concerns all pull
// requests.
func (p *Previewer) RunOnce(ctx context.Context) (more bool, err error) {
	more, err = p.round(ctx)
	if errors.Is(err, errWritesSpent) {
		return true, nil
	}
	return more, err
}

func (p *Previewer) round(ctx context.Context) (more bool, err error) {
	if p.posted == nil {
		p.posted, p.snapshots = map[int]posted{}, map[string]*directorySnapshot{}
		p.expensive, p.failing, p.heads = map[int]int{}, map[int]failing{}, map[int]seenHead{}
		p.made = map[int]made{}
	}
	if p.Outcomes != nil {
		p.Outcomes.writes = &p.writes
		if err := p.Outcomes.Post(ctx, p.now(), p.PollInterval); err != nil {
			return false, err
		}
	}
	if p.Standby != nil && p.Standby() {
		p.pulls.Store(nil)
		return false, nil
	}
	open, err := p.Forge.PullRequests(ctx, p.Branch)
	if err != nil {
		return false, err
	}
	p.forgetClosed(open)
	p.noteHeads(open)
	defer p.publish(open)
	if len(open) == 0 && p.StoreSnapshot == nil {
		return false, nil
	}
	if p.base, err = p.Repo.Tip(ctx, p.Branch); err != nil {
		return false, err
	}
	base, err := p.Repo.Declarations(ctx, p.base.ID)
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return false, err
	}
	if err == nil {
		p.readDirectories(ctx, base)
	}
	// Reviews and the merge queue go first: people wait for them to merge, and they are few.
	if err := p.renewReviews(ctx, open); err != nil {
		return true, err
	}
	if len(problems) == 0 {
		if err := p.previewQueue(ctx, base); err != nil {
			return true, err
		}
	}
	return p.renewPreviews(ctx, open, base, problems)
}

// renewReviews sets the statuses of pull requests whose reviews changed.
func (p *Previewer) renewReviews(ctx context.Context, open []forge.PullRequest) error {
	for _, pr := range p.unreviewed(open) {
		if err := p.end(ctx, pr, p.review(ctx, pr)); err != nil {
			return err
		}
	}
	return nil
}

// renewPreviews renews outdated previews. more means that some are still outdated.
func (p *Previewer) renewPreviews(ctx context.Context, open []forge.PullRequest, base *schema.Declarations,
	problems schema.Problems) (more bool, err error) {
	outdated, more := p.outdated(open)
	if err := p.fetch(ctx, outdated); err != nil {
		return more, err
	}
	for _, pr := range outdated {
		out, err := p.preview(ctx, pr, base, problems)
		if err == nil {
			p.keep(pr, out)
			err = p.post(ctx, pr, out)
		}
		if err := p.end(ctx, pr, err); err != nil {
			return more, err
		}
	}
	return more, nil
}

// end ends the work on a pull request. It returns only an error that concerns all pull requests.
// Any other is logged, and the pull request is tried again after a pause.
func (p *Previewer) end(ctx context.Context, pr forge.PullRequest, err error) error {
	switch {
	case err == nil:
		delete(p.failing, pr.Number)
	case endsRound(err) || ctx.Err() != nil:
		return err
	default:
		p.fail(pr, err)
	}
	return nil
}

// endsRound reports whether an error concerns all pull requests: no more can be sent now.
func endsRound(err error) bool {
	var limited *forge.RateLimitError
	return errors.As(err, &limited) || errors.Is(err, errWritesSpent)
}

// noteHeads keeps the time at which the head of each pull request was first listed. The time of an
// update at the forge says less: roster's own comments are updates.
func (p *Previewer) noteHeads(open []forge.PullRequest) {
	for _, pr := range open {
		if p.heads[pr.Number].head != pr.Head {
			p.heads[pr.Number] = seenHead{pr.Head, p.now()}
		}
	}
}

// forgetClosed forgets the pull requests that are not open any more.
func (p *Previewer) forgetClosed(open []forge.PullRequest) {
	closed := func(n int) bool {
		return !slices.ContainsFunc(open, func(pr forge.PullRequest) bool { return pr.Number == n })
	}
	maps.DeleteFunc(p.posted, func(n int, _ posted) bool { return closed(n) })
	maps.DeleteFunc(p.failing, func(n int, _ failing) bool { return closed(n) })
	maps.DeleteFunc(p.made, func(n int, _ made) bool { return closed(n) })
	maps.DeleteFunc(p.heads, func(n int, _ seenHead) bool { return closed(n) })
}

// outdated returns the pull requests whose previews this run renews: no more than it can send a
// comment and a status for. more means that there are others.
func (p *Previewer) outdated(open []forge.PullRequest) (out []forge.PullRequest, more bool) {
	now := p.now()
	out = slices.DeleteFunc(slices.Clone(open), func(pr forge.PullRequest) bool {
		return p.posted[pr.Number].inputs == p.inputsOf(pr) || !p.failing[pr.Number].due(pr.Head, now)
	})
	// A pull request that could not be evaluated may cost much, so all others go first.
	slices.SortStableFunc(out, func(a, b forge.PullRequest) int {
		return cmp.Or(p.expensive[a.Number]-p.expensive[b.Number],
			p.heads[b.Number].at.Compare(p.heads[a.Number].at), b.Updated.Compare(a.Updated))
	})
	n := min(len(out), maxPerRun, p.writes.left(now)/2)
	return out[:n], len(out) > n
}

// fetch fetches the heads of pull requests, and the merges of the forge. The preview of a pull
// request whose head the server does not have any more fails; the others continue.
func (p *Previewer) fetch(ctx context.Context, pulls []forge.PullRequest) error {
	var refs []string
	for _, pr := range pulls {
		refs = append(refs, pr.HeadRef)
		if pr.MergeRef != "" {
			refs = append(refs, pr.MergeRef)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	if err := p.Repo.Fetch(ctx, refs...); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// fail logs the failure of one pull request and sets the time of its next attempt.
func (p *Previewer) fail(pr forge.PullRequest, err error) {
	f := p.failing[pr.Number].failed(pr.Head, p.now(), p.PollInterval)
	p.failing[pr.Number] = f
	p.Log.Error("preview failed; other pull requests are not affected", "pullRequest", pr.Number, "error", err,
		"failures", f.failures, "nextAttempt", f.retryAt.Format(time.RFC3339))
}

func (p *Previewer) now() time.Time {
	if p.Now != nil {
		return p.Now().UTC()
	}
	return time.Now().UTC()
}

func (p *Previewer) inputsOf(pr forge.PullRequest) inputs {
	in := inputs{base: p.base.ID, head: pr.Head, day: p.now().Format(time.DateOnly), draft: pr.Draft}
	if pr.Fork || pr.Draft {
		return in
	}
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(p.snapshots)) {
		d := p.snapshots[key]
		fmt.Fprintf(h, "%s %x %t\n", key, d.digest, d.err != nil)
	}
	copy(in.aws[:], h.Sum(nil))
	return in
}

// readDirectories reads each directory that the branch declares, if its snapshot is too old, has
// another connection, or was taken before the last run.
func (p *Previewer) readDirectories(ctx context.Context, base *schema.Declarations) {
	changed := p.directoryChanged.Swap(false)
	maps.DeleteFunc(p.snapshots, func(key string, _ *directorySnapshot) bool { return base.Provisioners[key] == nil })
	for _, key := range slices.Sorted(maps.Keys(base.Provisioners)) {
		provisioner := base.Provisioners[key]
		d := p.snapshots[key]
		if d == nil || !reconcile.SameConnection(d.provisioner, provisioner) {
			d = &directorySnapshot{}
			p.snapshots[key] = d
		}
		d.provisioner = provisioner
		now := p.now()
		if !changed && !d.lastRead.IsZero() && now.Sub(d.lastRead) < p.MaxSnapshotAge {
			continue
		}
		snapshot, err := p.ReadDirectory(ctx, provisioner)
		d.lastRead = now
		if err != nil {
			if d.err == nil {
				d.failedSince = now
				p.Log.Warn("previews cannot read AWS", "provisioner", key, "error", err)
			}
			d.err = err
			continue
		}
		d.err = nil
		if p.StoreSnapshot != nil {
			if err := p.StoreSnapshot(snapshot); err != nil {
				p.Log.Error("cannot store the snapshot", "provisioner", key, "error", err)
			}
		}
		if digest := digestOf(snapshot); d.snapshot == nil || digest != d.digest {
			d.snapshot, d.digest = snapshot, digest
		}
	}
}

// digestOf returns the digest of the parts of a snapshot that determine a preview.
func digestOf(s *reconcile.Snapshot) [sha256.Size]byte {
	c, o := *s, *s.Observed
	o.ReadAt = time.Time{}
	c.Observed = &o
	if s.Status != nil { // the time of the last run does not matter
		c.Status = &reconcile.Status{EverEnabled: s.Status.EverEnabled, Removals: s.Status.Removals,
			UsedApprovals: s.Status.UsedApprovals, ApprovalFirstSeen: s.Status.ApprovalFirstSeen}
	}
	b, err := json.Marshal(c)
	if err != nil { // plain data always encodes
		panic(err)
	}
	return sha256.Sum256(b)
}

// preview makes the feedback for one pull request. After an error, the next run tries again.
func (p *Previewer) preview(ctx context.Context, pr forge.PullRequest, base *schema.Declarations,
	invalid schema.Problems) (feedback, error) {
	last, exists := p.posted[pr.Number]
	switch {
	case pr.Draft && !exists:
		return feedback{}, nil
	case pr.Draft:
		return last.feedback.markStale(
			"the pull request is a draft; the next preview comes when it is ready for review", time.Time{}), nil
	case len(invalid) > 0:
		text := fmt.Sprintf("the branch %s is invalid, so nothing can be compared with it", p.Branch)
		return feedback{body: heading(text), status: forge.Status{State: forge.Error, Description: text},
			answer: unknown(text)}, nil
	}
	merged, err := p.Repo.Merged(ctx, p.base.ID, pr.Head, pr.MergeRef)
	var unevaluated *CannotEvaluateError
	p.expensive[pr.Number] = 0
	if errors.As(err, &unevaluated) {
		p.expensive[pr.Number] = 1
		if !unevaluated.Final {
			return feedback{}, fmt.Errorf("preview pull request %d: %w", pr.Number, err)
		}
	}
	if ctx.Err() != nil {
		return feedback{}, context.Cause(ctx)
	}
	if err != nil {
		return p.errorFeedback(pr, err), nil
	}
	list, stale, since, err := p.compare(ctx, pr, base, merged)
	if err != nil {
		return p.errorFeedback(pr, err), nil
	}
	out := previewFeedback(list, p.warnings(ctx, base, merged), pr)
	if stale != "" {
		out = out.markStale(stale, since)
	}
	return out, nil
}

// errorFeedback is the feedback when there is no preview. An error that the pull request did not
// cause is logged and not posted, because it may contain internal details.
func (p *Previewer) errorFeedback(pr forge.PullRequest, err error) feedback {
	if out, ok := mergeFeedback(err, p.Repo.Path); ok {
		return out
	}
	p.Log.Error("preview failed", "pullRequest", pr.Number, "error", err)
	text := "the preview failed; the reason is in the daemon's log"
	if last, exists := p.posted[pr.Number]; exists && last.feedback.body != "" {
		return last.feedback.markStale(text, p.now())
	}
	return feedback{body: heading(text), status: forge.Status{State: forge.Error, Description: text},
		answer: unknown(text)}
}

// compare makes the preview of each provisioner of the base or of the merge result. If a snapshot
// could not be renewed, stale is the reason.
func (p *Previewer) compare(ctx context.Context, pr forge.PullRequest, base, merged *schema.Declarations) (
	list []*reconcile.Preview, stale string, since time.Time, err error) {
	head := reconcile.CommitRef{ID: pr.Head}
	records := p.approvalRecords(ctx, base, merged)
	for _, key := range reconcile.PreviewedProvisioners(base, merged) {
		in := reconcile.PreviewInput{Provisioner: key, Base: base, Merged: merged, BaseCommit: p.base, HeadCommit: head,
			Now: p.now(), RedactKey: p.RedactKey, Applied: p.applied(ctx), Approvals: records}
		if pr.Fork {
			in.Approvals = nil // the reports have names that the author may not see
		}
		switch d := p.snapshots[key]; {
		case pr.Fork, d == nil: // a new provisioner is compared without AWS
		case d.snapshot == nil:
			in.NotCompared = "AWS could not be read; the reason is in the daemon's log"
		default:
			in.Snapshot = d.snapshot
			if d.err != nil {
				stale, since = fmt.Sprintf("AWS cannot be read for %q; this preview uses the last snapshot", key),
					d.failedSince
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

// applied returns the function that loads the declarations of an applied commit.
func (p *Previewer) applied(ctx context.Context) func(commit string) *schema.Declarations {
	return func(commit string) *schema.Declarations {
		d, err := p.Repo.Declarations(ctx, commit)
		if err != nil {
			return nil
		}
		return d
	}
}

// post posts feedback, unless the pull request has the same already. A merge that changes nothing
// gets a status and no comment.
func (p *Previewer) post(ctx context.Context, pr forge.PullRequest, out feedback) error {
	in := p.inputsOf(pr)
	last := p.posted[pr.Number]
	if out.body != "" && out.contentOf() != last.feedback.contentOf() {
		send, kind := p.Forge.Comment, writeComment
		if out.quiet {
			send, kind = p.Forge.EditComment, writeEdit
		}
		write := func() error { return send(ctx, pr.Number, out.comment()) }
		if err := p.writes.send(p.now(), kind, write); err != nil {
			return err
		}
		sent := out
		sent.status = last.feedback.status
		p.posted[pr.Number] = posted{inputs: last.inputs, feedback: sent}
	}
	checked := p.now()
	if out.review {
		approved, err := p.approvedSince(ctx, pr, last)
		if err != nil {
			return err
		}
		if approved {
			out.status.State = forge.Success
		}
		if p.reviewsKnown(pr, last) {
			checked = last.checked
		}
	}
	out.status.Ref = pr.HeadRef
	same := last.inputs.head == pr.Head && sameStatus(last.feedback.status, out.status)
	if out.body != "" && !same {
		if err := p.setStatus(ctx, pr.Head, out.status); err != nil {
			return err
		}
	}
	p.posted[pr.Number] = posted{inputs: in, feedback: out, updated: pr.Updated, checked: checked}
	return nil
}

// setStatus sets the status of a commit.
func (p *Previewer) setStatus(ctx context.Context, commit string, s forge.Status) error {
	return p.writes.send(p.now(), writeStatus, func() error { return p.Forge.SetStatus(ctx, commit, s) })
}

func sameStatus(a, b forge.Status) bool { return a.State == b.State && a.Description == b.Description }

// DirectoryChanged marks all snapshots as outdated: the next run reads the directories again. It
// may be called at any time.
func (p *Previewer) DirectoryChanged() { p.directoryChanged.Store(true) }
