package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

func (c *cli) auditVerifyCommand() *cobra.Command {
	var config app.EvidenceConfig
	cmd := &cobra.Command{
		Use:   "verify [P]",
		Short: "Verify that no report was changed, removed or inserted",
		Long: `verify follows each chain of reports back to the first one. It compares the reports with the
status, the ledger, the Markdown file beside each report, the source commits, and every earlier
commit of the audit branch. It lists everything that does not match, the first broken link first;
then the exit code is 1.

It also lists what the given data cannot prove. --signers proves that the branch was not
rewritten. --head, or the commit that this machine recorded, proves that no commits were removed
from its end. verify needs no network.

A verification without failures is recorded in the state directory. --new verifies only what is new
since then: the chain, the files and the commits after the recorded one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.auditVerify(cmd.Context(), config, firstOf(args))
		},
	}
	f := cmd.Flags()
	addEvidenceFlags(f, &config.Repository)
	f.StringSliceVar(&config.Signers, "signers", nil,
		"files with SSH and OpenPGP keys; each commit of the audit branch must be signed by one of them")
	f.StringVar(&config.Head, "head", "", "commit that the audit branch once had, for example from your notes")
	f.BoolVar(&config.New, "new", false, "verify only what is new since the last verification on this machine")
	f.StringVar(&config.Source, "source", "",
		"folder of the repository with the declarations, if DIR does not have them")
	return cmd
}

func (c *cli) auditVerify(ctx context.Context, config app.EvidenceConfig, provisioner string) error {
	e, err := app.OpenEvidence(ctx, c.settings(logWarnings), config)
	if err != nil {
		return err
	}
	proofs, err := e.Verify(ctx, provisioner)
	if err != nil {
		return err
	}
	if c.format == "json" {
		document := map[string]any{"version": 1, "head": e.Head, "proofs": proofs}
		for _, p := range proofs {
			if failed := p.Err(); failed != nil {
				document["error"] = app.Failure{Code: app.AuditBroken, Message: failed.Error(),
					At: p.Failures[0].Location}
				break
			}
		}
		err = c.printJSON(document)
	} else {
		err = writeTexts(c.stdout, proofs, func(p *audit.Proof) error {
			c.printProof(e.Name, p)
			return nil
		})
	}
	if err != nil {
		return err
	}
	return exitWith(proofs, func(p *audit.Proof) exitCode {
		if p.Err() != nil {
			return exitError
		}
		return exitDone
	})
}

func (c *cli) printProof(evidence string, p *audit.Proof) {
	reports := schema.Count(p.VerifiedReports, "report")
	verdict := output.Paint(render.Good, reports+" verified")
	if p.Err() != nil {
		verdict = output.Sprintf("%s: %s verified, from the newest back to the broken link",
			output.Paint(render.Alarm, "VERIFICATION FAILED"), reports)
	}
	output.Fprintf(c.stdout, "%s: %s; %s\n", p.Provisioner, verdict, evidence)
	if p.Oldest != nil {
		output.Fprintf(c.stdout, "  from %s\n  to   %s\n", p.Oldest.Path, p.Newest.Path)
	}
	for _, b := range p.Failures {
		output.Fprintf(c.stdout, "  %s %s: %s\n", output.Paint(render.Alarm, "broken:"), b.Location, b.Reason)
	}
	for _, u := range p.NotProved {
		output.Fprintf(c.stdout, "  %s %s\n", output.Paint(render.Caution, "not proven:"), u)
	}
}
