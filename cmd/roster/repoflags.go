package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/audit"
)

// repoFlags are the flags that select a repository, its audit branch, and how to reach both.
type repoFlags struct{ app.RepositoryConfig }

func (r *repoFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.URL, "repo", "", "URL of a remote repository instead of DIR (https, ssh or file)")
	f.StringVar(&r.Ref, "ref", "", "branch, tag or commit of --repo (default: its default branch)")
	f.StringVar(&r.Path, "path", "",
		"folder with the declarations in the repository (default: DIR, or the whole repository)")
	f.StringVar(&r.Remote, "remote", "origin", "remote of DIR that has the audit branch")
	f.StringVar(&r.AuditURL, "audit-repo", "", "URL of another repository for the audit branch")
	f.StringVar(&r.AuditBranch, "audit-branch", "roster/audit", "branch for status, ledger and reports")
	f.StringVar(&r.StateDir, "state-dir", "",
		"folder for the journal and caches (default: <git dir>/roster, or the user's cache folder)")
	addGitFlags(f, &r.RepositoryConfig)
	addSignatureFlags(f, &r.Signatures)
}

// addLease adds --lease for commands that write.
func (r *repoFlags) addLease(f *pflag.FlagSet) {
	f.DurationVar(&r.Lease, "lease", audit.DefaultLease,
		"time after which another process continues a run that renews its lease no more")
}

// addWithDir adds -C for commands whose argument is not DIR.
func (r *repoFlags) addWithDir(cmd *cobra.Command) {
	r.add(cmd)
	cmd.Flags().StringVarP(&r.Dir, "dir", "C", ".", "folder of the repository")
}

// setDir sets DIR from the arguments.
func (r *repoFlags) setDir(args []string) error {
	r.Dir = "."
	if len(args) > 0 {
		if r.URL != "" {
			return usageErrorf("DIR and --repo exclude each other")
		}
		r.Dir = args[0]
	}
	return nil
}

// addGitFlags adds the flags for credentials of Git servers and connections to them.
func addGitFlags(f *pflag.FlagSet, r *app.RepositoryConfig) {
	addCredentialFlags(f, &r.Git, "", "", "the repository")
	addCredentialFlags(f, &r.AuditGit, "audit-", "AUDIT_", "the audit branch")
	f.Lookup("audit-git-token-env").Usage += "; without credentials for the audit branch, those for the repository " +
		"apply"
	n := &r.Network
	f.StringVar(&n.KnownHosts, "known-hosts", "", "known_hosts file for SSH (default: the user's)")
	f.StringVar(&n.CAFile, "git-ca", "", "file with additional certificate authorities for HTTPS (PEM)")
	f.StringVar(&n.Proxy, "git-proxy", "", "URL of the proxy for HTTPS (default: HTTPS_PROXY and NO_PROXY)")
	f.StringVar(&n.GitHubAPI, "github-api", "",
		"URL of the GitHub API that issues app tokens (default: derived from the repository's URL)")
}

func addCredentialFlags(f *pflag.FlagSet, c *app.GitCredentials, prefix, env, target string) {
	f.StringVar(&c.TokenEnv, prefix+"git-token-env", "ROSTER_"+env+"GIT_TOKEN",
		"environment variable with the token or password for "+target+" over HTTPS")
	f.StringVar(&c.Username, prefix+"git-username", "", "user name for the token")
	f.StringVar(&c.SSHKey, prefix+"ssh-key", "",
		"private key file for "+target+" over SSH (default: the keys of the SSH agent)")
	f.StringVar(&c.SSHPassphraseEnv, prefix+"ssh-passphrase-env", "ROSTER_"+env+"SSH_PASSPHRASE",
		"environment variable with the passphrase of the private key")
	f.Int64Var(&c.AppID, prefix+"github-app", 0, "GitHub App ID to authenticate as, instead of a token")
	f.StringVar(&c.AppKey, prefix+"github-app-key", "", "file with the private key of the GitHub App (PEM)")
	f.Int64Var(&c.AppInstallation, prefix+"github-app-installation", 0,
		"installation ID of the GitHub App (default: that of the repository)")
}

func addSignatureFlags(f *pflag.FlagSet, s *app.Signatures) {
	f.StringSliceVar(&s.CommitSigners, "commit-signers", nil,
		"files with SSH and OpenPGP keys; each commit of declarations must be signed by one of them")
	f.StringSliceVar(&s.MergeSigners, "merge-signers", nil,
		"files with keys, such as the forge's, that may sign merge commits without changes of their own")
	f.BoolVar(&s.UnsignedMerges, "unsigned-merges", false,
		"no signature required for merge commits without changes of their own; the merged commits must be signed")
	f.StringVar(&s.SignedSince, "signed-since", "", "commit up to which the declarations' history need not be signed")
	f.StringVar(&s.AuditKey, "audit-sign-key", "", "private key file that signs the audit branch (SSH or OpenPGP)")
	f.StringVar(&s.AuditPassphraseEnv, "audit-sign-passphrase-env", "ROSTER_AUDIT_SIGN_PASSPHRASE",
		"environment variable with the passphrase of --audit-sign-key")
	f.StringSliceVar(&s.AuditSigners, "audit-signers", nil,
		"files with keys that may have signed the audit branch (default: the key of --audit-sign-key)")
	f.BoolVar(&s.AuditRequireProof, "audit-require-proof", false,
		"hold everything while the audit branch is neither signed nor what this machine wrote last")
	f.BoolVar(&s.AllowSelfApproval, "allow-self-approval", false,
		"count approvals of held changes without a review by another person")
	f.StringVar(&s.RedactKey, "redact-key", "",
		"file with the key for hashes of redacted values (default: <state dir>/redact.key, created if missing)")
}
