package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/scim"
)

func (a *app) testCommand() *cobra.Command {
	var p place
	c := &cobra.Command{Use: "test [P]", Short: "Make one harmless SCIM call with a provisioner's credentials",
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
	client, err := w.client(ctx, pr, true)
	if err != nil {
		return err
	}
	config, err := client.ServiceProviderConfig(ctx)
	if err != nil {
		return fmt.Errorf("%s at %s: %w%s", pr.Key, pr.Identity(), err, remedy(err))
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "provisioner": pr.Key, "identity": pr.Identity(), "ok": true, "maxResults": config.MaxResults})
	}
	fmt.Fprintf(a.stdout, "%s: %s answers and accepts the token\n", pr.Key, pr.Identity())
	return nil
}

// remedy says what to do about a call that failed.
func remedy(err error) string {
	var e *scim.Error
	switch {
	case scim.IsUnauthorized(err):
		return "\nThe token is wrong, expired or revoked, or the tenant id in the endpoint is wrong: compare both with IAM Identity Center, Settings, Automatic provisioning."
	case scim.IsForbidden(err):
		return "\nThe token is known but may not do this: make a new one in IAM Identity Center, Settings, Automatic provisioning."
	case scim.Status(err) == 404:
		return "\nThe host answers, but not at this path: the endpoint ends in /<tenant>/scim/v2."
	case errors.As(err, &e) && e.Status == 0:
		return "\nNobody answers there: check the endpoint's host, the network and the proxy."
	}
	return ""
}
