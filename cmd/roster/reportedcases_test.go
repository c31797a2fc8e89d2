package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reportedCases are the reported inputs whose fault only a clock, a run, a terminal or an outage
// shows: each with the cases that have it and its neighbors, by file. A case is the name of a row
// or a test, or a line of a script. The other reported inputs are the rows of reportedInputs.
var reportedCases = []struct {
	input string
	cases map[string][]string
}{
	{"a contract ends on the day on which summer time begins at midnight", map[string][]string{
		"internal/civil/date_test.go": {
			"the own midnight does not exist", "the next midnight does not exist",
			"Havana, midnight does not exist", "Havana, midnight comes twice", "Azores, midnight does not exist",
			"Cairo, midnight does not exist", "Beirut, midnight does not exist", "Apia, a day that does not exist",
		},
	}},
	{"a window lies in the hour that summer time skips", map[string][]string{
		"internal/civil/window_test.go": {
			"all in the skipped hour", "a part of the skipped hour", "begins in the skipped hour",
			"ends in the skipped hour", "around the skipped hour", "the doubled hour opens the first time",
		},
		"internal/civil/laws_test.go": {"TestWindowsAreOpenOnceWhileTheClockShowsTheirTimesInAllZones"},
	}},
	{"ten contracts with a reviewed end date end at the same moment", map[string][]string{
		"reconcile/run/reported_test.go": {
			"ten contracts", "ten memberships", "ten states that become INACTIVE are no dates",
			"ten contracts end, and ten people leave",
		},
		"reconcile/run/enddate_test.go": {
			"all members of the only group of the provisioner", "24 hours before", "23 hours before", "an hour ago",
		},
	}},
	{"a reason, a file name and an author have escape sequences of terminals", map[string][]string{
		"internal/output/line_test.go": {
			"an escape sequence is not sent", "nor an operating system command", "nor a sequence of C1",
			"text does not change its direction",
		},
		"cmd/roster/hostile_text_test.go": {"SRC-reason", "SRC-file", "SRC-author", "SRC-subject", "SRC-aws-user"},
	}},
	{"check runs in a folder that is not the root of a configuration", map[string][]string{
		"schema/meaning_test.go": {
			"an empty folder", "a bare repository", "the folder users itself", "only other files",
		},
		"testdata/script/repositories.txtar": {
			"code 1 roster check d/users", "code 1 roster check d/mappings", "code 1 roster plan d/sub",
		},
	}},
	{"an administrator deletes a user in the console of AWS", map[string][]string{
		"reconcile/run/reported_test.go": {"a user", "a user who has left", "a group", "a membership"},
		"testdata/script/user-switched-off.txtar": {
			"# A deleted user comes back only with an approval.",
			"# A user of the same name, that an administrator creates by hand, is another user",
		},
	}},
	{"the daemon starts again while the Git server is down", map[string][]string{
		"cmd/roster/serve_offline_test.go": {
			"TestServeStartsAndCorrectsDriftWhileGitIsDown", "TestServeDoesNotStartWithoutACommit",
		},
		"internal/daemon/daemon_test.go": {
			"TestTheDaemonStartsWithTheCommitThatItKnows", "TestARunThatHeldChangesDuringAnOutageIsRepeatedAfterIt",
		},
	}},
	{"plan --base runs in the shallow clone that CI makes", map[string][]string{
		"testdata/script/shallow.txtar": {
			"# the head and the base are there, their common history is not",
			"# the base is not there: as a branch of the remote, as a commit, as a tag",
			"# an ancestor that is not there", "# a head that the remote does not have",
			"# the remote does not answer", "# check --base needs that commit only",
		},
	}},
	{"the reason for a user whose last day has passed", map[string][]string{
		"reconcile/run/reported_test.go": {
			"a contract has ended, and the state is ACTIVE", "the state is INACTIVE", "the state is LOCKED",
			"a contract has ended, and the state is LOCKED", "it is the last day", "a membership has ended",
		},
	}},
	{"the HR system gives a person another number", map[string][]string{
		"reconcile/run/reported_test.go": {
			"a user with the earlier one", "a user without the earlier one", "another person takes the number",
			"a group with the earlier one",
		},
		"testdata/script/user-renumbered.txtar": {"# Mei gets another number.",
			"# Two people cannot have one earlier number."},
	}},
	{"the only member of a group has an end", map[string][]string{
		"reconcile/run/reported_test.go": {
			"one member", "two members", "a member of an included group", "a member whose contract ends",
			"a member whom a commit removes",
		},
	}},
}

// TestReportedCasesExist requires that each reported input has its case and three neighbors. In a
// Go file, a case is a whole string or the name of a test.
func TestReportedCasesExist(t *testing.T) {
	for _, c := range reportedCases {
		t.Run(c.input, func(t *testing.T) {
			count := 0
			for file, names := range c.cases {
				b, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(file)))
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					forms := []string{"\n" + name}
					if strings.HasSuffix(file, ".go") {
						forms = []string{`"` + name + `"`, "func " + name + "("}
					}
					isThere := func(form string) bool { return strings.Contains(string(b), form) }
					if !slices.ContainsFunc(forms, isThere) {
						t.Errorf("%s has no case %q", file, name)
					}
					count++
				}
			}
			if count < 4 {
				t.Errorf("there are %d cases, want the input and three neighbors", count)
			}
		})
	}
}

func TestEachReportedInputHasThreeNeighbors(t *testing.T) {
	rows := map[string]int{}
	for _, row := range reportedInputs {
		rows[row.kind]++
	}
	for kind, n := range rows {
		if n < 4 {
			t.Errorf("%s: there are %d rows, want the input and three neighbors", kind, n)
		}
	}
}
