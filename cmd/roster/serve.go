package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
)

func (c *cli) serveCommand() *cobra.Command {
	var repo repoFlags
	var config app.ServeConfig
	var configFile string
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "serve --repo URL",
		Short: "Run the daemon, which keeps AWS in sync with the repository",
		Long: `serve polls the repository, applies each new commit, and runs each enabled provisioner on its
schedule. It pushes reports to the audit branch. SIGTERM and Ctrl-C stop it after the requests in
flight.

With --forge, it also shows on each open pull request what merging it would change, and applies
only approved changes of provisioners that require a review. With a webhook secret, requests to
/webhooks/github, /webhooks/gitlab and /webhooks/gitea trigger an immediate poll.

--config names a file with settings, each the name of a flag without dashes:

  repo: https://git.example.com/platform/identity
  branch: main
  allow-host: [scim.eu-central-1.amazonaws.com]

A flag overrides an environment variable, which overrides the file. The file has no secrets: it
names environment variables and files that have them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printConfig {
				return c.printConfig(cmd)
			}
			if repo.URL == "" {
				return usageErrorf("serve requires --repo URL")
			}
			config.Repository = repo.RepositoryConfig
			return serve(cmd.Context(), c.settings(logInfo), config)
		},
	}
	repo.add(cmd)
	repo.addLease(cmd.Flags())
	f := cmd.Flags()
	_ = f.MarkHidden("ref") // --branch is its replacement
	f.StringVar(&configFile, configFlag, "",
		"YAML file that sets flags by their names, such as roster.yaml; flags and environment variables override it")
	f.BoolVar(&printConfig, "print-config", false, "print the settings with their sources, and exit")
	addForgeFlags(f, &config.Forge)
	addAccessFlags(f, &config.Access)
	f.StringVar(&config.Election.Lease, "lease-kubernetes", "",
		"NAMESPACE/NAME of Leases in Kubernetes that decide which replica runs a provisioner")
	f.StringVar(&config.Election.Kubeconfig, "kubeconfig", "",
		"file with the address of Kubernetes for --lease-kubernetes (default: the service account of the pod)")
	f.StringVar(&config.Branch, "branch", "main", "branch to apply")
	f.StringVar(&config.Listen, "listen", "127.0.0.1:8741",
		"address for health, metrics, status, webhooks and web pages; empty for none")
	f.StringVar(&config.Notify, "notify", "",
		"YAML file with the channels of notifications: webhook, Slack, Teams, SMTP")
	f.DurationVar(&config.Poll, "poll", 30*time.Second, "interval between polls of the repository")
	f.DurationVar(&config.Jitter, "jitter", 5*time.Second, "maximum delay of a scheduled run")
	f.BoolVar(&repo.OfflineDrift, "offline-drift", true,
		"correct drift that takes no access while the audit branch is out of reach; "+
			"turn it off if another daemon may reach the branch meanwhile")
	f.DurationVar(&config.QuarantinePause, "quarantine-pause", time.Minute,
		"first pause of a provisioner whose calls AWS refuses; each failed try doubles it, up to an hour")
	return cmd
}

func serve(ctx context.Context, s app.Settings, config app.ServeConfig) error {
	app.CollectOften(s.Env)
	server, err := app.NewServer(ctx, s, config)
	if err != nil {
		return err
	}
	return server.Run(ctx, nil)
}
