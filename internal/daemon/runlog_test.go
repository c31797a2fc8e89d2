package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/internal/logcontext"
	"github.com/seed-d64a251c/roster/internal/operation"
)

// TestTheLinesOfARunHaveItsIDs makes a run that is asked for, and one that fails.
func TestTheLinesOfARunHaveItsIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, ""))
		log := slog.New(logcontext.NewHandler(slog.NewJSONHandler(&s.log, nil)))
		s.Daemon.Log, s.Runner.Log = log, log
		list, err := operation.Open(t.TempDir(), strings.Clone, log, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		s.Operations = list
		s.during(t, func() {
			advance(time.Minute)
			if _, err := s.Sync("aws", "ann from 192.0.2.7"); err != nil {
				t.Error(err)
			}
			advance(time.Minute)
			s.directory.refuse(errors.New("no route"))
			if _, err := s.Sync("aws", "ann from 192.0.2.7"); err != nil {
				t.Error(err)
			}
			advance(time.Minute)
		})
		counts := map[string]int{}
		operations := map[string]string{} // by run
		for lines := bufio.NewScanner(strings.NewReader(s.log.String())); lines.Scan(); {
			var line map[string]any
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			message, _ := line["msg"].(string)
			if !strings.Contains(message, "run ") && message != "the whole directory was read" {
				continue
			}
			counts[message]++
			run, _ := line["run"].(string)
			id, _ := line["operation"].(string)
			if before := operations[run]; run == "" || id == "" || before != "" && before != id {
				t.Errorf("a line has the run %q and the operation %q, want %q: %v", run, id, before, line)
			}
			operations[run] = id
			if o, err := list.Get(id); message == "run ended" && (err != nil || o.Run != run) {
				t.Errorf("the operation of run %s is %+v, %v", run, o, err)
			}
		}
		if counts["run began"] != 3 || counts["run ended"] != 3 || counts["run failed"] != 1 || len(operations) != 3 {
			t.Errorf("the log has the lines %v of %d runs", counts, len(operations))
		}
		for i, want := range []string{"", "ann from 192.0.2.7", "ann from 192.0.2.7"} {
			if r := s.audit.report(i); r.RequestedBy != want || operations[r.Run] == "" {
				t.Errorf("report %d of run %q is requested by %q, want %q", i, r.Run, r.RequestedBy, want)
			}
		}
	})
}
