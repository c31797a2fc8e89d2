package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// freshStateOrg declares 200 users and 40 groups. A full read takes 43 calls, so that commits do
// not make one unless there is a reason.
func freshStateOrg(endpoint, edited string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `package roster
mappings: "aws": {
	user: #User
	scim: {
		`+schematest.SCIM+`
	}
}
apps: "aws": displayName: "AWS"
provisioners: "aws": {
	enabled: true, app: "aws", mapping: "aws", endpoint: %q, auth: token: {env: "ROSTER_SECRET_AWS"}
}
`, endpoint)
	for i := range 200 {
		first := "A"
		if i == 7 {
			first = edited
		}
		fmt.Fprintf(&b, "users: \"u-%d\": {userId: \"user%d\", firstName: %q, lastName: \"B\", "+
			"email: \"u%d@example.com\"}\n", i, i, first, i)
	}
	for g := range 40 {
		fmt.Fprintf(&b, "groups: \"g-%d\": {displayName: \"Group %d\", members: \"u-%d\": {}}\n", g, g, g)
	}
	return b.String()
}

// A daemon with a new state directory reads everything once, and not for each commit.
func TestAFreshStateDirectoryCostsOneFullRead(t *testing.T) {
	s := newSoak(t)
	endpoint, token := s.startSimulator()
	declare := func(edited string) {
		s.must(os.WriteFile(filepath.Join(s.work, "roster.cue"), []byte(freshStateOrg(endpoint, edited)), 0o600))
		s.push("Set the first name to " + edited)
	}
	declare("A")
	s.startDaemon(token)
	s.waitForRun(reconcile.RunApplied)
	s.stop()
	s.state = filepath.Join(s.home, "fresh")
	declare("B")
	s.startDaemon(token)
	full := s.waitForRun(reconcile.RunApplied).Report.FullRead
	if full == nil || full.Calls != 43 || !strings.Contains(full.Reason, "its state directory is new") {
		t.Errorf("the report says of the first run: %s", full)
	}
	for _, name := range []string{"C", "D", "E"} {
		declare(name)
		s.daemon.Trigger()
		r := s.waitForRun(reconcile.RunApplied).Report
		if r.CachedRead == nil || r.FullRead != nil {
			t.Errorf("commit %s was applied with %s", name, r.FullRead)
		}
	}
	s.stop()
}
