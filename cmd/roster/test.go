package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/probe"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

func (a *app) testCommand() *cobra.Command {
	var p place
	c := &cobra.Command{Use: "test [P]", Short: "Make one harmless SCIM call with a provisioner's credentials, and say what is wrong",
		Long: `test asks a provisioner's endpoint what it supports, which changes nothing, and says what the answer means: a wrong host, path or
tenant, a token that expired or was revoked, a missing permission, trouble with TLS or the clock, and what to do.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				p.provisioner = args[0]
			}
			return a.test(cmd.Context(), &p)
		}}
	p.registerC(c)
	return c
}

func (a *app) test(ctx context.Context, p *place) error {
	w, err := a.open(ctx, p, false)
	if err != nil {
		return err
	}
	pr, err := w.one(ctx)
	if err != nil {
		return err
	}
	known, err := w.known(ctx, pr)
	if err != nil {
		return err
	}
	client, err := w.client(ctx, pr, true)
	if err != nil {
		return err
	}
	clock := &probe.Clock{Next: client.HTTP.Transport}
	client.HTTP.Transport = clock
	config, err := client.ServiceProviderConfig(ctx)
	known.Date, known.At = clock.Last()
	found := probe.Diagnose(err, known, time.Now())
	if a.format == "json" {
		return a.testJSON(pr, config, found, err)
	}
	if err != nil {
		return fmt.Errorf("%s at %s: %s: %w\n%s", pr.Key, pr.Identity(), found.Cause, err, found.Advice)
	}
	fmt.Fprintf(a.stdout, "%s: %s answers and accepts the token\n", pr.Key, pr.Identity())
	if found.Advice != "" {
		fmt.Fprintf(a.stderr, "%s\n", found.Advice)
	}
	return nil
}

func (a *app) testJSON(pr *schema.Provisioner, config *scim.ServiceProviderConfig, found probe.Finding, failed error) error {
	out := map[string]any{"version": 1, "provisioner": pr.Key, "identity": pr.Identity(), "ok": failed == nil, "finding": found}
	if failed != nil {
		out["error"] = failed.Error()
	} else {
		out["maxResults"] = config.MaxResults
	}
	if err := a.json(out); err != nil {
		return err
	}
	if failed != nil {
		return exit(exitError)
	}
	return nil
}

// known gathers what helps to tell one refusal from another: what is declared, and what earlier runs saw.
func (w *workspace) known(ctx context.Context, p *schema.Provisioner) (probe.Known, error) {
	k := probe.Known{Endpoint: p.Endpoint, Identity: p.Identity(), OAuth: p.Auth.OAuth2 != nil}
	if p.TokenExpires != nil {
		k.Expires = p.TokenExpires.End
	}
	w.book.ReadOnly = true
	past, err := w.book.Past(ctx, p.Key)
	if err != nil {
		return k, fmt.Errorf("read what earlier runs left: %w", err)
	}
	if s := past.Status; s != nil {
		k.Before = s.Identity
		if s.LastApplied != nil && s.AuthFingerprint == reconcile.AuthFingerprint(p) {
			k.Worked = s.LastApplied.Time
		}
	}
	return k, nil
}
