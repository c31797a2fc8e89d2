package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
)

// addForgeFlags adds the flags for the forge of a daemon's repository.
func addForgeFlags(f *pflag.FlagSet, c *app.ForgeConfig) {
	addForgeAccessFlags(f, c, "for previews and reviews", "--repo")
	f.StringSliceVar(&c.SecretEnvs, "webhook-secret-env", []string{"ROSTER_WEBHOOK_SECRET"},
		"environment variables with webhook secrets; two of them while one is replaced")
	f.BoolVar(&c.TrustCommitAuthors, "trust-commit-authors", false, "count reviews even if the forge does not know "+
		"who authored or pushed a commit")
	f.DurationVar(&c.MaxAge, "preview-max-age", 10*time.Minute, "maximum age of the AWS snapshot used for previews")
	f.StringVar(&c.SnapshotDir, "snapshots", "",
		"folder for snapshots of AWS, for roster plan --observed; they hold personal data")
}

// addForgeAccessFlags adds the flags that select the forge and its token.
func addForgeAccessFlags(f *pflag.FlagSet, c *app.ForgeConfig, purpose, url string) {
	f.StringVar(&c.Kind, "forge", "", "forge of the repository, "+purpose+": github, gitlab or gitea "+
		"(also for Forgejo)")
	f.StringVar(&c.URL, "forge-url", "", "HTTPS URL of the repository at the forge (default: "+url+")")
	f.StringVar(&c.API, "forge-api", "", "URL of the forge's API (default: derived from the repository's URL)")
	f.StringVar(&c.TokenEnv, "forge-token-env", "ROSTER_FORGE_TOKEN", "environment variable with the forge's token")
}
