package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThePrintedApprovalIsValidAsPasted pastes the approval that the output and the committed
// report print, unchanged, as a new file and into an existing file.
func TestThePrintedApprovalIsValidAsPasted(t *testing.T) {
	s := newSalesHeld(t)
	output := expect(t, s.home, exitHeld, "apply", s.work)
	git(t, s.work, "fetch", "-q", "origin", "roster/audit")
	files := strings.Fields(git(t, s.work, "ls-tree", "-r", "--name-only", "FETCH_HEAD", "reports/aws"))
	markdown := ""
	for _, name := range files {
		if strings.HasSuffix(name, ".md") {
			markdown += git(t, s.work, "show", "FETCH_HEAD:"+name) + "\n"
		}
	}
	for _, source := range []struct {
		name, text string
		block      *regexp.Regexp
	}{
		{"the output of apply", output, regexp.MustCompile(`(?m)^  package roster\n((?:  approvals: .*\n)+)`)},
		{"the report in Markdown", markdown,
			regexp.MustCompile("(?m)^```cue\npackage roster\n((?:approvals: .*\n)+)```")},
	} {
		found := source.block.FindStringSubmatch(source.text)
		if found == nil {
			t.Errorf("%s prints no approval:\n%s", source.name, source.text)
			continue
		}
		block := strings.Trim(found[0], "`cue\n")
		block = block[strings.Index(block, "package"):] + "\n"
		for _, test := range []struct{ name, file, before, pasted string }{
			{"as a new file", "approvals.cue", "", block},
			{"as a new file of another name", "groups/approve-finance.cue", "", block},
			{"into a file with another approval", "approvals.cue",
				"package roster\n\n// Used.\napprovals: \"sha256:" + strings.Repeat("0", 64) + "\": reason: \"x\"\n",
				found[1]},
			{"into a file with other declarations", "groups/technology.cue",
				git(t, s.work, "show", "HEAD:groups/technology.cue") + "\n", found[1]},
		} {
			t.Run(source.name+" "+test.name, func(t *testing.T) {
				s.write(test.file, test.before+test.pasted)
				out := expect(t, s.home, exitDone, "check", s.work)
				if strings.Contains(out, "these changes are intended") || strings.Count(out, "W4007") !=
					strings.Count(test.before, "Used.") {
					t.Errorf("check warns:\n%s", out)
				}
				s.commitPasted()
			})
		}
	}
}

// commitPasted checks that the declarations with a pasted approval are those of a valid commit that
// releases the changes, and takes the approval back.
func (s *salesHeld) commitPasted() {
	s.t.Helper()
	git(s.t, s.work, "add", "-A")
	git(s.t, s.work, "commit", "-q", "-m", "Approve")
	out, code := s.run("plan", s.work)
	if code != int(exitPending) || !strings.Contains(out, "approved: these changes") {
		s.t.Errorf("plan: exit code %d; want the changes approved:\n%s", code, out)
	}
	git(s.t, s.work, "reset", "-q", "--hard", "HEAD~1")
}

// TestApproveAppendsToAnExistingFile approves what is held in a repository whose approvals.cue has
// other content, which stays as it is.
func TestApproveAppendsToAnExistingFile(t *testing.T) {
	s := newSalesHeld(t)
	for _, test := range []struct{ name, before string }{
		{"with another approval", "package roster\n\n// In June.\napprovals: \"sha256:" + strings.Repeat("0", 64) +
			"\": {\n\treason:  \"they left\"\n\texpires: \"2026-06-30\"\n}\n"},
		{"with other declarations and no newline at its end", "// People and access.\npackage roster\n\n" +
			"groups: \"interns\": {displayName: \"Interns\", description: \"Nobody yet.\"}"},
		{"with a package clause only", "package roster\n"},
		{"with a struct of approvals and comments", "package roster\n\napprovals: {\n\t// In June.\n\t\"sha256:" +
			strings.Repeat("0", 64) + "\": {reason: \"they left\"} // used\n}\n"},
		{"with line ends of Windows", "package roster\r\n\r\n// Nothing yet.\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.write("approvals.cue", test.before)
			git(t, s.work, "add", "-A")
			git(t, s.work, "commit", "-q", "-m", "Other content")
			expect(t, s.home, exitDone, "approve", "-C", s.work, "--reason", "they \"left\" `now` \\(all) ${x}")
			content, err := os.ReadFile(filepath.Join(s.work, "approvals.cue"))
			if err != nil {
				t.Fatal(err)
			}
			added, kept := strings.CutPrefix(string(content), test.before)
			if !kept || !strings.Contains(added, `{reason: "they \"left\" `+"`now`"+` \\(all) ${x}"}`) ||
				strings.Contains(added, "package") ||
				strings.Contains(test.before, "\r\n") != strings.Contains(added, "\r\n") {
				t.Errorf("approvals.cue is\n%s", content)
			}
			if subject := git(t, s.work, "log", "-1", "--format=%s", "--name-only"); subject !=
				"Approve what roster holds\n\napprovals.cue" {
				t.Errorf("the commit is %s", subject)
			}
			expect(t, s.home, exitDone, "check", s.work)
			git(t, s.work, "reset", "-q", "--hard", "HEAD~2")
		})
	}
}
