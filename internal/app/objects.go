package app

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// Object is a user or group of a directory.
type Object struct {
	Kind       string            `json:"kind"`
	Key        string            `json:"key,omitempty"` // "": not managed by roster
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Active     string            `json:"active,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Members    []string          `json:"members,omitempty"`
	Groups     []string          `json:"groups,omitempty"`
	// Contradicted says why the entry of the ledger does not make the object managed; empty if it
	// does.
	Contradicted string `json:"contradicted,omitempty"`
}

// Objects reads all users and groups of a provisioner's directory. args are the arguments of the
// command: the provisioner, if there are several, and what to show. It returns the latter.
func (w *Workspace) Objects(ctx context.Context, args []string) (objects []Object, filter string, err error) {
	w.recorder.ReadOnly = true
	decls, err := w.Declarations(ctx)
	if err != nil {
		return nil, "", err
	}
	provisioner := ""
	if len(args) > 0 && decls.Provisioners[args[0]] != nil {
		provisioner, args = args[0], args[1:]
	} else if len(args) == 2 {
		return nil, "", unknownProvisioner(args[0], decls)
	}
	if len(args) > 0 {
		filter = args[0]
	}
	p, err := w.selectProvisioner(ctx, provisioner)
	if err != nil {
		return nil, "", err
	}
	past, err := w.recorder.LoadState(ctx, p.Key)
	if err != nil {
		return nil, "", err
	}
	dir, err := w.directories.Open(ctx, p, true)
	if err != nil {
		return nil, "", err
	}
	advised := func(err error) error { return reconcile.WithAdvice(err, w.settings.advice(p, past.Status, err)) }
	if past, _, err = run.RestoreDropped(ctx, past, dir); err != nil {
		return nil, "", advised(err)
	}
	options := observe.Options{Groups: true, Concurrency: p.Rate.Concurrency, Progress: w.readProgress()}
	observed, err := observe.Read(ctx, dir, options, w.runner().Clock())
	if err != nil {
		return nil, "", advised(fmt.Errorf("read %s: %w", p.Identity(), err))
	}
	objects = joinObjects(observed, past.Ledger)
	desired, err := reconcile.Desire(decls, p, w.runner().Clock())
	if err != nil { // the mapping fails: earlier keys are not known
		desired = reconcile.DesiredOfRemoved(p)
	}
	markContradicted(objects, reconcile.Contradictions(reconcile.PlanInput{
		Provisioner: p, Desired: desired, Observed: observed, Ledger: past.Ledger, Unproved: past.Unproved,
		Evidence: reconcile.Evidence{Assumed: true},
	}))
	return objects, filter, nil
}

func (w *Workspace) readProgress() func(done, total int) {
	progress := w.settings.Progress
	if progress == nil {
		return nil
	}
	return func(done, total int) { progress("read memberships", done, total) }
}

// markContradicted marks the objects whose entries in the ledger are contradicted.
func markContradicted(objects []Object, contradictions map[string]reconcile.Contradiction) {
	byID := make(map[string]string, len(contradictions))
	for _, c := range contradictions {
		byID[c.Kind+" "+c.ID] = c.Reason
	}
	for i := range objects {
		objects[i].Contradicted = byID[objects[i].Kind+" "+objects[i].ID]
	}
}

// joinObjects adds the keys of the ledger to the users and groups of a directory.
func joinObjects(o *reconcile.Observed, ledger *reconcile.Ledger) []Object {
	userKeys, groupKeys := map[string]string{}, map[string]string{}
	for key, owned := range ledger.Users {
		userKeys[owned.ID] = key
	}
	for key, owned := range ledger.Groups {
		groupKeys[owned.ID] = key
	}
	names, groupsOf := map[string]string{}, map[string][]string{}
	for _, u := range o.Users {
		names[u.ID] = u.UserName()
	}
	for _, g := range o.Groups {
		for _, id := range o.Members[g.ID] {
			groupsOf[id] = append(groupsOf[id], g.DisplayName)
		}
	}
	var out []Object
	for _, u := range o.Users {
		active, _ := u.Attributes.Get("active")
		object := Object{Kind: "user", Key: userKeys[u.ID], ID: u.ID, Name: u.UserName(), Active: active,
			Attributes: map[string]string{}, Groups: groupsOf[u.ID]}
		for _, a := range u.Attributes {
			object.Attributes[a.Path] = a.Value
		}
		out = append(out, object)
	}
	for _, g := range o.Groups {
		object := Object{Kind: "group", Key: groupKeys[g.ID], ID: g.ID, Name: g.DisplayName, Members: []string{}}
		for _, id := range o.Members[g.ID] {
			object.Members = append(object.Members, names[id])
		}
		out = append(out, object)
	}
	return out
}
