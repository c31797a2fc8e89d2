package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func (a *app) auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Read and prove what runs have left",
		Long: `audit reads the reports on the audit branch: of DIR, which may be a plain clone, of its remote as it was last fetched, or of --repo.
Nothing but --repo and --audit-repo is asked of a server. docs/audit.md says what a report proves, and how to check it without roster.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("audit has no %q: want log, show or verify", args[0])}
			}
			return cmd.Help()
		}}
	c.AddCommand(a.auditLogCommand(), a.auditShowCommand(), a.auditVerifyCommand())
	for _, sub := range c.Commands() {
		sub.Args = usageArgs(sub.Args)
	}
	return c
}

func (a *app) auditLogCommand() *cobra.Command {
	var p archive
	var most int
	c := &cobra.Command{Use: "log [P]", Short: "List the reports, the newest first", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if most < 0 {
				return usageError{fmt.Errorf("--limit %d: want 1 or more, or 0 for all", most)}
			}
			return a.auditLog(cmd.Context(), &p, args, most)
		}}
	p.register(c)
	c.Flags().IntVar(&most, "limit", 20, "how many reports of each provisioner; 0: all")
	return c
}

// logged is one line of the log.
type logged struct {
	Provisioner string            `json:"provisioner"`
	Run         string            `json:"run"`
	Outcome     reconcile.Outcome `json:"outcome"`
	Trigger     string            `json:"trigger"`
	Finished    time.Time         `json:"finished"`
	Commit      string            `json:"commit"`
	Counts      reconcile.Counts  `json:"counts"`
	Repeats     int               `json:"repeats,omitempty"` // runs before it that said what the report before had said
	Path        string            `json:"path"`
	SHA256      string            `json:"sha256"`
}

func (a *app) auditLog(ctx context.Context, p *archive, args []string, most int) error {
	e, err := a.evidence(ctx, p)
	if err != nil {
		return err
	}
	provisioners, err := e.provisioners(args)
	if err != nil {
		return err
	}
	lines := []logged{}
	for _, key := range provisioners {
		n := 0
		for l, err := range audit.Chain(e.files, key) {
			if err != nil {
				return err
			}
			if l.Broken != "" {
				return fmt.Errorf("the chain of %s is broken: %s names %s, but %s; roster audit verify tells all", key, l.By, l.Path, l.Broken)
			}
			if n++; most > 0 && n > most {
				break
			}
			r := l.Report
			lines = append(lines, logged{key, r.Run, r.Outcome, r.Trigger, r.Finished, r.Commit.ID, r.Counts, r.Repeats, l.Path, l.SHA256})
		}
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "reports": lines})
	}
	t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.7s\t%s\n", l.Finished.Format(time.RFC3339), l.Provisioner, l.Outcome, counted(l.Counts), l.Commit, l.Path)
	}
	return t.Flush()
}

// counted says what a run came to in a few words.
func counted(c reconcile.Counts) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Done, "done"}, {c.Held, "held"}, {c.Waiting, "waiting"}, {c.Failed, "failed"}, {c.Skipped, "skipped"}, {c.Unknown, "unknown"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if parts == nil {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

func (a *app) auditShowCommand() *cobra.Command {
	var p archive
	c := &cobra.Command{Use: "show [P] [REPORT]", Short: "Print one report",
		Long: "show prints a report: the newest one, or REPORT, which is the run's id, the report's path or the end of either.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.auditShow(cmd.Context(), &p, args) }}
	p.register(c)
	return c
}

func (a *app) auditShow(ctx context.Context, p *archive, args []string) error {
	e, err := a.evidence(ctx, p)
	if err != nil {
		return err
	}
	all, err := audit.Provisioners(e.files)
	if err != nil {
		return err
	}
	which := ""
	if n := len(args); n == 2 || n == 1 && !slices.Contains(all, args[0]) {
		which, args = args[n-1], args[:n-1]
	}
	provisioners, err := e.provisioners(args)
	if err != nil {
		return err
	}
	if which == "" && len(provisioners) > 1 {
		return usageError{fmt.Errorf("name the provisioner: %s", strings.Join(provisioners, ", "))}
	}
	for _, key := range provisioners {
		for l, err := range audit.Chain(e.files, key) {
			switch {
			case err != nil:
				return err
			case l.Report == nil:
				return fmt.Errorf("the chain of %s is broken: %s names %s, but %s; roster audit verify tells all", key, l.By, l.Path, l.Broken)
			case which != "" && !strings.HasSuffix(l.Report.Run, which) && !strings.HasSuffix(l.Path, strings.TrimSuffix(which, ".md")) &&
				!strings.HasSuffix(strings.TrimSuffix(l.Path, ".json"), strings.TrimSuffix(which, ".md")):
				continue
			}
			if l.Broken != "" {
				fmt.Fprintf(a.stderr, "%s %s: %s names it, but %s\n", a.paintErr(alarm, "not proven:"), l.Path, l.By, l.Broken)
			}
			r, err := audit.ReadReport(e.files, l.Path)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(r)
			}
			return render.ReportText(a.stdout, r, a.paintOut())
		}
	}
	return fmt.Errorf("no report %q; roster audit log lists them", which)
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var p archive
	c := &cobra.Command{Use: "verify [P]", Short: "Prove that the evidence is whole",
		Long: `verify follows each chain of reports back to the first and compares it with the status, the ledger, the rendering beside each report, the
source commits and every earlier commit of the audit branch. What does not hold is named, the first broken link first, and the exit code is 1.
What cannot be proven from what was given is said, too: --signers proves that nobody made the branch anew, --head (or what this machine
remembers of it) that nothing was cut off at its end. It needs no network.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.auditVerify(cmd.Context(), &p, args) }}
	p.register(c)
	f := c.Flags()
	f.StringSliceVar(&p.signers, "signers", nil, "files with the SSH and OpenPGP keys one of which must have signed each commit of the audit branch")
	f.StringVar(&p.head, "head", "", "commit that the audit branch had once, for example from your notes")
	f.StringVar(&p.source, "source", "", "repository on this machine with the declarations, if DIR does not have them")
	return c
}

func (a *app) auditVerify(ctx context.Context, p *archive, args []string) error {
	e, err := a.evidence(ctx, p)
	if err != nil {
		return err
	}
	provisioners, err := e.provisioners(args)
	if err != nil {
		return err
	}
	check, err := e.check()
	if err != nil {
		return err
	}
	proofs, broken := make([]*audit.Proof, 0, len(provisioners)), false
	for _, key := range provisioners {
		c := check
		c.Provisioner = key
		if c.Anchor == "" {
			if c.Anchor, err = e.anchor(key); err != nil {
				return err
			}
		}
		proof, err := audit.Verify(ctx, c)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s has no reports", key)
		}
		if err != nil {
			return err
		}
		proofs, broken = append(proofs, proof), broken || proof.Err() != nil
	}
	if a.format == "json" {
		err = a.json(map[string]any{"version": 1, "head": e.head, "proofs": proofs})
	} else {
		a.writeProofs(e, proofs)
	}
	if err == nil && broken {
		return exit(exitError)
	}
	return err
}

func (a *app) writeProofs(e *evidence, proofs []*audit.Proof) {
	tone := func(t render.Tone, s string) string {
		if a.colored(a.stdout) {
			return paint(t, s)
		}
		return s
	}
	for i, p := range proofs {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		reports := fmt.Sprintf("%d reports hold", p.Reports)
		if p.Reports == 1 {
			reports = "1 report holds"
		}
		verdict := tone(render.Good, "the evidence is whole, "+reports)
		if p.Err() != nil {
			verdict = tone(render.Alarm, "THE EVIDENCE IS BROKEN") + ", " + reports + " from the newest back to the break"
		}
		fmt.Fprintf(a.stdout, "%s: %s; %s\n", p.Provisioner, verdict, e.at)
		if p.Oldest != nil {
			fmt.Fprintf(a.stdout, "  from %s\n  to   %s\n", p.Oldest.Path, p.Newest.Path)
		}
		for _, b := range p.Broken {
			fmt.Fprintf(a.stdout, "  %s %s: %s\n", tone(render.Alarm, "broken:"), b.At, b.Why)
		}
		for _, u := range p.Unproven {
			fmt.Fprintf(a.stdout, "  %s %s\n", tone(render.Caution, "not proven:"), u)
		}
	}
}
