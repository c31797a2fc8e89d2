package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages of all commands to a folder",
		Long: `man writes one manual page for each command to DIR, which it creates if necessary:
roster.1, roster-plan.1 and so on. They have the same text as --help-all.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := writeManual(cmd.Root(), args[0])
			if err != nil {
				return err
			}
			if c.format == "json" {
				return c.printJSON(map[string]any{"version": 1, "files": files})
			}
			output.Fprintf(c.stdout, "wrote %d pages to %s\n", len(files), args[0])
			return nil
		},
	}
}

// writeManual writes the manual pages of a command and of those below it, and returns their files.
func writeManual(root *cobra.Command, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("write manual pages: %w", err)
	}
	date := buildTime()
	var files []string
	var write func(cmd *cobra.Command) error
	write = func(cmd *cobra.Command) error {
		cmd.DisableAutoGenTag = true
		name := filepath.Join(dir, pageName(cmd)+".1")
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		header := &doc.GenManHeader{Section: "1", Source: "roster " + version(), Manual: "roster", Date: &date}
		if err := doc.GenMan(cmd, header, f); err != nil {
			_ = f.Close() // the first error counts
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		files = append(files, name)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && !sub.IsAdditionalHelpTopicCommand() {
				if err := write(sub); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := write(root); err != nil {
		return nil, fmt.Errorf("write manual pages: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// pageName returns the name of a command's page: roster-audit-log.
func pageName(cmd *cobra.Command) string {
	name := cmd.Name()
	for parent := cmd.Parent(); parent != nil; parent = parent.Parent() {
		name = parent.Name() + "-" + name
	}
	return name
}

// buildTime returns the time of the commit that the program was built from, or a fixed day: pages
// of one version are equal.
func buildTime() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return t.UTC()
			}
		}
	}
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
}
