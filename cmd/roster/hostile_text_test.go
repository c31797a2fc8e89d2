package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	htmlrender "github.com/yuin/goldmark/renderer/html"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// hostile returns a text from a source that tries to be more than text. The source is in it, so
// that a test can see that the text has arrived.
func hostile(source string) string {
	return source + "\x1b[2J\x1b]0;t\x07\u009b31m\u202e\u200b\u2028\U000e0041\r\nFORGED @team #12 www.evil.example " +
		"<b>y</b> | `z` end"
}

// hostileLine is a hostile text for a place that takes no line ends.
func hostileLine(source string) string {
	return strings.NewReplacer("\r\n", " ", "<b>", "*b*", "</b>", "", "\u2028", "").Replace(hostile(source))
}

// quoted returns a text as a string of CUE.
func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

var (
	ownColors   = regexp.MustCompile(`\x1b\[(0|1|2|32|33|36|1;31)m`)
	forgedLine  = regexp.MustCompile(`(?m)^[\s>*#-]*FORGED`)
	codeElement = regexp.MustCompile(`(?s)<code>.*?</code>`)
	markupOfH   = regexp.MustCompile(`(?i)<a |<img|<b>|@team|#12|www\.evil`)
)

// outputs are the texts that roster wrote, by a name for failures.
type outputs map[string]string

// check fails for each text in which a hostile value is more than text, and for each source that
// is in none of them.
func (o outputs) check(t *testing.T, sources ...string) {
	t.Helper()
	var all strings.Builder
	for name, text := range o {
		all.WriteString(text)
		if found := invisible(ownColors.ReplaceAllString(text, "")); found != "" {
			t.Errorf("%s has the character %s:\n%+q", name, found, text)
		}
		if forged := forgedLine.FindString(text); forged != "" {
			t.Errorf("%s has a forged line:\n%s", name, text)
		}
		if strings.HasSuffix(name, ".md") || strings.Contains(name, "markdown") || strings.HasPrefix(name, "comment") {
			if found := markupOfH.FindString(rendered(t, text)); found != "" {
				t.Errorf("%s renders %q as markup:\n%s", name, found, text)
			}
		}
		if strings.HasPrefix(name, "page") && strings.Contains(text, "<b>") {
			t.Errorf("%s has markup of a value:\n%s", name, text)
		}
	}
	for _, source := range sources {
		if !strings.Contains(all.String(), source) {
			t.Errorf("nothing shows the text from source %s: the test tests nothing", source)
		}
	}
}

// invisible returns the first character of a text that a terminal would not show; "" if there is
// none.
func invisible(text string) string {
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n' || r == '\t':
		case r == utf8.RuneError && size == 1, unicode.In(r, unicode.C, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point):
			return fmt.Sprintf("%+q", text[i:i+size])
		}
	}
	return ""
}

// rendered returns the HTML of Markdown without code.
func rendered(t *testing.T, markdown string) string {
	t.Helper()
	var out bytes.Buffer
	r := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(htmlrender.WithUnsafe()))
	if err := r.Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	without := codeElement.ReplaceAllString(out.String(), "")
	// An escaped tag is text. Everything else is searched as a forge would see it.
	return html.UnescapeString(strings.ReplaceAll(without, "&lt;", "&amp;lt;"))
}

// failingEndpoint refuses one create of a group with a hostile error.
type failingEndpoint struct {
	http.Handler
	refused atomic.Bool
}

func (e *failingEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/Groups") && !e.refused.Swap(true) {
		w.Header().Set("Content-Type", "application/scim+json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "400", "detail": hostile("SRC-scim-error")})
		return
	}
	e.Handler.ServeHTTP(w, r)
}

// newHostileRepository creates a repository and an AWS in which all texts that others choose are
// hostile.
func newHostileRepository(t *testing.T, endpoint *failingEndpoint) *daemonProcess {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	stop() // endpoint serves it
	endpoint.Handler = sim.Server
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
	sim.endpoint = server.URL + sim.Path()
	d := newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_AWS_TOKEN=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	if _, err := sim.PutGroup(awssim.Group{DisplayName: hostile("SRC-aws-group")}); err != nil {
		t.Fatal(err)
	}
	name := hostile("SRC-aws-user")
	if _, err := sim.PutUser(awssim.User{UserName: name, DisplayName: name}); err != nil {
		t.Fatal(err)
	}
	d.edit("groups/technology.cue", `reason: "migration project"`, "reason: "+quoted(hostile("SRC-reason")))
	d.edit("groups/technology.cue", `"Builds and runs the platform."`, quoted(hostile("SRC-description")))
	file := filepath.Join(d.work, "groups", strings.ReplaceAll(hostile("SRC-file"), "/", "")+".cue")
	if err := os.Rename(filepath.Join(d.work, "groups", "business.cue"), file); err != nil {
		t.Fatal(err)
	}
	commitHostile(t, d)
	git(t, d.work, "push", "-q", "origin", "HEAD:main")
	return d
}

// commitHostile commits everything with a hostile author and subject.
func commitHostile(t *testing.T, d *daemonProcess) {
	t.Helper()
	git(t, d.work, "add", "-A")
	git(t, d.work, "-c", "user.name="+hostileLine("SRC-committer"), "-c", "user.email=mal@example.com", "commit", "-q",
		"--author", hostileLine("SRC-author")+" <mal@example.com>", "-m", hostileLine("SRC-subject"))
}

// TestHostileTextIsTextInEachOutputOfACommand drives one hostile text through each source of text,
// and looks at all that the commands write, also to Git.
func TestHostileTextIsTextInEachOutputOfACommand(t *testing.T) {
	d := newHostileRepository(t, &failingEndpoint{})
	have := outputs{}
	run := func(args ...string) {
		out, _ := roster(t.Context(), d.home, args...).CombinedOutput()
		have["roster "+strings.Join(args, " ")] = string(out)
	}
	for _, format := range []string{"text", "json"} {
		run("check", d.work, "--format", format)
		run("plan", d.work, "--format", format, "--color", "always")
	}
	run("plan", d.work, "--format", "markdown")
	run("apply", d.work, "--color", "always")
	run("saml", "sp", hostileMetadata(t, d.home))
	git(t, d.work, "fetch", "-q", "origin")
	for _, format := range []string{"text", "json"} {
		for _, args := range [][]string{{"audit", "log"}, {"audit", "show"}, {"audit", "verify"}, {"show"},
			{"explain", "user", "u-1009"}, {"explain", "group", "sales"},
			{"explain", "user", hostile("SRC-argument")}} {
			run(append(args, "-C", d.work, "--format", format, "--color", "always")...)
		}
		run("deadlines", d.work, "--format", format)
		run("show", "-C", d.work, "--format", "csv")
	}
	for _, name := range strings.Split(git(t, d.bare, "ls-tree", "-r", "--name-only", "roster/audit"), "\n") {
		have[name] = git(t, d.bare, "show", "roster/audit:"+name)
	}
	have["messages of the audit branch"] = git(t, d.bare, "log", "--format=%an %cn %B", "roster/audit")
	have.check(t, "SRC-reason", "SRC-file", "SRC-aws-group", "SRC-aws-user", "SRC-author", "SRC-subject",
		"SRC-scim-error", "SRC-argument", "SRC-entity")
}

// hostileMetadata writes metadata of a service provider with a hostile entityID, as far as XML
// allows.
func hostileMetadata(t *testing.T, home string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "example", "saml", "aws-sp.xml"))
	if err != nil {
		t.Fatal(err)
	}
	id := "SRC-entity\u202e\u200b\u0085&#10;FORGED @team"
	b = regexp.MustCompile(`entityID="[^"]*"`).ReplaceAll(b, []byte(`entityID="`+id+`"`))
	name := filepath.Join(home, "sp.xml")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// The two tests here are only as good as their check. This one shows that it finds each kind.
func TestHostileTextIsFoundInOutputs(t *testing.T) {
	for name, text := range map[string]string{
		"plan": hostile("x"), "a report.md": "- " + strings.ReplaceAll(hostileLine("x"), "\x1b", ""), "log": "a\rb",
		"page": "<p><b>y</b>", "explain": "x\n  FORGED", "b.md": "by @team", "c.md": "www.evil.example",
		"d.md": "<b>y</b>", "json": "\u202e", "roster show": "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			found := &testing.T{}
			outputs{name: text}.check(found)
			if !found.Failed() {
				t.Errorf("%q passes the check", text)
			}
		})
	}
	missing := &testing.T{}
	if (outputs{"plan": "x"}).check(missing, "SRC-reason"); !missing.Failed() {
		t.Error("a source that nothing shows passes the check")
	}
}

// TestHostileClaimsAndBranchesAreText signs in a user whose claims are hostile, at a daemon whose
// branch has a hostile name, as far as Git allows.
func TestHostileClaimsAndBranchesAreText(t *testing.T) {
	provider := foreign.StartAuthServer(t, canary)
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	branch := "SRC-branch\u202e\u200b@team#12<b>y</b>"
	git(t, d.work, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
	d.env = append(d.env, "ROSTER_OIDC_CLIENT_SECRET="+canary)
	var log strings.Builder // complete after stop
	d.raw = &log
	address := freeAddress(t)
	d.start("--listen", address, "--public-url", "http://"+address, "--oidc-issuer", provider.URL,
		"--oidc-client-id", "roster-pages", "--oidc-scopes", "email,roles", "--oidc-act", "platform",
		"--branch", branch)
	d.waitForLog("run ended")
	if err := provider.SignIn(hostile("SRC-claim"), "platform", hostile("SRC-role")); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	have := outputs{}
	for _, path := range []string{"/", "/api/v1/status", "/provisioners", "/provisioners/aws",
		"/provisioners/aws/changes",
		"/operations", "/users/u-1002"} {
		status, body := d.request(&http.Client{Jar: jar}, "GET", path, func(r *http.Request) {
			r.Header.Set("Accept", "text/html")
		})
		if status != 200 {
			t.Errorf("%s: %d", path, status)
		}
		have["page "+path] = body
	}
	d.stop()
	have["log"] = log.String()
	for _, name := range strings.Split(git(t, d.bare, "ls-tree", "-r", "--name-only", "roster/audit"), "\n") {
		have[name] = git(t, d.bare, "show", "roster/audit:"+name)
	}
	have.check(t, "SRC-claim", "SRC-branch")
}

// TestHostileTextIsTextInEachOutputOfTheDaemon does the same with the log, the pages, the API and
// what the daemon posts to a forge.
func TestHostileTextIsTextInEachOutputOfTheDaemon(t *testing.T) {
	fake := newForge(t)
	fake.Limit = func(w http.ResponseWriter) {
		http.Error(w, hostile("SRC-forge-error"), http.StatusInternalServerError)
	}
	d := newHostileRepository(t, &failingEndpoint{})
	var log strings.Builder // complete after stop
	d.raw = &log
	d.start("--forge", "gitea", "--forge-url", fake.Start("gitea"))
	d.waitForLog("run ended")
	d.waitForLog("previews failed") // again and again, until the forge responds
	fake.Mu.Lock()
	fake.Limit = nil
	fake.Mu.Unlock()
	have := outputs{}
	for _, path := range []string{"", "users/u-1009", "groups/platform", "users/" +
		url.PathEscape(hostile("SRC-query")), "find?q=" + url.QueryEscape(hostile("SRC-query")), "operations",
		"provisioners", "provisioners/aws/changes?q=" + url.QueryEscape(hostile("SRC-query")), "api/v1/status",
		"api/v1/explain/user/u-1009", "metrics", "readyz",
		"provisioners/aws", "api/v1/provisioners/aws/changes", "deadlines", "api/v1/deadlines"} {
		res, err := http.Get(d.address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		have["page /"+path] = string(body)
	}

	git(t, d.work, "checkout", "-q", "-b", "change")
	d.edit("groups/technology.cue", `"u-1011": {}}`, `"u-1012": {until: "2027-06-30", reason: `+
		quoted(hostile("SRC-change"))+`}}`)
	commitHostile(t, d)
	git(t, d.work, "push", "-q", "origin", "HEAD:refs/pull/7/head", "HEAD:change")
	setPulls(fake, &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: git(t, d.work, "rev-parse", "HEAD")})
	have["comment"] = nextPost(fake)
	have["status of the comment"] = nextPost(fake)
	if err := os.WriteFile(filepath.Join(d.work, "groups", "bad.cue"), []byte("package roster\n\ngroups: "+
		quoted(hostile("SRC-key"))+": displayName: "+quoted(hostile("SRC-name"))+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	commitHostile(t, d)
	git(t, d.work, "push", "-q", "origin", "HEAD:refs/pull/7/head", "HEAD:change")
	setPulls(fake, &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: git(t, d.work, "rev-parse", "HEAD")})
	have["comment on invalid declarations"] = nextPost(fake)
	have["status of invalid declarations"] = nextPost(fake)
	d.stop()
	have["log"] = log.String()
	have.check(t, "SRC-subject", "SRC-author", "SRC-reason", "SRC-query", "SRC-key", "SRC-forge-error",
		"SRC-scim-error")
}
