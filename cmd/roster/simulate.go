package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) simulateCommand() *cobra.Command {
	var config app.SimulatorConfig
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run the simulator of IAM Identity Center's SCIM endpoint",
		Long: `simulate serves the SCIM endpoint of AWS IAM Identity Center on this machine, for any SCIM client.
It is as strict as the real endpoint. It prints the endpoint and the line that sets the token, and
runs until it is interrupted. See docs/simulator.md.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.Simulate(cmd.Context(), config, c.printSimulator)
		},
	}
	f := cmd.Flags()
	f.StringVar(&config.Listen, "listen", "127.0.0.1:8740", "address of the SCIM endpoint")
	f.StringVar(&config.Manage, "manage", "127.0.0.1:8742", "address of the management listener; empty for none")
	f.StringSliceVar(&config.HostNames, "host-name", nil, "names that requests may be sent to, in addition to "+
		"loopback names and the addresses in --listen and --manage")
	f.StringVar(&config.Tenant, "tenant", app.ExampleTenant, "tenant ID in the path of the endpoint")
	f.StringVar(&config.Token, "token", "", "access token (default: a random one)")
	f.StringVar(&config.Profile, "profile", "aws", "behavior of the endpoint: aws, aws-2024 or rfc")
	f.StringVar(&config.File, "file", "", "file that keeps the directory across restarts")
	f.Float64Var(&config.PerSecond, "per-second", -1,
		"maximum requests per second; 0 for no limit (default: that of the profile, 20 for aws)")
	f.IntVar(&config.Burst, "burst", 0, "maximum requests at once (default: those of one second)")
	f.DurationVar(&config.RetryAfter, "retry-after", 0, "Retry-After of a 429 response (default: no such header)")
	f.DurationVar(&config.Latency, "latency", 0, "duration of each request")
	f.BoolVar(&config.Denied, "denied", false,
		"start with the fault denied: 403 for every caller; the management API removes it")
	f.StringArrayVar(&config.AllowFrom, "allow-from", nil,
		"IP address or prefix that may call, such as 10.0.0.0/8; all others get 403; may be repeated")
	f.StringArrayVar(&config.Options, "set", nil,
		"option as name=value, such as ActiveByDefault=true; may be repeated. "+
			"Options: "+strings.Join(app.SimulatorOptions(), ", "))
	return cmd
}

func (c *cli) printSimulator(s app.Simulator) {
	if c.format == "json" {
		_ = c.printJSON(map[string]any{"version": 1, "endpoint": s.Endpoint, "manage": s.Manage, "token": s.Token})
		_ = c.stdout.Flush()
		return
	}
	output.Fprintf(c.stdout, "SCIM endpoint %s\n", s.Endpoint)
	if s.Manage != "" {
		output.Fprintf(c.stdout, "management    %s\n", s.Manage)
	}
	output.Fprintf(c.stdout, "export ROSTER_SECRET_AWS=%s\n", s.Token)
}
