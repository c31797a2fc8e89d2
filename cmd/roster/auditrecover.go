package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/schema"
)

func (c *cli) auditRecoverCommand() *cobra.Command {
	var repo app.RepositoryConfig
	cmd := &cobra.Command{
		Use:   "recover P",
		Short: "Set the damaged journal of a provisioner aside",
		Long: `recover is for a provisioner that is stopped because its journal is damaged. It prints what can be
read of the journal, and renames the file to FILE.damaged. The run in it then counts as lost: the
next run looks up in AWS what it may have created. recover sends no request, and changes nothing
else. No daemon may use the state directory meanwhile.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			recovered, err := app.RecoverJournal(c.settings(logWarnings), repo, args[0])
			if err != nil {
				return err
			}
			if c.format == "json" {
				return c.printJSON(map[string]any{"version": 1, "journal": recovered})
			}
			c.printRecovered(recovered)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&repo.Dir, "dir", "C", ".", "folder of the repository")
	f.StringVar(&repo.URL, "repo", "", "URL of a remote repository instead of DIR (https, ssh or file)")
	f.StringVar(&repo.StateDir, "state-dir", "",
		"folder with the journal (default: <git dir>/roster, or the user's cache folder)")
	return cmd
}

func (c *cli) printRecovered(r *audit.RecoveredJournal) {
	output.Fprintf(c.stdout, "The journal is now %s.\n", r.File)
	if in := r.Intent; in != nil {
		output.Fprintf(c.stdout, "It is of run %s of commit %.7s, which began at %s with %s.\n", in.Run, in.Commit.ID,
			in.Started.UTC().Format(time.RFC3339), schema.Count(in.ReleasedChanges, "change"))
	} else {
		output.Fprintf(c.stdout, "The run that it is of cannot be read.\n")
	}
	output.Fprintf(c.stdout, "%s can be read, %s cannot.\n", schema.Count(len(r.Changes), "change"),
		schema.Count(r.Unreadable, "line"))
	for i := range r.Changes {
		d := &r.Changes[i]
		output.Fprintf(c.stdout, "  %-8s %s %s\n", d.Result, d.Ref(), d.Name)
	}
	output.Fprintf(c.stdout, "Look at what the next run will do: roster plan %s\n", r.Provisioner)
}
