package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// exampleTenant is the tenant in the example's endpoint.
const exampleTenant = "demo0000000-0000-4000-8000-000000000001"

// simulation is what roster simulate is told.
type simulation struct {
	listen, manage, tenant, token, profile, file string
	perSecond                                    float64
	burst                                        int
	retryAfter, latency                          time.Duration
	options                                      []string // name=value
}

func (a *app) simulateCommand() *cobra.Command {
	var s simulation
	c := &cobra.Command{Use: "simulate", Short: "Run the simulator of IAM Identity Center's SCIM endpoint",
		Long: `simulate serves the SCIM endpoint of AWS IAM Identity Center on this machine, as strict as the real one, for any SCIM client.
It prints the endpoint and the line that sets the token, and runs until it is interrupted. See docs/simulator.md.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.simulate(cmd.Context(), s) }}
	f := c.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:8740", "address of the SCIM endpoint")
	f.StringVar(&s.manage, "manage", "127.0.0.1:8742", "address of the management listener; empty for none")
	f.StringVar(&s.tenant, "tenant", exampleTenant, "tenant id in the endpoint's path")
	f.StringVar(&s.token, "token", "", "access token (default: a random one)")
	f.StringVar(&s.profile, "profile", "aws", "aws, aws-2024 or rfc")
	f.StringVar(&s.file, "file", "", "keep the directory in this file over restarts")
	f.Float64Var(&s.perSecond, "per-second", -1, "calls a second that are let through; 0 for no limit (default: what the profile has, 20 for aws)")
	f.IntVar(&s.burst, "burst", 0, "calls at once from rest (default: one second's worth)")
	f.DurationVar(&s.retryAfter, "retry-after", 0, "Retry-After of a 429 (default: no such header)")
	f.DurationVar(&s.latency, "latency", 0, "how long each answer takes")
	f.StringArrayVar(&s.options, "set", nil, "an option by name, such as ActiveByDefault=true; may be repeated. Options: "+strings.Join(awssim.OptionNames(), ", "))
	return c
}

func (a *app) simulate(ctx context.Context, s simulation) error {
	profile, err := awssim.ParseProfile(s.profile)
	if err != nil {
		return usageError{err}
	}
	server := &awssim.Server{Profile: profile, Tenant: s.tenant}
	server.Options.Throttle = awssim.Throttle{Unlimited: s.perSecond == 0, PerSecond: max(0, s.perSecond), Burst: s.burst, RetryAfter: s.retryAfter}
	server.Options.Latency.Fixed = s.latency
	for _, option := range s.options {
		name, value, ok := strings.Cut(option, "=")
		if !ok {
			return usageError{fmt.Errorf("--set %s: want name=value", option)}
		}
		if err := server.Options.Set(name, value); err != nil {
			return usageError{err}
		}
	}
	if s.token != "" {
		server.Tokens = []awssim.Token{{Secret: s.token}}
	}
	if s.file != "" {
		if err := server.Open(s.file); err != nil {
			return err
		}
		defer server.Close()
	}
	scim, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen for SCIM: %w", err)
	}
	servers := []served{{scim, server}}
	fmt.Fprintf(a.stdout, "SCIM endpoint http://%s%s\n", scim.Addr(), server.Path())
	if s.manage != "" {
		manage, err := net.Listen("tcp", s.manage)
		if err != nil {
			return errors.Join(fmt.Errorf("listen for management: %w", err), scim.Close())
		}
		servers = append(servers, served{manage, server.Manage()})
		fmt.Fprintf(a.stdout, "management    http://%s/\n", manage.Addr())
	}
	fmt.Fprintf(a.stdout, "export ROSTER_AWS_TOKEN=%s\n", server.Token())
	return serveAll(ctx, servers)
}

type served struct {
	listener net.Listener
	handler  http.Handler
}

// serveAll serves until the context ends, then lets what is under way finish.
func serveAll(ctx context.Context, list []served) error {
	failed := make(chan error, len(list))
	var running []*http.Server
	for _, s := range list {
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
		running = append(running, server)
		go func() { failed <- server.Serve(s.listener) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, server := range running {
		if server.Shutdown(grace) != nil { // connections that were opened and never used
			err = errors.Join(err, server.Close())
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
