package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// checkReport checks a report of the chain: its run, parts, Markdown and source commit.
func (v *verifier) checkReport(ctx context.Context, l *ChainLink) error {
	r := l.Report
	v.listed[l.Path], v.listed[markdownPath(l.Path)] = true, true
	if _, found := v.runs[r.Run]; found {
		v.proof.addFailure(l.Path, "the chain has another report of run %s", r.Run)
	}
	v.runs[r.Run] = len(v.links)
	intact, err := v.checkParts(l)
	if err != nil {
		return err
	}
	rendered := ""
	if intact {
		if rendered, intact, err = v.readChanges(l); err != nil {
			return err
		}
	}
	if err := v.checkMarkdown(l, rendered, intact); err != nil {
		return err
	}
	return v.checkSourceCommit(ctx, l)
}

func markdownPath(report string) string { return strings.TrimSuffix(report, ".json") + ".md" }

// checkParts checks that the parts and the index of a report are there and have their SHA-256.
// intact is false if it added a failure.
func (v *verifier) checkParts(l *ChainLink) (intact bool, err error) {
	intact = true
	fail := func(file, format string, args ...any) {
		v.proof.addFailure(file, format, args...)
		intact = false
	}
	for _, link := range partLinks(l.Report) {
		v.listed[link.Path] = true
		switch _, err := readPart(v.Files, link); {
		case errors.Is(err, fs.ErrNotExist):
			fail(link.Path, "%s names this part, but it does not exist", l.Path)
		case malformed(err):
			fail(link.Path, "%s names this part, but %v", l.Path, errors.Unwrap(err))
		case err != nil:
			return false, err
		}
	}
	return intact, nil
}

// readChanges reads the changes of a report once. It renders its Markdown, and checks that the
// parts are lists of changes and that the index names what they have. intact is false if it added a
// failure.
func (v *verifier) readChanges(l *ChainLink) (rendered string, intact bool, err error) {
	c := &changeReader{files: v.Files, report: l.Report, named: newPartNames()}
	if v.RenderMarkdown != nil {
		rendered = v.RenderMarkdown(l.Report, c.all)
	}
	if len(l.Report.Parts) == 0 {
		return rendered, true, nil
	}
	if !c.ended && c.err == nil { // the renderer did not need all of them
		c.named.clear()
		for range c.all {
		}
	}
	if err = c.err; err == nil {
		err = checkIndex(v.Files, l.Report, c.named)
	}
	var problem *MalformedError
	if errors.As(err, &problem) {
		v.proof.addFailure(problem.File, "%s names this part, but %v", l.Path, problem.Err)
		return rendered, false, nil
	}
	return rendered, err == nil, err
}

// checkMarkdown compares the Markdown file of a report with a new rendering. Another version of
// roster may have rendered it differently. intact is whether all changes were rendered.
func (v *verifier) checkMarkdown(l *ChainLink, rendered string, intact bool) error {
	if v.RenderMarkdown == nil {
		return nil
	}
	name := markdownPath(l.Path)
	have, err := fs.ReadFile(v.Files, name)
	if errors.Is(err, fs.ErrNotExist) {
		v.proof.addAboutReports("%s: it does not exist; use the JSON file", name)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case intact && rendered == string(have):
	case l.Report.RosterVersion != v.Version:
		v.otherVersions[l.Report.RosterVersion]++
	default: // checkReport adds problems of the report itself
		v.proof.addAboutReports("%s: it is not what roster %s, which wrote the report, renders; use the JSON file",
			name, l.Report.RosterVersion)
	}
	return nil
}

// checkOtherVersions reports the Markdown files of other versions of roster that differ from what
// this version renders.
func (v *verifier) checkOtherVersions(context.Context) error {
	for _, version := range slices.Sorted(maps.Keys(v.otherVersions)) {
		files, verb := "1 Markdown file", "differs"
		if n := v.otherVersions[version]; n > 1 {
			files, verb = fmt.Sprintf("%d Markdown files", n), "differ"
		}
		v.proof.addAboutReports("%s of roster %s %s from what this version, %s, renders of the same reports: use "+
			"the JSON files, or verify with that version", files, version, verb, v.Version)
	}
	return nil
}

func (v *verifier) checkSourceCommit(ctx context.Context, l *ChainLink) error {
	id := l.Report.Commit.ID
	if v.HasSourceCommit == nil || id == "" {
		return nil
	}
	found, checked := v.sourceExists[id]
	if !checked {
		var err error
		if found, err = v.HasSourceCommit(ctx, id); err != nil {
			return fmt.Errorf("find commit %s: %w", id, err)
		}
		v.sourceExists[id] = found
	}
	if !found {
		v.proof.addFailure(l.Path, "its source commit %s is not in the repository of the declarations", id)
	}
	return nil
}

// findNewUnlistedReports is findUnlistedReports for the files that were added since the checkpoint.
func (v *verifier) findNewUnlistedReports() error {
	added, err := addedFiles(v.FilesSince, v.Files, reportsDir(v.Provisioner))
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(added) {
		if !v.listed[name] {
			v.proof.addFailure(name, unlistedReason)
		}
	}
	return nil
}

const unlistedReason = "the chain does not name it: it was inserted, or the report that named it was removed"

// findUnlistedReports adds a failure for each file of reports that the chain does not name.
func (v *verifier) findUnlistedReports(context.Context) error {
	if v.Since != nil {
		return v.findNewUnlistedReports()
	}
	var unlisted []string
	err := fs.WalkDir(v.Files, reportsDir(v.Provisioner), func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err == nil && !d.IsDir() && !v.listed[name] {
			unlisted = append(unlisted, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(unlisted)
	for _, name := range slices.Backward(unlisted) {
		if before, err := v.beforeStart(name); err != nil || before {
			if err != nil {
				return err
			}
			continue
		}
		v.proof.addFailure(name, unlistedReason)
	}
	return nil
}
