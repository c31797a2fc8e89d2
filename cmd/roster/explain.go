package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

func (a *app) explainCommand() *cobra.Command {
	var p place
	c := &cobra.Command{Use: "explain user|group KEY", Short: "Tell why somebody is in AWS, in a group, has a value, or is not",
		Long: `explain answers from the declarations, the ledger and the reports why a user or group is in AWS as it is, or is not: each line of a
declaration with the commit that last touched it. KEY may also be a userId, an e-mail address, a userName or a group's displayName.
AWS is not asked; without a network the audit branch is read as it was last fetched.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "user" && args[0] != "group" {
				return usageError{fmt.Errorf("explain %q: want user or group", args[0])}
			}
			return a.explain(cmd.Context(), &p, args[0], args[1])
		}}
	p.registerC(c)
	c.Flags().StringVar(&p.provisioner, "provisioner", "", "only this one (default: all)")
	return c
}

func (a *app) explain(ctx context.Context, p *place, kind, word string) error {
	w, err := a.open(ctx, p, false)
	if err != nil {
		return err
	}
	w.book.ReadOnly = true
	note, err := w.reachable(ctx)
	if err != nil {
		return err
	}
	keys, err := w.selected(ctx)
	if err != nil {
		return err
	}
	q := inquiry{source: w.source, book: w.book, decls: w.decls, commit: w.commit, now: time.Now()}
	if w.dirty {
		q.disk = filepath.Join(p.dir, p.path)
	}
	answers, err := q.answer(ctx, kind, word, keys)
	if err != nil {
		return err
	}
	for i, e := range answers {
		if note != "" {
			e.Notes = append(e.Notes, note)
		}
		if w.dirty {
			e.Notes = append(e.Notes, "explained from files that are not committed")
		}
		if a.format == "json" {
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := render.ExplanationText(a.stdout, e, a.paintOut()); err != nil {
			return err
		}
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "explanations": answers})
	}
	return nil
}

// reachable turns the book to what is on this machine when the audit branch's remote cannot be asked, and says so in the note.
func (w *workspace) reachable(ctx context.Context) (note string, err error) {
	store := w.book.Store.(*branchStore)
	_, err = store.Head(ctx)
	if err == nil || ctx.Err() != nil || !store.remote {
		return "", err
	}
	local := &branchStore{repo: store.repo, branch: store.branch}
	if head, failed := local.Head(ctx); w.place.repo == "" && (failed != nil || head == "") { // never fetched by roster: what git fetched is as good
		local = &branchStore{repo: w.source.repo, branch: "refs/remotes/" + w.place.remote + "/" + store.branch}
	}
	w.book.Store = local
	return fmt.Sprintf("the audit branch is as it was last fetched: %v", err), nil
}

// explainer answers for the newest valid commit that a daemon knows.
func (w *workspace) explainer(d *daemon.Daemon) web.Explainer {
	return func(ctx context.Context, kind, word, provisioner string) ([]*explain.Explanation, error) {
		valid := d.State().ValidCommit
		if valid.ID == "" {
			return nil, fmt.Errorf("there is no valid commit yet: %w", fs.ErrNotExist)
		}
		decls, err := w.source.Declarations(ctx, valid.ID)
		if err != nil {
			return nil, err
		}
		keys := sorted(decls.Provisioners)
		if provisioner != "" {
			if decls.Provisioners[provisioner] == nil {
				return nil, fmt.Errorf("there is no provisioner %q; declared: %s: %w", provisioner, names(decls), fs.ErrNotExist)
			}
			keys = []string{provisioner}
		}
		q := inquiry{source: w.source, book: w.book.Reader(), decls: decls, commit: valid, now: d.Runner.Clock()}
		return q.answer(ctx, kind, word, keys)
	}
}

// inquiry is what questions about one commit are answered from.
type inquiry struct {
	source *source
	book   *audit.Book // for reading only
	decls  *schema.Declarations
	commit reconcile.CommitRef
	disk   string // folder of the declarations, if they are not what is committed
	now    time.Time
}

// mentioned is how many reports are searched for one that names somebody.
const mentioned = 200

// answer explains a user or group for each of the provisioners.
func (q *inquiry) answer(ctx context.Context, kind, word string, provisioners []string) ([]*explain.Explanation, error) {
	var ledgers []*reconcile.Ledger
	var wants []*reconcile.Desired
	var inputs []explain.Input
	distrust := map[string][]string{}
	for _, name := range provisioners {
		p := q.decls.Provisioners[name]
		if p == nil { // removed from Git: nothing is declared for it that could be explained
			continue
		}
		past, err := q.book.Past(ctx, name)
		if err != nil {
			return nil, err
		}
		want, err := reconcile.Desire(q.decls, p, q.now)
		if err != nil {
			return nil, err
		}
		if past.DistrustReason != "" {
			distrust[name] = []string{"the audit branch is not to be trusted: " + past.DistrustReason}
		}
		ledgers, wants = append(ledgers, past.Ledger), append(wants, want)
		inputs = append(inputs, explain.Input{Kind: kind, Declarations: q.decls, Provisioner: p, Desired: want, Ledger: past.Ledger, Status: past.Status,
			Commit: q.commit, Now: q.now})
	}
	key, err := explain.Find(kind, word, q.decls, ledgers, wants)
	if err != nil {
		return nil, err
	}
	touched := &touches{inquiry: q, lines: map[string]map[int]*reconcile.CommitRef{}}
	var out []*explain.Explanation
	for _, in := range inputs {
		in.Key = key
		notes := distrust[in.Provisioner.Key]
		if in.Report, in.Path, err = q.book.Mention(ctx, in.Provisioner.Key, mentioned, func(d *reconcile.Done) bool {
			return explain.Concerns(kind, key, &d.Change)
		}); errors.Is(err, audit.ErrBroken) {
			notes = append(notes, err.Error())
		} else if err != nil {
			return nil, err
		}
		e := explain.Explain(in)
		e.Notes = notes
		if err := touched.note(e); err != nil {
			var missing *gitrepo.MissingObjectError
			if !errors.As(err, &missing) {
				return nil, err
			}
			e.Notes = append(e.Notes, fmt.Sprintf("who touched the lines is not known: %v", err))
		}
		out = append(out, e)
	}
	return out, nil
}

// touches finds the commits that last touched lines, each file once.
type touches struct {
	*inquiry
	lines map[string]map[int]*reconcile.CommitRef
}

func (t *touches) note(e *explain.Explanation) error {
	asked := map[string][]int{}
	e.AddCommits(func(file string, line int) *reconcile.CommitRef {
		if _, known := t.lines[file][line]; !known {
			asked[file] = append(asked[file], line)
		}
		return nil
	})
	for file, lines := range asked {
		if err := t.blame(file, lines); err != nil {
			return err
		}
	}
	e.AddCommits(func(file string, line int) *reconcile.CommitRef { return t.lines[file][line] })
	return nil
}

func (t *touches) blame(file string, lines []int) error {
	if t.lines[file] == nil {
		t.lines[file] = map[int]*reconcile.CommitRef{}
	}
	for _, line := range lines {
		t.lines[file][line] = nil
	}
	if t.disk != "" && !t.committed(file) {
		return nil // its lines are not those of a commit
	}
	at, err := gitrepo.ParseHash(t.commit.ID)
	if err != nil {
		return err
	}
	found, err := t.source.repo.Blame(at, path.Join(t.source.path, file), lines)
	if err != nil {
		return err
	}
	for line, c := range found {
		ref := describe(c)
		t.lines[file][line] = &ref
	}
	return nil
}

// committed reports whether a file on disk is as the commit has it.
func (t *touches) committed(file string) bool {
	at, err := gitrepo.ParseHash(t.commit.ID)
	if err != nil {
		return false
	}
	tree, err := t.source.repo.FS(at, t.source.path)
	if err != nil {
		return false
	}
	then, err := fs.ReadFile(tree, file)
	if err != nil {
		return false
	}
	now, err := os.ReadFile(filepath.Join(t.disk, filepath.FromSlash(file)))
	return err == nil && bytes.Equal(then, now)
}
