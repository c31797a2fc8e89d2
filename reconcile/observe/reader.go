package observe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Reader reads the directory of one provisioner for one run.
type Reader struct {
	Directory   reconcile.Directory
	Provisioner *schema.Provisioner
	// Cached is what earlier runs know of the directory; nil: everything is read.
	Cached *CachedDirectory
	// NotCached is why Cached is nil, for the report; empty if there is nothing to say.
	NotCached string
	// Replaced is the view of the run that this run replaces, because there was a newer commit.
	// That run has written nothing. Nil if there is none.
	Replaced *View
	Started  time.Time // of the run; everything that it reads counts as read at this time
	Trigger  string    // of the run
	// Evidence, if set, returns the provenances of objects whose ledger entries are not proved, by
	// id. It is called only for objects that the plan changes.
	Evidence func(ctx context.Context, ids []string) (map[string][]reconcile.Provenance, error)
	// Causes, if set, finds the causes of the changes of a plan with its input. It is called if the
	// plan holds changes whose cause is not known.
	Causes func(ctx context.Context, p *reconcile.Plan, in reconcile.PlanInput) (reconcile.KnownCauses, error)
	// Basis is what an earlier plan of the provisioner left; nil: the plan is made from all of its
	// input.
	Basis *reconcile.Basis
	// Verify compares each plan from a basis with the plan from all of its input, and not only
	// after a complete read.
	Verify bool
	// Compared, if set, is called with the difference of two such plans; "" if they are the same.
	Compared func(difference string)
	// Interrupted are the runs whose work the run continues, the oldest first.
	Interrupted []reconcile.InterruptedInput
	// Progress, if set, is called during the reads of each phase.
	Progress func(phase string, done, total int)
}

func (r *Reader) progress(phase string) func(done, total int) {
	if r.Progress == nil {
		return nil
	}
	return func(done, total int) { r.Progress(phase, done, total) }
}

// ReadMembers returns the cached directory, and reads the members of those groups that the cache
// does not have. Without a reliable cache it reads everything.
func (r *Reader) ReadMembers(ctx context.Context) (*reconcile.Observed, error) {
	p, cached := r.Provisioner, r.Cached
	options := Options{Groups: p.PushGroups, Concurrency: p.Rate.Concurrency}
	if cached == nil || !cached.IsComplete() || len(cached.Unverified) > 0 ||
		p.PushGroups && cached.GroupsReadAt.IsZero() {
		return Read(ctx, r.Directory, options, r.Started)
	}
	o := *cached.Observed
	o.ReadAt, o.Members = cached.oldestRead(), maps.Clone(o.Members)
	var unread []string
	for _, g := range o.Groups {
		if _, read := o.Members[g.ID]; !read {
			unread = append(unread, g.ID)
		}
	}
	read := func(ctx context.Context, id string) ([]string, error) { return collect(r.Directory.Members(ctx, id)) }
	err := readEach(ctx, unread, options, read, func(id string, members []string) {
		slices.Sort(members)
		o.Members[id] = members
	})
	return &o, err
}

// options returns what a run has to read: the members of managed groups and of groups that it may
// adopt. It does not read the members of other groups.
func (r *Reader) options(desired *reconcile.Desired, ledger *reconcile.Ledger) Options {
	managed := make(map[string]bool, len(ledger.Groups))
	for _, owned := range ledger.Groups {
		managed[owned.ID] = true
	}
	var sizes map[string]int // of desired groups, by folded name and by externalId
	size := func(g reconcile.RemoteGroup) (int, bool) {
		if sizes == nil {
			sizes = sizesOf(desired)
		}
		if n, ok := sizes["name/"+reconcile.FoldName(g.DisplayName)]; ok {
			return n, true
		}
		n, ok := sizes["key/"+g.ExternalID]
		return n, ok
	}
	isDesired := func(g reconcile.RemoteGroup) bool { _, desired := size(g); return desired }
	return Options{
		Groups: r.Provisioner.PushGroups, Concurrency: r.Provisioner.Rate.Concurrency,
		EstimatedUsers: min(len(desired.Users), len(ledger.Users)), Progress: r.progress("read memberships"),
		SelectMembers:    func(g reconcile.RemoteGroup) bool { return managed[g.ID] || isDesired(g) },
		EstimatedMembers: func(g reconcile.RemoteGroup) int { n, _ := size(g); return n },
	}
}

// sizesOf returns the number of members of each desired group, by its folded name and by its key.
func sizesOf(desired *reconcile.Desired) map[string]int {
	sizes := make(map[string]int, 2*len(desired.Groups))
	for key, g := range desired.Groups {
		sizes["name/"+reconcile.FoldName(g.DisplayName)], sizes["key/"+key] = len(g.Members), len(g.Members)
	}
	return sizes
}

// refresh returns a view of the directory: all of it read in this run, the cached directory with a
// part of it read again, or what the run that this one replaces has read. With an error it returns
// the view as well: what was read until then is right.
func (r *Reader) refresh(ctx context.Context, options Options) (*View, error) {
	v, plan := r.startingView(options)
	if plan.full {
		if err := r.fullRead(ctx, v, options); err != nil {
			return v, err
		}
		if r.Cached == nil && r.NotCached != "" {
			_, calls := v.parts(r.Provisioner, slices.Collect(maps.Keys(v.Observed.Members)))
			v.fullReason = &reconcile.FullRead{Reason: r.NotCached, Calls: calls}
		}
	}
	if plan.users {
		if err := r.listUsers(ctx, v); err != nil {
			return v, err
		}
	}
	if plan.groups {
		if err := r.listGroups(ctx, v); err != nil {
			return v, err
		}
	}
	required := requiredLookups{lookups: v.Unverified}
	if r.Provisioner.PushGroups {
		for _, id := range v.selectedGroups(options) {
			if _, read := v.Observed.Members[id]; !read || slices.Contains(plan.members, id) {
				required.add(v, lookup{lookupMembers, id})
			}
		}
	}
	if err := r.lookUp(ctx, v, required); err != nil {
		return v, err
	}
	v.Unverified = nil
	return v, nil
}

// startingView returns what is known of the directory before the run, and what the run reads again.
func (r *Reader) startingView(options Options) (*View, refreshPlan) {
	if r.Replaced != nil && r.Trigger != "command" {
		v := r.Replaced.continued(r.Started)
		return v, refreshPlan{groups: r.Provisioner.PushGroups && v.GroupsReadAt.IsZero()}
	}
	if r.Cached == nil || r.Trigger == "command" {
		return newView(emptyCache(r.Provisioner.Identity())), refreshPlan{full: true}
	}
	v := newView(r.Cached.copy(r.Started))
	if !v.IsComplete() {
		return v, refreshPlan{full: true}
	}
	plan := planRefresh(v.CachedDirectory, r.Provisioner, v.selectedGroups(options), r.Trigger == "schedule", r.Started)
	if r.Provisioner.PushGroups && v.GroupsReadAt.IsZero() {
		plan.groups = true
	}
	if plan.full {
		plan = refreshPlan{full: true}
	}
	return v, plan
}

// fullRead reads everything into a view. It completes the full read of an earlier run, unless that
// run began longer ago than the drift bound. It looks up what earlier runs left unverified and the
// directory did not list: a listing may be older than a lookup.
func (r *Reader) fullRead(ctx context.Context, v *View, options Options) error {
	unverified := slices.Clone(v.Unverified)
	if r.Cached != nil {
		unverified = append(unverified, r.Cached.Unverified...)
	}
	if r.Started.Sub(v.FullReadSince) > r.Provisioner.DriftBound {
		v.FullReadSince, v.GroupsOf = time.Time{}, nil
	}
	if err := readAll(ctx, r.Directory, v, options, r.Started); err != nil {
		return err
	}
	slices.SortFunc(unverified, lookup.compare)
	return r.lookUpUnlisted(ctx, v, slices.Compact(unverified), options)
}

// lookUpUnlisted makes the lookups of objects by id that a full read did not list, and reads the
// members of the groups that it finds.
func (r *Reader) lookUpUnlisted(ctx context.Context, v *View, unverified []lookup, options Options) error {
	for _, l := range unverified {
		ofGroup := l.Kind == lookupGroup && options.Groups
		if l.Kind != lookupUser && !ofGroup || v.user(l.Value) != nil || v.group(l.Value) != nil {
			continue
		}
		lookups := []lookup{l}
		if ofGroup {
			lookups = append(lookups, lookup{lookupMembers, l.Value})
		}
		for i, next := range lookups {
			if i > 0 && v.group(l.Value) == nil {
				break
			}
			record, err := r.lookUpOne(ctx, v, next)
			if err != nil {
				return err
			}
			record()
		}
	}
	return nil
}

func (r *Reader) listUsers(ctx context.Context, v *View) error {
	users, err := collect(r.Directory.Users(ctx))
	if err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	v.putUsers(users, r.Started)
	return nil
}

func (r *Reader) listGroups(ctx context.Context, v *View) error {
	groups, err := collect(r.Directory.Groups(ctx))
	if err != nil {
		return fmt.Errorf("list groups: %w", err)
	}
	v.putGroups(groups, r.Started)
	return nil
}
