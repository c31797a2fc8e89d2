package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
)

func (a *app) showCommand() *cobra.Command {
	var p place
	c := &cobra.Command{Use: "show [P] [users|groups|KEY]", Short: "List what AWS has, ours or not",
		Long: "show reads the directory of provisioner P, which may be left out when there is only one, and lists users and groups, or one of them by key, name or id.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), &p, args) }}
	p.registerC(c)
	return c
}

// shown is one object of the directory.
type shown struct {
	Kind       string            `json:"kind"`
	Key        string            `json:"key,omitempty"` // empty: not ours
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Active     string            `json:"active,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Members    []string          `json:"members,omitempty"`
	Groups     []string          `json:"groups,omitempty"`
}

func (a *app) show(ctx context.Context, p *place, args []string) error {
	w, err := a.open(ctx, p, false)
	if err != nil {
		return err
	}
	w.book.ReadOnly = true
	decls, err := w.declarations(ctx)
	if err != nil {
		return err
	}
	what := ""
	if len(args) > 0 && decls.Provisioners[args[0]] != nil {
		p.provisioner, args = args[0], args[1:]
	} else if len(args) == 2 {
		return fmt.Errorf("there is no provisioner %q; declared: %s", args[0], names(decls))
	}
	if len(args) > 0 {
		what = args[0]
	}
	pr, err := w.one(ctx)
	if err != nil {
		return err
	}
	past, err := w.book.Past(ctx, pr.Key)
	if err != nil {
		return err
	}
	dir, err := w.connect(ctx, pr, true)
	if err != nil {
		return err
	}
	observed, err := observe.Read(ctx, dir, observe.Options{Groups: true, Concurrency: pr.Rate.Concurrency, Progress: a.phase("read memberships")}, w.runner().Clock())
	if err != nil {
		return fmt.Errorf("read %s: %w", pr.Identity(), err)
	}
	return a.printShown(list(observed, past.Ledger), what)
}

// list joins users and groups with what is ours.
func list(o *reconcile.Observed, ledger *reconcile.Ledger) []shown {
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
	var out []shown
	for _, u := range o.Users {
		active, _ := u.Attributes.Get("active")
		s := shown{Kind: "user", Key: userKeys[u.ID], ID: u.ID, Name: u.UserName(), Active: active, Attributes: map[string]string{}, Groups: groupsOf[u.ID]}
		for _, at := range u.Attributes {
			s.Attributes[at.Path] = at.Value
		}
		out = append(out, s)
	}
	for _, g := range o.Groups {
		s := shown{Kind: "group", Key: groupKeys[g.ID], ID: g.ID, Name: g.DisplayName, Members: []string{}}
		for _, id := range o.Members[g.ID] {
			s.Members = append(s.Members, names[id])
		}
		out = append(out, s)
	}
	return out
}

func (a *app) printShown(all []shown, what string) error {
	var out []shown
	for _, s := range all {
		if what == "" || what == s.Kind+"s" || what == s.Key || what == s.Name || what == s.ID {
			out = append(out, s)
		}
	}
	if len(out) == 0 && what != "" && what != "users" && what != "groups" {
		return fmt.Errorf("the directory has no user or group with key, name or id %q", what)
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "objects": out})
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	section := ""
	for _, s := range out {
		if s.Kind != section {
			if section != "" {
				fmt.Fprintln(t)
			}
			section = s.Kind
			fmt.Fprintln(t, map[string]string{"user": "USER\tKEY\tACTIVE\tGROUPS\tID", "group": "GROUP\tKEY\tMEMBERS\tID"}[s.Kind])
		}
		key := s.Key
		if key == "" {
			key = "(not ours)"
		}
		if s.Kind == "user" {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", s.Name, key, s.Active, len(s.Groups), s.ID)
		} else {
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", s.Name, key, len(s.Members), s.ID)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(out) == 1 && what != "" && what != "users" && what != "groups" {
		a.printDetails(out[0])
	}
	return nil
}

func (a *app) printDetails(s shown) {
	for _, path := range sorted(s.Attributes) {
		fmt.Fprintf(a.stdout, "  %s = %q\n", path, s.Attributes[path])
	}
	for _, g := range s.Groups {
		fmt.Fprintf(a.stdout, "  in %s\n", g)
	}
	for _, m := range s.Members {
		fmt.Fprintf(a.stdout, "  member %s\n", m)
	}
}
