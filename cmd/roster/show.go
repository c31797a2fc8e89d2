package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) showCommand() *cobra.Command {
	var repo repoFlags
	cmd := &cobra.Command{
		Use:   "show [P] [users|groups|KEY]",
		Short: "List the users and groups in AWS, managed by roster or not",
		Long: `show reads the directory of provisioner P, which may be omitted if there is only one. It lists
users and groups, or shows one of them by key, name or ID.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.show(cmd.Context(), repo.RepositoryConfig, args)
		},
	}
	repo.addWithDir(cmd)
	return cmd
}

func (c *cli) show(ctx context.Context, repo app.RepositoryConfig, args []string) error {
	w, err := app.Open(ctx, c.settings(logWarnings), repo)
	if err != nil {
		return err
	}
	all, filter, err := w.Objects(ctx, args)
	if err != nil {
		return err
	}
	isObject := filter != "" && filter != "users" && filter != "groups"
	var objects []app.Object
	for _, o := range all {
		if filter == "" || filter == o.Kind+"s" || filter == o.Key || filter == o.Name || filter == o.ID {
			objects = append(objects, o)
		}
	}
	if len(objects) == 0 && isObject {
		return fmt.Errorf("the directory has no user or group with key, name or ID %q", filter)
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "objects": objects})
	}
	if c.format == "csv" {
		return output.WriteCSV(c.stdout, objectRecords(objects))
	}
	if err := c.printObjects(objects); err != nil {
		return err
	}
	if len(objects) == 1 && isObject {
		c.printDetails(objects[0])
	}
	return nil
}

func (c *cli) printObjects(objects []app.Object) error {
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	section := ""
	for _, o := range objects {
		if o.Kind != section {
			if section != "" {
				output.Fprintf(t, "\n")
			}
			section = o.Kind
			if o.Kind == "user" {
				output.Fprintf(t, "USER\tKEY\tACTIVE\tGROUPS\tID\n")
			} else {
				output.Fprintf(t, "GROUP\tKEY\tMEMBERS\tID\n")
			}
		}
		key := cmp.Or(o.Key, "(unmanaged)")
		if o.Contradicted != "" {
			key += " (contradicted)"
		}
		if o.Kind == "user" {
			output.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", o.Name, key, o.Active, len(o.Groups), o.ID)
		} else {
			output.Fprintf(t, "%s\t%s\t%d\t%s\n", o.Name, key, len(o.Members), o.ID)
		}
	}
	return t.Flush()
}

// objectRecords returns the objects for a spreadsheet, after a header.
func objectRecords(objects []app.Object) [][]string {
	records := [][]string{{"kind", "name", "key", "active", "groups or members", "id"}}
	for _, o := range objects {
		related := o.Members
		if o.Kind == "user" {
			related = o.Groups
		}
		records = append(records, []string{o.Kind, o.Name, o.Key, o.Active, strings.Join(related, ", "), o.ID})
	}
	return records
}

func (c *cli) printDetails(o app.Object) {
	if o.Contradicted != "" {
		output.Fprintf(c.stdout, "  not managed: the ledger lists it as %q, but %s\n", o.Key, o.Contradicted)
	}
	for _, path := range slices.Sorted(maps.Keys(o.Attributes)) {
		output.Fprintf(c.stdout, "  %s = %q\n", path, o.Attributes[path])
	}
	for _, g := range o.Groups {
		output.Fprintf(c.stdout, "  in %s\n", g)
	}
	for _, m := range o.Members {
		output.Fprintf(c.stdout, "  member %s\n", m)
	}
}
