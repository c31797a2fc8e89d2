package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
)

func (c *cli) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read and verify the reports of runs",
		Long: `audit reads the reports on the audit branch of a repository: --dir (a plain clone is enough), its
remote as it was last fetched, or --repo. Only --repo and --audit-repo send requests to a server.
docs/audit.md describes what a report proves, and how to verify it without roster.`,
	}
	cmd.AddCommand(c.auditLogCommand(), c.auditRecoverCommand(), c.auditShowCommand(), c.auditVerifyCommand())
	return cmd
}

// addEvidenceFlags adds the flags that select an audit branch.
func addEvidenceFlags(f *pflag.FlagSet, r *app.RepositoryConfig) {
	f.StringVarP(&r.Dir, "dir", "C", ".", "folder of the repository, or of the audit branch's files")
	f.StringVar(&r.URL, "repo", "", "URL of a remote repository instead of DIR (https, ssh or file)")
	f.StringVar(&r.AuditURL, "audit-repo", "", "URL of another repository with the audit branch")
	f.StringVar(&r.AuditBranch, "audit-branch", "roster/audit", "branch with status, ledger and reports")
	f.StringVar(&r.Remote, "remote", "origin", "remote of DIR that has the audit branch, as it was last fetched")
	f.StringVar(&r.StateDir, "state-dir", "",
		"folder with the last known commit of the branch (default: <git dir>/roster, or the user's cache folder)")
	addGitFlags(f, r)
}
