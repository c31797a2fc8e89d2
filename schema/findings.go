package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// fileFindings returns the findings about the list of files.
func fileFindings(files *source.Files, requireFiles bool) (found tree.Findings) {
	found.Warnings = files.Warnings
	found.ReportAll(files.Problems)
	if requireFiles && len(files.CUE)+len(files.Data)+len(files.Problems) == 0 {
		found.Report(tree.NothingDeclared.Problem(tree.Pos{}, "",
			"there is no .cue file, and no data file below users/ or groups/"))
	}
	return found
}

// relationsCanBeChecked reports whether all files could be read and evaluated. The declarations of
// any other file would be reported as missing.
func relationsCanBeChecked(found tree.Problems) bool {
	return !slices.ContainsFunc(found, func(p tree.Problem) bool {
		return p.Code == tree.SyntaxError.ID || p.Code == tree.WrongPackage.ID || p.Code == tree.CUEError.ID
	})
}

// listProblems returns the problems as an error, sorted and without duplicates. It returns nil if
// there are none.
func listProblems(found tree.Findings) error {
	if len(found.Problems) == 0 {
		return nil
	}
	found.Problems.Sort()
	out := dropConsequences(slices.Compact(found.Problems)).ListOnce(found.Unlisted)
	if found.Omitted > 0 {
		message := fmt.Sprintf("there are more problems than the %d listed", len(out))
		out = append(out, tree.TooLarge.Problem(tree.Pos{}, "", message).WithAdvice("correct these first"))
	}
	return out
}

// listWarnings returns the warnings, sorted and without duplicates. A rule with a problem need not
// select anybody.
func listWarnings(found tree.Findings) tree.Problems {
	wrong := map[string]bool{}
	for _, p := range found.Problems {
		wrong[p.Path] = p.Path != ""
	}
	found.Warnings.Sort()
	return slices.DeleteFunc(slices.Compact(found.Warnings), func(w tree.Problem) bool {
		return w.Code == tree.SelectsNobody.ID && wrong[w.Path]
	})
}

// credentials matches a text with a password before a host, or a URL with a query or fragment.
var credentials = regexp.MustCompile(`(?s):.*@|://.*[?#]`)

// redact returns findings without the values of secret attributes and those that may have
// credentials, because reports print findings.
func redact(found tree.Findings, secret map[string]bool) tree.Findings {
	found.Problems, found.Warnings = slices.Clone(found.Problems), slices.Clone(found.Warnings)
	redactProblems(found.Problems, secret)
	redactProblems(found.Warnings, secret)
	return found
}

func redactProblems(found tree.Problems, secret map[string]bool) {
	for i := range found {
		if credentials.MatchString(found[i].Value) {
			found[i].Value = ""
		}
	}
	for name := range secret {
		for i := range found {
			p := &found[i]
			below := ".attributes." + tree.JoinPath("", name)
			if strings.HasSuffix(p.Path, below) || strings.Contains(p.Path, below+"[") {
				p.Value = ""
			}
			field, _, ok := strings.Cut(p.Message, tree.DeclaredTwice)
			if ok && (field == name || strings.HasSuffix(field, below)) {
				p.Value, p.Message = "", field+tree.DeclaredTwice
			}
		}
	}
}
