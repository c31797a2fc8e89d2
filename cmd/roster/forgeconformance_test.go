package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// forgeSuite is a daemon with a repository at a forge. The rows of forgeRows are one history of it:
// each begins and ends with a branch that is applied.
type forgeSuite struct {
	*testing.T
	forgeHost
	sim   *simulator
	proxy *forgeProxy
	work  string
	state string // of the daemon
	log   *safeBuffer
	poll  string
	stop  func()
	row   int // each row has a group of its own
}

// forgeRow is a situation at a forge. A forge that cannot have it says why in lacks.
type forgeRow struct {
	name  string
	lacks map[string]string // by kind of forge
	do    func(*forgeSuite)
}

// testForge runs all rows on a forge. newHost makes the forge for a working copy with a first
// commit.
func testForge(t *testing.T, poll string, newHost func(work string) forgeHost) {
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	home := t.TempDir()
	s := &forgeSuite{T: t, sim: sim, work: filepath.Join(home, "people"), state: filepath.Join(home, "state"),
		log: &safeBuffer{}, poll: poll}
	s.declare("")
	s.forgeHost = newHost(s.work)
	s.proxy = newForgeProxy(t, s.forgeHost)
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the log of the daemon:\n%s", s.log.String())
		}
	})
	s.wantRun(s.git("rev-parse", "HEAD"), reconcile.RunApplied)
	s.declare(", review: \"required\"")
	s.push("ann", s.git("rev-parse", "HEAD"), "main", false)
	s.wantRun(s.git("rev-parse", "HEAD"), reconcile.RunInSync)
	for i, row := range forgeRows {
		t.Run(row.name, func(t *testing.T) {
			if why := row.lacks[s.kind()]; why != "" {
				t.Logf("%s: %s", s.kind(), why)
				return
			}
			s.T, s.row = t, i
			defer func() { s.T = t }()
			s.update()
			row.do(s)
		})
		if t.Failed() {
			break // the next rows expect an applied branch
		}
	}
	s.T = t
}

// forgePeople are the people of the declarations, by key.
var forgePeople = map[string]string{
	"p1": "Ann Lee", "p2": "Bob Ray", "p3": "Cleo Kay", "p4": "Dan Orr", "p5": "Eve Fox",
}

// declare commits the first declarations. provisioner is added to it.
func (s *forgeSuite) declare(provisioner string) {
	groups := []string{`"everybody"`}
	files := map[string]string{}
	for i := range forgeRows {
		groups = append(groups, fmt.Sprintf("\"row-%d\"", i))
		files[fmt.Sprintf("groups/row-%d.cue", i)] = rowText(i, "p1", "p2")
	}
	var users strings.Builder
	for _, key := range slices.Sorted(maps.Keys(forgePeople)) {
		first, last, _ := strings.Cut(forgePeople[key], " ")
		fmt.Fprintf(&users, "users: %s: {userId: %q, firstName: %q, lastName: %q, email: \"%s@example.com\"}\n",
			key, key, first, last, strings.ToLower(first))
	}
	files["org.cue"] = `package roster
mappings: m: {
	user: #User
	scim: {
		` + schematest.SCIM + `
	}
}
apps: app: displayName: "AWS"
groups: everybody: {displayName: "Everybody", where: state: "ACTIVE"}
provisioners: aws: {
	app: "app", mapping: "m", enabled: true, groups: [` + strings.Join(groups, ", ") + `]` + provisioner + `
	endpoint: "` + s.sim.endpoint + `", auth: token: {env: "ROSTER_SECRET_AWS"}
	limits: memberRemovals: {off: true, reason: "the test takes members away"}
}
` + users.String()
	if _, err := os.Stat(s.work); err != nil {
		if err := os.MkdirAll(s.work, 0o755); err != nil {
			s.Fatal(err)
		}
		s.git("init", "-q", "-b", "main")
	}
	for name, text := range files {
		s.write(name, text)
	}
	s.git("add", "-A")
	s.commitAs("ann", "Declare the organization")
}

// rowText declares the group of a row.
func rowText(row int, members ...string) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m + ": {}"
	}
	return fmt.Sprintf("package roster\n\ngroups: \"row-%d\": {displayName: \"Row %d\", members: {\n\t%s\n}}\n",
		row, row, strings.Join(list, "\n\t"))
}

func (s *forgeSuite) write(name, text string) {
	s.Helper()
	path := filepath.Join(s.work, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

func (s *forgeSuite) git(args ...string) string {
	s.Helper()
	return git(s, s.work, args...)
}

// commitAs commits what is in the index as a user.
func (s *forgeSuite) commitAs(user, message string, flags ...string) string {
	s.Helper()
	gitAs(s, user, s.work, append([]string{"commit", "-q", "--allow-empty", "-m", message}, flags...)...)
	return s.git("rev-parse", "HEAD")
}

// update checks out the branch as it is at the forge.
func (s *forgeSuite) update() {
	s.Helper()
	s.git("fetch", "-q", "origin", "main")
	s.git("checkout", "-q", "-B", "main", "FETCH_HEAD")
}

// branch begins a branch of the row on the branch, and returns its name.
func (s *forgeSuite) branch(suffix string) string {
	s.Helper()
	name := fmt.Sprintf("row-%d%s", s.row, suffix)
	s.git("checkout", "-q", "-B", name)
	return name
}

// setMembers commits the members of the group of the row.
func (s *forgeSuite) setMembers(user string, members ...string) string {
	s.Helper()
	s.write(fmt.Sprintf("groups/row-%d.cue", s.row), rowText(s.row, members...))
	s.git("add", "-A")
	return s.commitAs(user, fmt.Sprintf("Row %d has %s", s.row, strings.Join(members, ", ")))
}

// propose opens a pull request in which the group of the row has these members.
func (s *forgeSuite) propose(user string, members ...string) (number int, head string) {
	s.Helper()
	name := s.branch("")
	head = s.setMembers(user, members...)
	s.push(user, head, name, false)
	return s.open(user, name, "main", false), head
}

// start starts the daemon.
func (s *forgeSuite) start() {
	ctx, cancel := context.WithCancel(context.Background())
	exited := make(chan int, 1)
	env := s.env()
	env["ROSTER_SECRET_AWS"], env["HOME"] = s.sim.Token(), filepath.Dir(s.work)
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--allow-host", "loopback", "--poll", s.poll,
		"--jitter", "0s", "--state-dir", s.state, "--forge-url", s.proxy.url + s.path()}, s.flags()...)
	go func() { exited <- execute(ctx, args, lookup, nil, s.log, s.log) }()
	s.stop = func() {
		cancel()
		if code := <-exited; code != 0 {
			s.Errorf("the daemon exited with %d", code)
		}
	}
}

// eventually waits for a condition.
func (s *forgeSuite) eventually(description func() string, holds func() bool) {
	s.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(2 * waitTimeout); !holds(); {
		select {
		case <-tick.C:
		case <-timeout:
			s.Fatalf("not within %s: %s", 2*waitTimeout, description())
		}
	}
}

// rounds waits until the daemon has completed two rounds of previews, so that it has done all that
// follows from what the forge had before.
func (s *forgeSuite) rounds() {
	s.Helper()
	before, _ := s.proxy.counts()
	s.eventually(func() string { return "two rounds of previews" }, func() bool {
		now, _ := s.proxy.counts()
		return now >= before+3
	})
}

// status returns the newest status of the provisioner on the audit branch.
func (s *forgeSuite) status() reconcile.Status {
	s.git("fetch", "-q", "origin", "refs/heads/*:refs/remotes/origin/*")
	var out reconcile.Status
	branches := s.git("for-each-ref", "--format=%(refname)", "refs/remotes/origin/roster/audit")
	if branches != "" && s.git("ls-tree", "origin/roster/audit", "status/aws.json") != "" {
		text := s.git("show", "origin/roster/audit:status/aws.json")
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			s.Fatal(err)
		}
	}
	return out
}

// wantRun waits for the run of a commit.
func (s *forgeSuite) wantRun(commit string, outcomes ...reconcile.Outcome) {
	s.Helper()
	var last reconcile.Status
	s.eventually(func() string {
		return fmt.Sprintf("commit %.7s is %v; it is %s of %s\n%s", commit, outcomes, last.Outcome, last.Commit.Short(),
			s.newestReport())
	}, func() bool {
		last = s.status()
		return last.Commit.ID == commit && slices.Contains(outcomes, last.Outcome)
	})
}

// newestReport returns the newest report as Markdown.
func (s *forgeSuite) newestReport() string {
	names := strings.Fields(s.git("ls-tree", "-r", "--name-only", "origin/roster/audit", "reports/aws"))
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".md") })
	if len(names) == 0 {
		return "there is no report"
	}
	return html.UnescapeString(s.git("show", "origin/roster/audit:"+slices.Max(names)))
}

// wantMembers checks who is in the group of the row in AWS.
func (s *forgeSuite) wantMembers(keys ...string) {
	s.Helper()
	var want []string
	for _, key := range keys {
		first, _, _ := strings.Cut(forgePeople[key], " ")
		want = append(want, strings.ToLower(first)+"@example.com")
	}
	have := slices.Sorted(slices.Values(s.sim.State().MemberNames(fmt.Sprintf("Row %d", s.row))))
	if !slices.Equal(have, slices.Sorted(slices.Values(want))) {
		s.Errorf("Row %d has %q in AWS; want %q", s.row, have, want)
	}
}

// wantComment waits until roster's only comment contains all parts, and returns it.
func (s *forgeSuite) wantComment(number int, parts ...string) hostComment {
	s.Helper()
	var list []hostComment
	s.eventually(func() string {
		return fmt.Sprintf("the comment on %d has %q: %+v", number, parts, list)
	}, func() bool {
		list = s.comments(number)
		return len(list) == 1 && !slices.ContainsFunc(parts, func(part string) bool {
			return !strings.Contains(html.UnescapeString(list[0].body), part)
		})
	})
	return list[0]
}

// wantNone checks that roster has posted nothing on a pull request and its head.
func (s *forgeSuite) wantNone(number int, head string) {
	s.Helper()
	s.rounds()
	if list := s.comments(number); len(list) > 0 {
		s.Errorf("pull request %d has the comments %+v; want none", number, list)
	}
	if list := s.statuses(head, "roster/preview"); len(list) > 0 {
		s.Errorf("the head of pull request %d has the statuses %+v; want none", number, list)
	}
}

// wantStatus waits until the newest status of a commit has a state and a text.
func (s *forgeSuite) wantStatus(commit, name, state, text string) {
	s.Helper()
	var list []hostStatus
	s.eventually(func() string {
		return fmt.Sprintf("the status %s of %.7s is %s %q: %+v", name, commit, state, text, list)
	}, func() bool {
		list = s.statuses(commit, name)
		if len(list) == 0 {
			return false
		}
		newest := list[len(list)-1]
		return newest.state == state && strings.Contains(newest.description, text)
	})
}

// wantOutcome waits for the outcome of a merge, on the pull request and on the commit of the
// branch. Then nothing more is posted.
func (s *forgeSuite) wantOutcome(number int, commit, state string, parts ...string) {
	s.Helper()
	s.wantComment(number, parts...)
	s.wantStatus(commit, "roster/outcome", state, "")
	s.rounds()
	_, before := s.proxy.counts()
	s.rounds()
	if _, after := s.proxy.counts(); after != before {
		s.Errorf("%d more writes at the forge, although nothing happened", after-before)
	}
	list := s.statuses(commit, "roster/outcome")
	for i := range list {
		if slices.Contains(list[:i], list[i]) {
			s.Errorf("the status %+v was set twice", list[i])
		}
	}
}

// mergeApproved has bob approve a pull request, merges it, and waits until it is applied.
func (s *forgeSuite) mergeApproved(number int, head, method string) (commit string) {
	s.Helper()
	s.wantStatus(head, "roster/preview", "pending", "")
	s.approve("bob", number)
	s.wantStatus(head, "roster/preview", "success", "")
	commit = s.merge(number, method)
	s.wantRun(commit, reconcile.RunApplied, reconcile.RunInSync)
	return commit
}

// undo pushes a commit that gives the group of the row its first members again.
func (s *forgeSuite) undo() {
	s.Helper()
	s.update()
	commit := s.setMembers("ann", "p1", "p2")
	s.push("ann", commit, "main", false)
	s.wantRun(commit, reconcile.RunInSync)
}
