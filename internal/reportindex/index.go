// Package reportindex keeps a line of each of the last reports of provisioners in memory, so that
// pages can draw what happened over time and find the reports about a user or group. It reads the
// audit branch once, and then only the reports that are new.
package reportindex

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// The limits of what is kept of a provisioner, and of what one reading costs.
const (
	Window      = 91 * 24 * time.Hour
	maxLines    = 2000
	maxChanges  = 500_000 // that are read to count them
	maxRefs     = 2000    // of one report
	maxProblems = 500     // bytes of a problem
)

// Line is what is kept of a report. It does not change.
type Line struct {
	reconcile.ReportLink
	Run, Trigger      string
	Outcome           reconcile.Outcome
	Commit            reconcile.CommitRef
	Started, Finished time.Time
	Counts            reconcile.Counts
	Summary           string
	// Effects are the numbers of applied changes by what they mean for people, and Drift is the
	// number of changes that undo what was done in AWS by hand, applied or not. They are nil and 0
	// if the changes are not counted.
	Effects map[reconcile.EffectKind]int
	Drift   int
	Counted bool

	held []uint64 // hashes of the titles of the groups of held changes, sorted
	refs []uint64 // hashes of the users and groups that the report names, sorted; nil: not known
}

// MayName reports whether the report may have a change of a user or group. ref is a
// reconcile.UserRef or reconcile.GroupRef.
func (l *Line) MayName(ref string) bool {
	if l.refs == nil {
		return true
	}
	_, found := slices.BinarySearch(l.refs, hashOf(ref))
	return found
}

// Holds reports whether the run held a group of changes with a title; see reconcile.HeldGroup.
func (l *Line) Holds(title string) bool {
	_, found := slices.BinarySearch(l.held, hashOf(title))
	return found
}

// HeldSince returns since when the newest of lines holds a group of changes with a title: the time
// of the first run that held it, without a run in between that did not. It is zero if it does not.
func HeldSince(lines []Line, title string) (since time.Time) {
	for i := range lines {
		if !lines[i].Holds(title) {
			break
		}
		since = lines[i].Finished
	}
	return since
}

func hashOf(ref string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(ref))
	return h.Sum64()
}

// Reports are the reports of a provisioner as they were last read.
type Reports struct {
	Lines []Line // the newest first
	// Ready is false before the first reading has ended.
	Ready bool
	// Since is the time from which all reports are there: the window or the number of lines ends
	// there. It is zero if all reports of the provisioner are there.
	Since time.Time
	// Problem is why the reports before the oldest line are not read; "" if nothing prevents it.
	Problem string
}

// Index has the last reports of provisioners. Its methods may be called concurrently. Files is
// required.
type Index struct {
	// Files returns the newest commit of the audit branch that this machine has, with its files.
	// The commit is "" if there is none.
	Files func(ctx context.Context) (commit string, files fs.FS, err error)
	Now   func() time.Time
	Log   *slog.Logger

	mu      sync.Mutex
	heads   map[string]string // the commit that was read for each provisioner
	reports map[string]Reports
	wanted  map[string]bool
	wake    chan struct{}
}

// Reports returns the reports of a provisioner as they were last read, and asks Run to read them
// again if the branch has moved.
func (x *Index) Reports(provisioner string) Reports {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.init()
	x.wanted[provisioner] = true
	select {
	case x.wake <- struct{}{}:
	default:
	}
	return x.reports[provisioner]
}

// init makes the maps. The caller holds x.mu.
func (x *Index) init() {
	if x.wake == nil {
		x.heads, x.reports, x.wanted = map[string]string{}, map[string]Reports{}, map[string]bool{}
		x.wake = make(chan struct{}, 1)
	}
}

// Run reads the reports that are asked for, until the context ends.
func (x *Index) Run(ctx context.Context) {
	x.mu.Lock()
	x.init()
	x.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.wake:
		}
		for _, key := range x.takeWanted() {
			if err := x.Refresh(ctx, key); err != nil && ctx.Err() == nil {
				x.Log.Warn("the reports for the pages cannot be read", "provisioner", key, "error", err)
			}
		}
	}
}

func (x *Index) takeWanted() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var keys []string
	for key := range x.wanted {
		keys = append(keys, key)
	}
	clear(x.wanted)
	slices.Sort(keys)
	return keys
}

// Refresh reads the reports of a provisioner that are new. After an error, what was read before
// stays.
func (x *Index) Refresh(ctx context.Context, provisioner string) error {
	head, files, err := x.Files(ctx)
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.init()
	known, same := x.reports[provisioner], x.heads[provisioner] == head
	x.mu.Unlock()
	if same && known.Ready {
		return nil
	}
	next := Reports{Ready: true}
	if head != "" {
		if next, err = x.read(ctx, files, provisioner, known); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heads[provisioner], x.reports[provisioner] = head, next
	return nil
}

// read follows the chain of reports until one that is known, or until a limit.
func (x *Index) read(ctx context.Context, files fs.FS, provisioner string, known Reports) (Reports, error) {
	out := Reports{Ready: true}
	oldest, budget := x.Now().Add(-Window), maxChanges
	for link, err := range audit.Chain(files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return out, nil
		case err != nil:
			return out, err
		case ctx.Err() != nil:
			return out, context.Cause(ctx)
		case link.Problem != "":
			out.Problem = fmt.Sprintf("%.*s", maxProblems, fmt.Sprintf("report %s: %s", link.Path, link.Problem))
			return out, nil
		}
		if len(known.Lines) > 0 && known.Lines[0].ReportLink == link.ReportLink {
			out.Lines = append(out.Lines, known.Lines...)
			out.Since, out.Problem = known.Since, known.Problem
			return out.cut(oldest), nil
		}
		line := lineOf(link)
		if err := line.count(ctx, files, link.Report, &budget); err != nil {
			return out, fmt.Errorf("read report %s: %w", link.Path, err)
		}
		out.Lines = append(out.Lines, line)
		// One report before the window says in which state the window begins.
		if line.Finished.Before(oldest) || len(out.Lines) == maxLines {
			if link.Report.Previous != nil {
				out.Since = line.Finished
			}
			return out, nil
		}
	}
	return out, nil
}

// cut removes the lines that are too old or too many.
func (r Reports) cut(oldest time.Time) Reports {
	n := len(r.Lines)
	for n > 2 && r.Lines[n-2].Finished.Before(oldest) {
		n--
	}
	if n = min(n, maxLines); n < len(r.Lines) {
		r.Lines = slices.Clone(r.Lines[:n])
		r.Since = r.Lines[n-1].Finished
	}
	return r
}

func lineOf(link *audit.ChainLink) Line {
	r := link.Report
	line := Line{ReportLink: link.ReportLink, Run: r.Run, Trigger: r.Trigger, Outcome: r.Outcome, Commit: r.Commit,
		Started: r.Started, Finished: r.Finished, Counts: r.Counts, Summary: fmt.Sprintf("%.700s", r.Summary)}
	for _, g := range r.HeldGroups {
		line.held = append(line.held, hashOf(g.Title()))
	}
	slices.Sort(line.held)
	return line
}

// count counts the changes of a report, unless it has more than the budget.
func (l *Line) count(ctx context.Context, files fs.FS, r *reconcile.Report, budget *int) error {
	n := r.ChangeCount()
	if n > *budget {
		return nil
	}
	*budget -= n
	l.Counted, l.Effects = true, map[reconcile.EffectKind]int{}
	refs := map[uint64]bool{}
	for d, err := range audit.Changes(files, r) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if d.Result == reconcile.ResultDone {
			l.Effects[reconcile.EffectOf(d.Change, r.Facts)]++
		}
		if d.Origin == reconcile.Drift {
			l.Drift++
		}
		if len(refs) <= maxRefs {
			refs[hashOf(d.ObjectRef())] = true
			if d.Kind.OfMembership() {
				refs[hashOf(reconcile.UserRef(d.Member))] = true
			}
		}
	}
	if len(refs) <= maxRefs {
		l.refs = make([]uint64, 0, len(refs))
		for ref := range refs {
			l.refs = append(l.refs, ref)
		}
		slices.Sort(l.refs)
	}
	return nil
}
