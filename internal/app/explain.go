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
	"github.com/seed-d64a251c/roster/internal/explainindex"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/notexist"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/observe"
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
	indexes := w.explainIndexes()
	defer indexes.close()
	explanations, err := w.explainIndexed(ctx, indexes, request)
	if errors.Is(err, errNotIndexed) {
		explanations, err = w.explainAll(ctx, indexes, request)
	}
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

// explainAll explains a user or group from all declarations, and stores their index unless it is
// there.
func (w *Workspace) explainAll(
	ctx context.Context, indexes *explainIndexes, request ExplainRequest,
) ([]*explain.Explanation, error) {
	keys, err := w.selectProvisioners(ctx, request.Provisioner)
	if err != nil {
		return nil, err
	}
	e := explainer{source: w.source, recorder: w.recorder, declarations: w.declarations, commit: w.commit,
		now: w.settings.now(), indexes: indexes}
	if w.dirty {
		e.folder = w.config.folder()
	} else if !indexes.usable {
		indexes.store(w.commit.ID, w.declarations)
	}
	return e.explain(ctx, request, keys)
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
			return nil, notexist.Errorf("no commit is valid yet")
		}
		decls, err := w.source.Declarations(ctx, valid.ID)
		if err != nil {
			return nil, err
		}
		keys := slices.Sorted(maps.Keys(decls.Provisioners))
		if provisioner != "" {
			if decls.Provisioners[provisioner] == nil {
				return nil, notexist.Errorf("%w", unknownProvisioner(provisioner, decls))
			}
			keys = []string{provisioner}
		}
		e := explainer{source: w.source, recorder: w.recorder.Reader(), declarations: decls, commit: valid,
			now: d.Runner.Clock(), cache: d.Runner.Cache, states: &cached.states}
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
	cache        observe.Cache // of AWS; nil: there is none
	states       *desiredCache // nil: there is none
	// index is that of the commit; nil if declarations has everything. With an index, declarations
	// has no users and no memberships.
	index   *explainindex.Index
	indexes *explainIndexes // of other commits; nil: there are none
	lines   *lineCommits    // nil: they are found for this explanation only
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

// searchedReports is the number of reports that are searched for the user or group, and
// searchedChanges the number of changes that are compared with a name that nothing declared has.
const (
	searchedReports = 200
	searchedChanges = 100_000
)

func (e *explainer) explain(
	ctx context.Context, request ExplainRequest, provisioners []string,
) ([]*explain.Explanation, error) {
	in, err := e.load(ctx, provisioners)
	if err != nil {
		return nil, err
	}
	subject, err := e.find(ctx, request, in)
	if err != nil {
		return nil, err
	}
	commits := e.lines
	if commits == nil {
		commits = newLineCommits(e)
	}
	var out []*explain.Explanation
	for _, known := range in {
		input, notes, err := e.inputOf(ctx, subject, known)
		if err != nil {
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

// provisionerState is what is known about a provisioner, whatever is asked.
type provisionerState struct {
	provisioner *schema.Provisioner
	ledger      *reconcile.Ledger
	status      *reconcile.Status
	notes       []string
	cached      *observe.CachedDirectory // nil: there is none that counts
	notCached   string                   // why there is none
}

func (e *explainer) load(ctx context.Context, provisioners []string) ([]*provisionerState, error) {
	var out []*provisionerState
	for _, name := range provisioners {
		p := e.declarations.Provisioners[name]
		if p == nil { // it was removed from Git: nothing is declared for it
			continue
		}
		past, err := e.recorder.LoadState(ctx, name)
		if err != nil {
			return nil, err
		}
		state := &provisionerState{provisioner: p}
		if past.Trust.Broken() {
			state.notes = []string{"the audit branch is broken: " + past.Trust.Reason}
		}
		if past.Dropped != nil && !past.Trust.Broken() {
			past.Ledger = past.Ledger.WithMissing(past.Dropped)
			state.notes = append(state.notes, "others removed entries from the ledger on the audit branch; "+
				"this explanation assumes that AWS still has their objects, in which case the next run restores them")
		}
		state.ledger, state.status = past.Ledger, past.Status
		state.cached, state.notCached = e.cachedView(p, past)
		out = append(out, state)
	}
	return out, nil
}

// cachedView returns the cached view of AWS; nil if it does not count, with the reason and what a
// new one costs.
func (e *explainer) cachedView(p *schema.Provisioner, past *reconcile.AuditState) (*observe.CachedDirectory, string) {
	view, reason := observe.LoadCached(e.cache, p, past)
	switch {
	case reason == "" && view != nil && !view.IsComplete():
		reason = "no run has read everything yet"
	case reason == "":
		return view, ""
	}
	calls := ""
	if known := e.cache.Load(p.Key); known != nil && known.Check() == nil {
		calls = fmt.Sprintf("; the next run reads everything, with about %s", schema.Count(known.FullReadCalls(),
			"call"))
	} else if past.Ledger != nil {
		calls = fmt.Sprintf("; the next run reads everything, with about %s",
			schema.Count(observe.FullReadCalls(len(past.Ledger.Users), len(past.Ledger.Groups)), "call"))
	}
	return nil, reason + calls
}

// explainSubject is the user or group that was asked about.
type explainSubject struct {
	kind, key, group string
	former           *explain.Former // nil: it is declared, or its last declaration was not found
	note             string          // how far the search for it went
}

// find returns the user or group that a request names: one that is declared, in a ledger, in a
// cached view, or else one that was declared or reported earlier.
func (e *explainer) find(
	ctx context.Context, request ExplainRequest, in []*provisionerState,
) (s explainSubject, err error) {
	s.kind = request.Kind
	if request.Group != "" {
		if s.group, err = explain.Find("group", request.Group, e.declarations, nil, nil); err != nil {
			return s, err
		}
	}
	var ledgers []*reconcile.Ledger
	for _, known := range in {
		ledgers = append(ledgers, known.ledger)
	}
	if e.index != nil {
		if s.key, err = e.findIndexed(request.Name, ledgers, in); errors.Is(err, errLooseName) {
			err = e.checkFormer(ctx, request, s.key)
		}
		return s, err
	}
	s.key, err = explain.Find(s.kind, request.Name, e.declarations, ledgers, nil)
	if errors.Is(err, fs.ErrNotExist) {
		s.key, err = e.findMapped(request, ledgers, in, err)
	}
	declared := err == nil && explain.CurrentKey(s.kind, s.key, e.declarations) == s.key
	switch {
	case declared && explain.IsLooseName(s.kind, request.Name, s.key, e.declarations):
		return s, e.checkFormer(ctx, request, s.key)
	case declared:
		return s, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	return e.findFormer(ctx, request, in, s, err)
}

// checkFormer returns the error that a name is also that of others who are no longer declared.
func (e *explainer) checkFormer(ctx context.Context, request ExplainRequest, declared string) error {
	search := newFormerSearch(e.source, e.declarations, request.Kind, request.Name)
	if e.index != nil {
		search.now = nil // the declarations have no users
	}
	found, err := e.searchHistory(ctx, search)
	if err != nil {
		return err
	}
	if search.needsNow {
		return errNotIndexed
	}
	keys := []string{declared}
	for _, f := range found {
		current, err := e.currentKey(request.Kind, f.key)
		if err != nil {
			return err
		}
		if current == "" {
			keys = append(keys, f.key)
		}
	}
	if len(keys) == 1 {
		return nil
	}
	slices.Sort(keys)
	return explain.Ambiguous(request.Name, keys)
}

// searchHistory returns what a search finds. A repository without all objects has what was found
// before the first missing one.
func (e *explainer) searchHistory(ctx context.Context, search *formerSearch) ([]formerlyNamed, error) {
	found, err := search.find(ctx, e.commit.ID)
	var missing *gitrepo.MissingObjectError
	if err != nil && !errors.As(err, &missing) {
		return nil, err
	}
	return found, nil
}

// indexDamaged makes explainAll write the index again, and returns the error that makes it run.
func (e *explainer) indexDamaged() error {
	e.indexes.usable = false
	return errNotIndexed
}

// currentKey returns what explain.CurrentKey returns.
func (e *explainer) currentKey(kind, key string) (string, error) {
	if e.index == nil {
		return explain.CurrentKey(kind, key, e.declarations), nil
	}
	named, err := e.index.Named(key)
	if err != nil {
		return "", e.indexDamaged()
	}
	return explain.CurrentKey(kind, key, named), nil
}

// errLooseName means that a name of findIndexed may also be that of others who are no longer
// declared.
var errLooseName = errors.New("the name is in another case or form of Unicode")

// findIndexed finds a declared user in the index. The error is errNotIndexed if only all
// declarations can tell what the name means.
func (e *explainer) findIndexed(
	name string, ledgers []*reconcile.Ledger, in []*provisionerState,
) (string, error) {
	names := []string{name}
	for _, l := range ledgers {
		for key, owned := range l.Users {
			if owned.ID == name {
				names = append(names, key)
			}
		}
	}
	named, err := e.index.Named(names...)
	if err != nil {
		return "", e.indexDamaged()
	}
	key, err := explain.Find("user", name, named, ledgers, nil)
	if errors.Is(err, fs.ErrNotExist) && len(named.Users) > 0 {
		key, err = e.findMappedIndexed(name, named, ledgers, in)
	}
	switch {
	case errors.Is(err, explain.ErrAmbiguous):
		return "", err
	case err != nil || named.Users[key] == nil:
		return "", errNotIndexed
	case explain.IsLooseName("user", name, key, named):
		return key, errLooseName
	}
	return key, nil
}

// findMappedIndexed finds a user by the userName that a mapping gives, among those who may have it.
func (e *explainer) findMappedIndexed(
	name string, named *schema.Declarations, ledgers []*reconcile.Ledger, in []*provisionerState,
) (string, error) {
	var desired []*reconcile.Desired
	for _, known := range in {
		users := map[string]*reconcile.DesiredUser{}
		for key := range named.Users {
			declared, err := e.index.Declared(key, e.commit, e.now)
			if err != nil {
				return "", e.indexDamaged()
			}
			if userName := declared.UserNameIn(known.provisioner); userName != "" {
				users[key] = &reconcile.DesiredUser{Attributes: schema.Attributes{{Path: "userName", Value: userName}}}
			}
		}
		desired = append(desired, &reconcile.Desired{Users: users})
	}
	return explain.Find("user", name, named, ledgers, desired)
}

// findMapped finds a user by the userName that a mapping gives, and an object by what a cached view
// of AWS has. It computes what all users are mapped to. unknown is the error if nothing is found.
func (e *explainer) findMapped(
	request ExplainRequest, ledgers []*reconcile.Ledger, in []*provisionerState, unknown error,
) (string, error) {
	for _, known := range in {
		if key := cachedKey(known.cached, known.ledger, request.Kind, request.Name); key != "" {
			return key, nil
		}
	}
	if request.Kind == "group" {
		return "", unknown
	}
	var desired []*reconcile.Desired
	for _, known := range in {
		d, err := e.states.desire(e.declarations, known.provisioner, e.now)
		if err != nil {
			return "", err
		}
		desired = append(desired, d)
	}
	return explain.Find(request.Kind, request.Name, e.declarations, ledgers, desired)
}

// findFormer finds what was declared earlier, in the history of Git, and what a report names.
// unknown is the error of the search among what is declared now; nil if that search found the key
// of an object that is not declared.
func (e *explainer) findFormer(
	ctx context.Context, request ExplainRequest, in []*provisionerState, s explainSubject, unknown error,
) (explainSubject, error) {
	if unknown == nil {
		err := e.addFormer(ctx, &s)
		return s, err
	}
	search := newFormerSearch(e.source, e.declarations, s.kind, request.Name)
	found, err := e.searchHistory(ctx, search)
	if err != nil {
		return s, err
	}
	if len(found) == 0 || !search.complete && found[0].key != request.Name {
		reported, err := e.reportedKeys(ctx, request, in)
		if err != nil {
			return s, err
		}
		for _, key := range reported {
			found = append(found, formerlyNamed{key: key})
		}
	}
	var keys []string
	for i := range found {
		if key := explain.CurrentKey(s.kind, found[i].key, e.declarations); key != "" {
			found[i].key, found[i].former = key, nil
		}
		keys = append(keys, found[i].key)
	}
	slices.Sort(keys)
	switch keys = slices.Compact(keys); len(keys) {
	case 0:
		return s, notexist.Errorf("%w; %s", unknown, search.extent())
	case 1:
		err := e.chooseFormer(ctx, &s, request.Name, found[0])
		return s, err
	}
	return s, explain.Ambiguous(request.Name, keys)
}

// chooseFormer makes what a name named earlier the subject.
func (e *explainer) chooseFormer(ctx context.Context, s *explainSubject, name string, f formerlyNamed) error {
	s.key, s.former = f.key, f.former
	switch {
	case s.former != nil:
		return nil
	case explain.CurrentKey(s.kind, s.key, e.declarations) == "":
		return e.addFormer(ctx, s)
	case f.until.ID == "":
		s.note = fmt.Sprintf("%q is a name of %s %q in an earlier report, not in the declarations", name, s.kind, s.key)
	default:
		s.note = fmt.Sprintf("%q was a name of %s %q until commit %s of %s", name, s.kind, s.key, f.until.Short(),
			f.until.Time.Format(time.DateOnly))
	}
	return nil
}

// addFormer adds the last declaration of a key that is not declared, or a note.
func (e *explainer) addFormer(ctx context.Context, s *explainSubject) (err error) {
	search := newFormerSearch(e.source, e.declarations, s.kind, s.key)
	s.former, err = search.findKey(ctx, e.commit.ID)
	var missing *gitrepo.MissingObjectError
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	if s.former == nil {
		s.note = "the last declaration was not found: " + search.extent()
	}
	return nil
}

// reportedKeys returns the keys of all that reports know under the name of a request.
func (e *explainer) reportedKeys(
	ctx context.Context, request ExplainRequest, in []*provisionerState,
) (keys []string, err error) {
	for _, known := range in {
		found, err := e.recorder.FindReportedKeys(ctx, known.provisioner.Key, searchedReports, searchedChanges,
			audit.ReportedName{Kind: request.Kind, Text: request.Name, Same: schema.SameName(request.Name)})
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// inputOf returns what an explanation for a provisioner is made from, and its notes.
func (e *explainer) inputOf(
	ctx context.Context, s explainSubject, known *provisionerState,
) (in explain.Input, notes []string, err error) {
	notes = slices.Clone(known.notes)
	in = explain.Input{Kind: s.kind, Key: s.key, Group: s.group, Provisioner: known.provisioner, Now: e.now,
		Ledger: known.ledger, Status: known.status, Former: s.former, NotCached: known.notCached}
	if in.Declared, err = e.declaredAt(e.declarations, e.commit, e.now, s, known.provisioner); err != nil {
		return in, nil, err
	}
	in.Cached = cachedObject(known.cached, known.ledger, s.kind, in.Declared.Keys(s.key),
		in.Declared.NameInAWS(known.provisioner.Key))
	ref := reconcile.UserRef(s.key)
	if s.kind == "group" {
		ref = reconcile.GroupRef(s.key)
	}
	history, err := e.recorder.ObjectHistory(ctx, known.provisioner.Key, searchedReports, ref, explain.IsComplete)
	if errors.Is(err, audit.ErrBrokenChain) {
		notes = append(notes, err.Error())
	} else if err != nil {
		return in, nil, err
	}
	for _, r := range history.Recent {
		in.Recent = append(in.Recent, explain.RunReport(r))
	}
	if history.Earlier != nil {
		in.Earlier = &explain.RunReport{Report: history.Earlier.Report, Path: history.Earlier.Path}
	}
	if s.note != "" {
		notes = append(notes, s.note)
	}
	var missed string
	if in.AtRun, missed = e.declaredAtRun(ctx, s, in); missed != "" {
		notes = append(notes, missed)
	}
	return in, notes, nil
}

// declaredAt returns what declarations say about the subject.
func (e *explainer) declaredAt(
	d *schema.Declarations, commit reconcile.CommitRef, at time.Time, s explainSubject, p *schema.Provisioner,
) (*explain.Declared, error) {
	if e.index != nil {
		declared, err := e.index.Declared(s.key, commit, at)
		if err != nil {
			return nil, e.indexDamaged()
		}
		return declared, nil
	}
	org := explain.OrganizationOf(d)
	if s.kind == "user" {
		return explain.DeclaredUser(d, org, s.key, commit, at), nil
	}
	desired, err := e.states.desire(d, p, at)
	if err != nil {
		return nil, err
	}
	return explain.DeclaredGroup(d, org, desired.Membership, s.key, commit, at), nil
}

// declaredAtRun returns what was declared at the newest complete report; nil if there is none, or
// with the reason if its commit cannot be read.
func (e *explainer) declaredAtRun(
	ctx context.Context, s explainSubject, in explain.Input,
) (_ *explain.Declared, missed string) {
	n := len(in.Recent)
	if n == 0 || !explain.IsComplete(in.Recent[n-1].Report) {
		return nil, ""
	}
	r := in.Recent[n-1].Report
	if d := e.indexedAt(s, r); d != nil {
		return d, ""
	}
	if s.kind == "user" && r.Commit.ID == e.commit.ID && e.folder == "" && e.index == nil {
		return in.Declared.AsOf(e.declarations, r.Commit, r.Started), ""
	}
	decls := e.declarations
	if r.Commit.ID != e.commit.ID || e.folder != "" || e.index != nil {
		var err error
		if decls, err = e.source.Declarations(ctx, r.Commit.ID); err != nil {
			return nil, fmt.Sprintf("what the last run compared AWS with is not known, because its commit cannot be "+
				"read: %v", err)
		}
		if e.indexes != nil {
			e.indexes.store(r.Commit.ID, decls)
		}
	}
	if s.kind == "group" {
		return &explain.Declared{Commit: r.Commit, At: r.Started, Organization: explain.OrganizationOf(decls),
			Group: groupOf(decls, s.key)}, ""
	}
	return explain.DeclaredUser(decls, explain.OrganizationOf(decls), s.key, r.Commit, r.Started), ""
}

// indexedAt returns what an index says about a user at the start of a run; nil if there is none.
func (e *explainer) indexedAt(s explainSubject, r *reconcile.Report) *explain.Declared {
	if s.kind != "user" {
		return nil
	}
	index := e.index
	if r.Commit.ID != e.commit.ID {
		index = e.indexes.load(r.Commit.ID)
	}
	if index == nil {
		return nil
	}
	declared, err := index.Declared(s.key, r.Commit, r.Started)
	if err != nil {
		return nil
	}
	return declared
}

// groupOf returns the declaration of a group, without its effective members; nil if there is none.
func groupOf(d *schema.Declarations, key string) *explain.GroupFacts {
	if g := d.Groups[key]; g != nil {
		return &explain.GroupFacts{Group: g}
	}
	return nil
}
