package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// ExplainRequest says what to explain.
type ExplainRequest struct {
	Kind        string // "user" or "group"
	Name        string // a key, or a name of it
	Group       string // for a user: the only group to say about why the user is not in it; "" for all
	Provisioner string // "" for all
}

// Explain explains why a user or group is, or is not, in AWS. It makes no request to AWS. If the
// remote of the audit branch cannot be reached, it uses the branch as it was last fetched, and adds
// a note to the explanations.
func (w *Workspace) Explain(ctx context.Context, request ExplainRequest) ([]*explain.Explanation, error) {
	w.recorder.ReadOnly = true
	offline, err := w.useFetchedAudit(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := w.selectProvisioners(ctx, request.Provisioner)
	if err != nil {
		return nil, err
	}
	e := explainer{source: w.source, recorder: w.recorder, declarations: w.declarations, commit: w.commit,
		now: w.settings.now()}
	if w.dirty {
		e.folder = w.config.folder()
	}
	explanations, err := e.explain(ctx, request, keys)
	if err != nil {
		return nil, err
	}
	for _, x := range explanations {
		if offline != nil {
			x.Notes = append(x.Notes, fmt.Sprintf("the audit branch is as it was last fetched: %v", offline))
		}
		if w.dirty {
			x.Notes = append(x.Notes, "the explanation uses files that are not committed")
		}
	}
	return explanations, nil
}

// useFetchedAudit makes the recorder use the audit branch as it was last fetched, if its remote
// cannot be reached. offline is the reason.
func (w *Workspace) useFetchedAudit(ctx context.Context) (offline, err error) {
	branch := w.recorder.Store.(*auditBranch)
	_, err = branch.Head(ctx)
	if err == nil || ctx.Err() != nil || !branch.fetch {
		return nil, err
	}
	local := &auditBranch{repo: branch.repo, branch: branch.branch}
	head, failed := local.Head(ctx)
	if w.config.URL == "" && (failed != nil || head == "") { // git may have fetched it
		local = &auditBranch{repo: w.source.repo, branch: "refs/remotes/" + w.config.Remote + "/" + branch.branch}
	}
	w.recorder.Store = local
	return err, nil
}

// explainNewest explains users and groups at the newest valid commit of a daemon.
func (w *Workspace) explainNewest(d *daemon.Daemon) web.Explainer {
	cached := &explainCache{}
	return func(ctx context.Context, kind, name, provisioner string) ([]*explain.Explanation, error) {
		valid := d.State().ValidCommit
		if valid.ID == "" {
			return nil, fmt.Errorf("no commit is valid yet: %w", fs.ErrNotExist)
		}
		decls, err := w.source.Declarations(ctx, valid.ID)
		if err != nil {
			return nil, err
		}
		keys := slices.Sorted(maps.Keys(decls.Provisioners))
		if provisioner != "" {
			if decls.Provisioners[provisioner] == nil {
				return nil, fmt.Errorf("%w: %w", unknownProvisioner(provisioner, decls), fs.ErrNotExist)
			}
			keys = []string{provisioner}
		}
		e := explainer{source: w.source, recorder: w.recorder.Reader(), declarations: decls, commit: valid,
			now: d.Runner.Clock(), states: &cached.states}
		e.lines = cached.linesAt(&e)
		return e.explain(ctx, ExplainRequest{Kind: kind, Name: name}, keys)
	}
}

// explainer explains users and groups at one commit.
type explainer struct {
	source       *Source
	recorder     *audit.Recorder // read-only
	declarations *schema.Declarations
	commit       reconcile.CommitRef
	folder       string // of the declarations, if they differ from the commit; else ""
	now          time.Time
	states       *desiredCache // nil: there is none
	lines        *lineCommits  // nil: they are found for this explanation only
}

// explainCache is what a daemon keeps for its explanations at one commit.
type explainCache struct {
	states desiredCache

	mu    sync.Mutex
	lines *lineCommits
}

// linesAt returns the commits of lines at the commit of an explainer.
func (c *explainCache) linesAt(e *explainer) *lineCommits {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil || c.lines.commit != e.commit.ID {
		c.lines = newLineCommits(e)
	}
	return c.lines
}

// searchedReports is the number of reports that are searched for the user or group.
const searchedReports = 200

func (e *explainer) explain(
	ctx context.Context, request ExplainRequest, provisioners []string,
) ([]*explain.Explanation, error) {
	kind := request.Kind
	in, err := e.load(ctx, kind, provisioners)
	if err != nil {
		return nil, err
	}
	key, err := explain.Find(kind, request.Name, e.declarations, in.ledgers, in.desired)
	if err != nil {
		return nil, err
	}
	group := ""
	if request.Group != "" {
		if group, err = explain.Find("group", request.Group, e.declarations, nil, nil); err != nil {
			return nil, err
		}
	}
	commits := e.lines
	if commits == nil {
		commits = newLineCommits(e)
	}
	var out []*explain.Explanation
	for _, input := range in.inputs {
		provisioner := input.Provisioner.Key
		notes := in.notes[provisioner]
		input.Key, input.Group = key, group
		ref := reconcile.UserRef(key)
		if kind == "group" {
			ref = reconcile.GroupRef(key)
		}
		input.Report, input.Path, err = e.recorder.FindReport(ctx, provisioner, searchedReports, ref)
		if errors.Is(err, audit.ErrBrokenChain) {
			notes = append(notes, err.Error())
		} else if err != nil {
			return nil, err
		}
		x := explain.Explain(input)
		x.Notes = notes
		if err := commits.addTo(x); err != nil {
			var missing *gitrepo.MissingObjectError
			if !errors.As(err, &missing) {
				return nil, err
			}
			x.Notes = append(x.Notes, fmt.Sprintf("the commits of the lines are unknown: %v", err))
		}
		out = append(out, x)
	}
	return out, nil
}

// explainInputs hold what is known about each provisioner.
type explainInputs struct {
	ledgers []*reconcile.Ledger
	desired []*reconcile.Desired
	inputs  []explain.Input
	notes   map[string][]string // by provisioner
}

func (e *explainer) load(ctx context.Context, kind string, provisioners []string) (*explainInputs, error) {
	in := &explainInputs{notes: map[string][]string{}}
	for _, name := range provisioners {
		p := e.declarations.Provisioners[name]
		if p == nil { // it was removed from Git: nothing is declared for it
			continue
		}
		past, err := e.recorder.LoadState(ctx, name)
		if err != nil {
			return nil, err
		}
		desired, err := e.states.desire(e.declarations, p, e.now)
		if err != nil {
			return nil, err
		}
		if past.Trust.Broken() {
			in.notes[name] = []string{"the audit branch is broken: " + past.Trust.Reason}
		}
		if past.Dropped != nil && !past.Trust.Broken() {
			past.Ledger = past.Ledger.WithMissing(past.Dropped)
			in.notes[name] = append(in.notes[name], "others removed entries from the ledger on the audit branch; "+
				"this explanation assumes that AWS still has their objects, in which case the next run restores them")
		}
		in.ledgers, in.desired = append(in.ledgers, past.Ledger), append(in.desired, desired)
		in.inputs = append(in.inputs, explain.Input{Kind: kind, Declarations: e.declarations, Provisioner: p,
			Desired: desired, Ledger: past.Ledger, Status: past.Status, Commit: e.commit, Now: e.now})
	}
	return in, nil
}
