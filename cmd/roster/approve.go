package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) approveCommand() *cobra.Command {
	var repo repoFlags
	var request app.ApproveRequest
	cmd := &cobra.Command{
		Use:   "approve [DIGEST]",
		Short: "Commit an approval of changes that a gate holds",
		Long: `approve adds an approval of DIGEST to approvals.cue and commits the file. DIGEST is what a report prints
for held changes; it may be omitted if the newest report has only one. The approval counts once the
branch has the commit, for 24 hours. Where a forge reviews, another person must approve its pull
request.

With --pull-request, it commits to a new branch, pushes it with the credentials of git, and opens a
pull request at the forge.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Digest = strings.Join(args, "")
			if request.All && request.Digest != "" {
				return usageErrorf("DIGEST and --all exclude each other")
			}
			return c.approve(cmd.Context(), repo.RepositoryConfig, request)
		},
	}
	repo.addWithDir(cmd)
	f := cmd.Flags()
	f.StringVar(&request.Reason, "reason", "", "reason for the approval; required")
	f.BoolVar(&request.All, "all", false, "approve all held changes, whatever brought them")
	f.StringVar(&request.Provisioner, "provisioner", "", "provisioner that holds the changes (default: any)")
	f.StringVar(&request.Branch, "branch", "", "branch to create for the commit (default: the current branch, or "+
		"approve-<digest> with --pull-request)")
	f.BoolVar(&request.PullRequest, "pull-request", false, "push the branch and open a pull request")
	f.StringVar(&request.Base, "base", "main", "branch into which the pull request would merge")
	addForgeAccessFlags(f, &request.Forge, "for --pull-request", "the URL of --remote")
	return cmd
}

func (c *cli) approve(ctx context.Context, repo app.RepositoryConfig, request app.ApproveRequest) error {
	done, err := app.Approve(ctx, c.settings(logWarnings), repo, request)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "approval": done, "warnings": problemsJSON(done.Warnings)})
	}
	printProblems(c.stderr, done.Warnings)
	output.Fprintf(c.stdout, "approved in commit %.7s on branch %s, in %s:\n", done.Commit, done.Branch, done.File)
	for _, digest := range done.Approved {
		output.Fprintf(c.stdout, "  %s\n", digest)
	}
	next := "next: push the branch; where a forge reviews, another person must approve its pull request"
	if url := done.PullRequest; url != "" {
		next = "next: another person must approve pull request " + url + "; then merge it"
	}
	if done.Opened {
		output.Fprintf(c.stdout, "opened pull request %s\n", done.PullRequest)
	} else if done.PullRequest != "" {
		output.Fprintf(c.stdout, "pull request %s is open already\n", done.PullRequest)
	}
	output.Fprintf(c.stdout, "%s\n", next)
	return nil
}
