package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// explainRow is one user in one situation. declared has the user's fields in CUE at each of three
// commits, "-" if the user is not declared; groups the memberships. A missing element repeats the
// one before.
type explainRow struct {
	situation   string
	key         string
	provisioner string // "" is aws
	declared    []string
	groups      []string // keys separated by spaces; a key may have an end: "ops<2026-01-01"
	question    string   // "" is the key
	want        string   // part of the answer after the third commit
}

// explainRows are the users of TestExplanationsAreTrue. The words in want that are not about AWS
// are compared literally; what the answer says about AWS is compared with the simulator.
var explainRows = []explainRow{
	{"active", "active", "", nil, []string{"ops"}, "", `may sign in, in "ops".`},
	{"by email", "byemail", "", nil, []string{"ops eng"}, "BYEMAIL@example.com", `may sign in, in "eng", "ops".`},
	{"by rule", "byrule", "", []string{`attributes: team: "red"`}, []string{""}, "", `may sign in, in "rule".`},
	{"by include of include", "nested", "", nil, []string{"inner"}, "", `may sign in, in "outer".`},
	{"excluded by a rule in an included group", "missed", "", []string{`attributes: team: "gren"`}, []string{""}, "",
		`is not managed by roster: in none of the groups that provisioner "aws" selects; "outer": not a declared ` +
			`member, and in the included "mid" in the included "inner" the rule does not match: requires team ` +
			`"green", ` +
			`has "gren"`},
	{"group not selected", "elsewhere", "", nil, []string{"elsewhere"}, "",
		`in none of the groups that provisioner "aws"`},
	{"membership ended on a date", "ended", "", nil, []string{"eng", "eng", "eng ops<2026-01-01"}, "",
		`may sign in, in "eng".`},
	{"out of scope on a date", "bydate", "", nil, []string{"ops<2026-01-01"}, "",
		`"ops": the membership ended on 2026-01-01`},
	{"locked", "locked", "", []string{"", `state: "LOCKED"`}, []string{"ops"}, "", `may not sign in: state LOCKED.`},
	{"locked, and the deactivation is held", "lockheld", "", []string{"", `state: "LOCKED"`}, []string{"ops"}, "",
		`may still sign in, in "ops", although state LOCKED: held by gate protected:`},
	{"locked by a commit that is not applied", "notyet", "", []string{"", "", `state: "LOCKED"`}, []string{"ops"}, "",
		`may still sign in, in "ops", although state LOCKED: the last run`},
	{"inactive and never created", "inactive", "", []string{`state: "INACTIVE"`}, []string{"ops"}, "",
		`state INACTIVE; inactive users are never created`},
	{"not yet started", "future", "", []string{`validFrom: "2097-01-01"`}, []string{"ops"}, "",
		`is not valid before 2097-01-01 (validFrom)`},
	{"contract ended", "contract", "", []string{"", `validUntil: "2026-01-31"`}, []string{"ops"}, "",
		`the validity of the user ended on 2026-01-31 (validUntil)`},
	{"left", "left", "", []string{"", "-"}, []string{"ops", ""}, "left@example.com",
		`may not sign in since 20\d\d-\d\d-\d\d: no longer declared since commit [0-9a-f]{7} of .* \(Bob\), to be ` +
			`deleted after`},
	{"left, by name in another case", "leftnamed", "", []string{`firstName: "Zoë", lastName: "Nuñez"`, "-"},
		[]string{"ops", ""}, "ZOË nun\u0303ez", `may not sign in since 20\d\d-\d\d-\d\d: no longer declared since ` +
			`commit`},
	{"left the scope", "leftscope", "", nil, []string{"ops", "elsewhere"}, "",
		`may not sign in since .*: in none of the groups that provisioner "aws" selects`},
	{"left the scope, and the deactivation is held", "leftheld", "", nil, []string{"ops", "elsewhere"}, "",
		`may still sign in, in "ops", although in none of the groups that provisioner "aws" selects: held by gate ` +
			`protected`},
	{"rehired", "rehired", "", []string{"", "-", ""}, []string{"ops", "", "ops"}, "",
		`may not sign in, although declared so: the last run`},
	{"suspended by hand in AWS", "suspended", "", nil, []string{"ops"}, "",
		`may not sign in, although declared so: held by gate switchedOff`},
	{"deleted by hand in AWS", "vanished", "", nil, []string{"ops"}, "", `is no longer in AWS: held by gate vanished`},
	{"removed from a group by hand", "drifted", "", nil, []string{"ops eng"}, "", `may sign in, in "eng", "ops".`},
	{"renamed", "renamed", "", []string{"", `email=new.name@example.com`}, []string{"ops"}, "new.name@example.com",
		`^new.name@example.com \(renamed\) is in AWS and may sign in, in "ops".`},
	{"re-keyed", "rekeyed-2", "", []string{"-", `email=rekeyed@example.com;previously: "rekeyed-1": {}`},
		[]string{"", "ops"}, "rekeyed-1", `rekeyed@example.com \(rekeyed-2\) is in AWS and may sign in, in "ops".`},
	{"re-keyed with another name", "swapped-2", "",
		[]string{"-", `email=swapped.new@example.com;previously: "swapped-1": {}`}, []string{"", "ops"}, "",
		`may sign in, in "ops"; userName is still "swapped-1@example.com": held by gate signInNames`},
	{"unmanaged, and equal to what is declared", "equal", "", nil, []string{"ops"}, "",
		`may sign in; roster does not manage the user: adopt is "never"`},
	{"unmanaged, and different", "differs", "", nil, []string{"ops"}, "",
		`may not sign in; roster does not manage the user: held by gate firstContact: .*; gate adopt: `},
	{"name with a foreign externalId", "foreign", "", nil, []string{"ops"}, "",
		`roster does not manage the user: held by gate firstContact: .*; gate foreignExternalId: `},
	{"in two provisioners, here", "two", "", nil, []string{"ops two"}, "", `may sign in, in "ops".`},
	{"in two provisioners, there", "two", "two", nil, []string{"ops two"}, "", `may sign in, in "two".`},
	{"kept", "kept", "two", []string{"", "-"}, []string{"two", ""}, "kept@example.com",
		`may sign in, as roster left the user \(deprovision: keep\): no longer declared`},
	{"deleted", "deleted", "three", []string{"", "-"}, []string{"three", ""}, "deleted@example.com",
		`is not in AWS: no longer declared since commit .*, and deleted on 20`},
	{"still there", "stays3", "three", nil, []string{"three"}, "", `may sign in, in "three".`},
	{"quarantine", "quarantined", "four", []string{"", `state: "LOCKED"`}, []string{"four"}, "",
		`may still sign in, in "four", although state LOCKED: AWS refuses roster since`},
	{"unreviewed", "unreviewed", "five", nil, []string{"five"}, "", `is not in AWS yet: held by gate unreviewed`},
	{"never enabled", "waiting", "six", nil, []string{"six"}, "",
		`is not in AWS yet: disabled, and never enabled: nothing is sent until enabled: true`},
	{"paused", "paused", "seven", []string{"", `state: "LOCKED"`}, []string{"seven"}, "",
		`may still sign in, in "seven", although state LOCKED: paused until 2097-01-01: moving; nothing is sent`},
	{"initial adoption held", "adoptable", "eight", nil, []string{"eight"}, "",
		`roster does not manage the user: held by gate firstContact`},
	{"refused by AWS", "refused", "nine", nil, []string{"nine"}, "", `is not in AWS yet: failed: `},
	{"unconfirmed", "unconfirmed", "ten", nil, []string{"ten"}, "",
		`may be in AWS: run .* sent it and got no response`},
	{"disabled", "disabled", "eleven", nil, []string{"eleven", "eleven", "eleven"}, "", `may sign in, in "eleven".`},
	{"disabled, and not created", "disabled2", "eleven", []string{"-", ""}, []string{"", "eleven"}, "",
		`is not in AWS yet: (waiting for enable|disabled)`},
	{"contradicted", "contradicted", "twelve", nil, []string{"twelve"}, "",
		`may be in AWS; roster does not manage the user: the ledger and AWS contradict each other: the ledger lists ` +
			`user "contradicted" \(id .*, "contradicted@example.com" in AWS\) as managed, but AWS shows the ` +
			`externalId "another-system" there`},
	{"the mapping fails", "unmapped", "thirteen", []string{"", `validUntil: "2026-01-31"`}, []string{"thirteen"}, "",
		`is in AWS and may sign in, and its changes wait, because the mapping fails: `},
	{"new commit not applied", "newcomer", "", []string{"-", "-", ""}, []string{"", "", "ops"}, "",
		`is not known to be in AWS: the last run`},
}

// at returns the element of a list for a commit, from 0.
func at(list []string, commit int) string {
	if len(list) == 0 {
		return ""
	}
	return list[min(commit, len(list)-1)]
}

// explainOrg is the organization of the rows, with one simulator for each provisioner.
type explainOrg struct {
	t          *testing.T
	home       string
	work, bare string
	sims       map[string]*simulator
	env        map[string]string
}

var explainProvisioners = map[string]string{
	"aws": `groups: ["ops", "eng", "outer", "rule"]
		deprovision: {mode: "deactivate", deleteAfterDays: 30}
		protect: users: {"lockheld": {}, "leftheld": {}}
		limits: {memberRemovals: {off: true, reason: "a test"}, maxRemovals: {off: true, reason: "a test"}}`,
	"two":    `groups: ["two"], deprovision: mode: "keep"`,
	"three":  `groups: ["three"], deprovision: mode: "delete"`,
	"four":   `groups: ["four"]`,
	"five":   `groups: ["five"], review: "required"`,
	"six":    `groups: ["six"], enabled: false`,
	"seven":  `groups: ["seven"]`,
	"eight":  `groups: ["eight"], adopt: "match"`,
	"nine":   `groups: ["nine"]`,
	"ten":    `groups: ["ten"]`,
	"eleven": `groups: ["eleven"]`,
	"twelve": `groups: ["twelve"]`,
	// The expression of the title has a value only for users who may sign in.
	"thirteen": `groups: ["thirteen"], mapping: "strict"`,
}

func newExplainOrg(t *testing.T) *explainOrg {
	o := &explainOrg{t: t, home: t.TempDir(), sims: map[string]*simulator{}, env: map[string]string{
		"ROSTER_ALLOW_HOST": "loopback"}}
	o.work, o.bare = filepath.Join(o.home, "work"), filepath.Join(o.home, "bare.git")
	maps.Copy(o.env, gitEnv(o.home))
	for name := range explainProvisioners {
		sim, stop := startSimulator(name, awssim.Options{})
		t.Cleanup(stop)
		o.sims[name] = sim
		o.env["ROSTER_SECRET_"+strings.ToUpper(name)] = canary + name
	}
	git(t, o.home, "init", "-q", "--bare", "-b", "main", o.bare)
	git(t, o.home, "clone", "-q", o.bare, o.work)
	git(t, o.work, "config", "user.name", "roster")
	git(t, o.work, "config", "user.email", "roster@example.com")
	return o
}

// commit writes and pushes the declarations of a commit, from 0.
func (o *explainOrg) commit(n int, paused string) {
	o.t.Helper()
	var b strings.Builder
	b.WriteString("package roster\nattributeTypes: team: type: \"string\"\napps: app: displayName: \"AWS\"\n")
	titles := map[string]string{"m": "", "strict": `, title: [if user.state == "ACTIVE" {"Staff"}][0]`}
	for _, name := range slices.Sorted(maps.Keys(titles)) {
		fmt.Fprintf(&b, "mappings: %s: {user: #User, scim: {userName: user.email, displayName: user.userId, "+
			"name: {givenName: user.firstName, familyName: user.lastName}, active: user.state == \"ACTIVE\", "+
			"emails: [{value: user.email, type: \"work\", primary: true}]%s}}\n", name, titles[name])
	}
	for _, name := range slices.Sorted(maps.Keys(explainProvisioners)) {
		more := explainProvisioners[name]
		if !strings.Contains(more, "enabled:") {
			more += fmt.Sprintf(", enabled: %t", name != "eleven" || n == 0)
		}
		if name == paused {
			more += `, paused: {reason: "moving", until: "2097-01-01"}`
		}
		if !strings.Contains(more, "mapping:") {
			more += `, mapping: "m"`
		}
		fmt.Fprintf(&b, "provisioners: %s: {app: \"app\", endpoint: %q, auth: token: {env: %q}\n"+
			"rate: {perSecond: 0, concurrency: 1}\n%s}\n", name, o.sims[name].endpoint,
			"ROSTER_SECRET_"+strings.ToUpper(name), more)
	}
	b.WriteString("groups: {inner: {displayName: \"inner\", where: team: \"green\"}\nmid: {displayName: \"mid\", " +
		"include: inner: {}}\nouter: {displayName: \"outer\", include: mid: {}}\n" +
		"rule: {displayName: \"rule\", where: team: \"red\"}}\n")
	rows := slices.Clone(explainRows)
	for _, old := range []string{"rekeyed-1", "swapped-1"} {
		rows = append(rows, explainRow{key: old, declared: []string{"", "-"}, groups: []string{"ops", ""}})
	}
	for p := range explainProvisioners { // so that no group is left empty
		group := map[string]string{"aws": "eng"}[p]
		if group == "" {
			group = p
		}
		if p != "six" && p != "five" && p != "nine" && p != "ten" && p != "eight" {
			rows = append(rows, explainRow{key: "anchor-" + p, groups: []string{group}})
		}
	}
	written := map[string]bool{}
	for _, r := range rows {
		fields := at(r.declared, n)
		if fields == "-" || written[r.key] {
			continue
		}
		written[r.key] = true
		email := r.key + "@example.com"
		if rest, renamed := strings.CutPrefix(fields, "email="); renamed {
			email, fields, _ = strings.Cut(rest, ";")
		}
		if !strings.Contains(fields, "firstName:") {
			fields += "\nfirstName: \"F\", lastName: \"L\""
		}
		fmt.Fprintf(&b, "users: %q: {userId: %q, email: %q\n%s}\n", r.key, r.key, email, fields)
		for _, group := range strings.Fields(at(r.groups, n)) {
			group, end, ends := strings.Cut(group, "<")
			member := "{}"
			if ends {
				member = fmt.Sprintf("{until: %q}", end)
			}
			fmt.Fprintf(&b, "groups: %q: {displayName: %q, members: %q: %s}\n", group, group, r.key, member)
		}
	}
	if err := os.WriteFile(filepath.Join(o.work, "roster.cue"), []byte(b.String()), 0o600); err != nil {
		o.t.Fatal(err)
	}
	git(o.t, o.work, "add", "-A")
	git(o.t, o.work, "commit", "-q", "-m", fmt.Sprintf("Commit %d", n))
	git(o.t, o.work, "push", "-q", "origin", "HEAD:main")
}

// roster runs a command in this process.
func (o *explainOrg) roster(args ...string) (stdout, stderr string, code int) {
	o.t.Helper()
	var out, errs strings.Builder
	env := func(name string) (string, bool) { v, found := o.env[name]; return v, found }
	code = execute(o.t.Context(), args, env, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

func (o *explainOrg) apply(provisioners ...string) {
	o.t.Helper()
	for _, p := range provisioners {
		if out, errs, code := o.roster("apply", o.work, "--provisioner", p); code == int(exitUsage) ||
			strings.Contains(errs, "configuration is invalid") && !strings.Contains(out, "mapping \"strict\"") {
			o.t.Fatalf("apply %s: %d\n%s%s", p, code, out, errs)
		}
	}
}

// applyElsewhere applies as another machine, which has no record of the audit branch.
func (o *explainOrg) applyElsewhere(provisioner string) {
	o.t.Helper()
	if out, errs, code := o.roster("apply", o.work, "--provisioner", provisioner, "--state-dir",
		filepath.Join(o.home, "elsewhere")); code != int(exitHeld) {
		o.t.Fatalf("apply %s elsewhere: %d\n%s%s", provisioner, code, out, errs)
	}
}

func (o *explainOrg) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// person returns a user as roster would create it.
func person(key string) awssim.User {
	email := key + "@example.com"
	return awssim.User{UserName: email, DisplayName: key, Active: true, Name: &awssim.Name{GivenName: "F",
		FamilyName: "L"},
		Emails: []awssim.Value{{Value: email, Type: "work", Primary: true}}}
}

// prepare puts into AWS what was there before the first run.
func (o *explainOrg) prepare() {
	o.t.Helper()
	aws := o.sims["aws"]
	foreign, differs, stray := person("foreign"), person("differs"), person("elsewhere")
	foreign.ExternalID, differs.Active = "another-system", false
	for _, u := range []awssim.User{person("equal"), foreign, differs, stray} {
		_, err := aws.PutUser(u)
		o.must(err)
	}
	_, err := o.sims["eight"].PutUser(person("adoptable"))
	o.must(err)
	o.must(o.sims["nine"].Inject(awssim.Fault{Name: awssim.FaultQuota, Operation: "CreateUser"}))
	o.must(o.sims["ten"].Inject(awssim.Fault{Name: awssim.FaultReplyLost, Operation: "CreateUser"}))
}

// changeOutside changes AWS by hand.
func (o *explainOrg) changeOutside() {
	o.t.Helper()
	aws := o.sims["aws"]
	state := aws.State()
	suspended, _ := state.User("suspended@example.com")
	suspended.Active = false
	_, err := aws.PutUser(suspended)
	o.must(err)
	vanished, _ := state.User("vanished@example.com")
	o.must(aws.DeleteUser(vanished.ID))
	drifted, _ := state.User("drifted@example.com")
	eng, _ := state.Group("eng")
	o.must(aws.RemoveMember(eng.ID, drifted.ID))
	o.must(o.sims["four"].Inject(awssim.Fault{Name: awssim.FaultRevoke}))
	contradicted, _ := o.sims["twelve"].State().User("contradicted@example.com")
	contradicted.ExternalID = "another-system"
	_, err = o.sims["twelve"].PutUser(contradicted)
	o.must(err)
}

// Each user of the table is in another situation. What the first sentence says about AWS is true in
// the simulator, on the command line, in its JSON, and in the API of the daemon.
func TestExplanationsAreTrue(t *testing.T) {
	o := newExplainOrg(t)
	o.prepare()
	all := slices.Sorted(maps.Keys(explainProvisioners))
	o.commit(0, "")
	o.apply(all...)
	o.changeOutside()
	o.commit(1, "seven")
	o.apply(slices.DeleteFunc(all, func(p string) bool {
		return slices.Contains([]string{"nine", "ten", "eight", "twelve"}, p)
	})...)
	o.applyElsewhere("twelve")
	o.commit(2, "seven")
	for _, r := range explainRows {
		t.Run(r.situation, func(t *testing.T) { o.checkCommand(t, r) })
	}
	t.Run("the API of a daemon", o.checkDaemon)
}

func (r *explainRow) arguments() (question, provisioner string) {
	question, provisioner = r.question, r.provisioner
	if question == "" {
		question = r.key
	}
	if provisioner == "" {
		provisioner = "aws"
	}
	return question, provisioner
}

// checkCommand compares the answers of the command line and its JSON with the simulator.
func (o *explainOrg) checkCommand(t *testing.T, r explainRow) {
	question, provisioner := r.arguments()
	out, errs, code := o.roster("explain", "-C", o.work, "user", question, "--provisioner", provisioner)
	if code != 0 {
		t.Fatalf("explain: %d\n%s", code, errs)
	}
	answer, _, _ := strings.Cut(out, "\n")
	want := r.want
	if !strings.Contains(want, `\`) && !strings.Contains(want, ".*") && !strings.Contains(want, "(waiting") {
		want = regexp.QuoteMeta(want)
	}
	if !regexp.MustCompile(want).MatchString(answer) {
		t.Errorf("got  %s\nwant %s", answer, r.want)
	}
	checkTruth(t, answer, o.sims[provisioner].State(), r.key)
	out, errs, code = o.roster("explain", "-C", o.work, "user", question, "--provisioner", provisioner, "--format",
		"json")
	var result struct {
		Explanations []*explain.Explanation `json:"explanations"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 0 || len(result.Explanations) != 1 {
		t.Fatalf("explain --format json: %d, %v\n%s%s", code, err, out, errs)
	}
	if got := result.Explanations[0]; got.Answer != answer {
		t.Errorf("the answer in JSON is %s\nthe text has %s", got.Answer, answer)
	}
}

// checkDaemon starts a daemon on the repository, waits for its runs, and compares the answers of
// its API with the simulators.
func (o *explainOrg) checkDaemon(t *testing.T) {
	d := &daemonProcess{t: t, home: o.home, work: o.work, bare: o.bare}
	for name, value := range o.env {
		d.env = append(d.env, name+"="+value)
	}
	d.start()
	defer d.stop()
	d.eventually("each provisioner has run", func() bool {
		return len(d.state().Provisioners) == len(explainProvisioners)
	})
	for _, r := range explainRows {
		question, provisioner := r.arguments()
		code, body := d.get("/api/v1/explain/user/" + url.PathEscape(question) + "?provisioner=" + provisioner)
		var result struct {
			Explanations []*explain.Explanation `json:"explanations"`
		}
		if err := json.Unmarshal([]byte(body), &result); err != nil || code != http.StatusOK ||
			len(result.Explanations) == 0 {
			t.Errorf("%s: %d, %v\n%s", r.situation, code, err, body)
			continue
		}
		checkTruth(t, result.Explanations[0].Answer, o.sims[provisioner].State(), r.key)
	}
}

// claims are what the beginning of an answer says about a user in AWS. The first that matches
// counts.
var claims = []struct {
	pattern         *regexp.Regexp
	present, active bool
}{
	{regexp.MustCompile(`^\S+ \(\S+\) is in AWS and may (still )?sign in`), true, true},
	{regexp.MustCompile(`^\S+ \(\S+\) is in AWS but may not sign in`), true, false},
	{regexp.MustCompile(`^\S+ \(\S+\) is (not|no longer) in AWS`), false, false},
}

// noClaim are the answers that say nothing certain about AWS, and say so.
var noClaim = regexp.MustCompile(`may be in AWS(: run|; roster does not manage the user: the ledger)|` +
	`is not managed by roster: .* roster show|is not known to be in ` +
	`AWS`)

var claimedGroups = regexp.MustCompile(`sign in, in ((?:"[^"]+"(?:, )?)+|no group)`)

// checkTruth compares what an answer says about AWS with the state of AWS.
func checkTruth(t *testing.T, answer string, state awssim.State, key string) {
	t.Helper()
	emails := []string{key + "@example.com", strings.TrimSuffix(key, "-2") + "-1@example.com"}
	i := slices.IndexFunc(state.Users, func(u awssim.User) bool {
		return u.ExternalID == key || slices.Contains(emails, u.UserName)
	})
	for _, c := range claims {
		if !c.pattern.MatchString(answer) {
			continue
		}
		if c.present != (i >= 0) || i >= 0 && state.Users[i].Active != c.active {
			t.Errorf("not true: %s\nAWS has: %v", answer, i >= 0 && state.Users[i].Active)
		}
		m := claimedGroups.FindStringSubmatch(answer)
		if m == nil || i < 0 {
			return
		}
		var groups []string
		for _, g := range state.Groups {
			if slices.Contains(g.Members, state.Users[i].ID) {
				groups = append(groups, fmt.Sprintf("%q", g.DisplayName))
			}
		}
		slices.Sort(groups)
		have := cmp.Or(strings.Join(groups, ", "), "no group")
		if strings.TrimSuffix(m[1], ", ") != have {
			t.Errorf("not true: %s\nin AWS, the groups are %s", answer, have)
		}
		return
	}
	if !noClaim.MatchString(answer) {
		t.Errorf("the answer does not say what AWS has: %s", answer)
	}
}

// A sentence that is not true is found.
func TestUntrueExplanationsAreFound(t *testing.T) {
	state := awssim.State{Users: []awssim.User{{ID: "1", UserName: "a@example.com", Active: true}},
		Groups: []awssim.Group{{DisplayName: "g", Members: []string{"1"}}}}
	for _, test := range []struct {
		answer string
		isTrue bool
	}{
		{`a@example.com (a) is in AWS and may sign in, in "g".`, true},
		{`a@example.com (a) is in AWS and may sign in, in no group.`, false},
		{`a@example.com (a) is in AWS but may not sign in: state LOCKED.`, false},
		{`a@example.com (a) is not in AWS: not declared.`, false},
		{`a@example.com (a) is a person.`, false},
	} {
		inner := &testing.T{}
		checkTruth(inner, test.answer, state, "a")
		if inner.Failed() == test.isTrue {
			t.Errorf("%s: true %t, want %t", test.answer, !inner.Failed(), test.isTrue)
		}
	}
}
