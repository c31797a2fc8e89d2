package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// demo is a daemon of `roster demo`, with its organization of 40 people.
type demo struct {
	address string // of the pages, without a slash at the end
	clone   string // a clone of the repository
}

var pageAddress = regexp.MustCompile(`(http://127\.0\.0\.1:[0-9]+)/api/v1/status`)
var demoFolder = regexp.MustCompile(`folder +(/\S+)`)

// startDemo starts `roster demo`, and waits until its scenario has ended.
func startDemo(t *testing.T) demo {
	t.Helper()
	program := filepath.Join(t.TempDir(), "roster")
	run(t, "../..", "go", "build", "-o", program, "./cmd/roster")
	cmd := exec.Command(program, "demo", "--dir", filepath.Join(t.TempDir(), "demo"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	var text bytes.Buffer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(&text, lines.Text())
		if address := pageAddress.FindStringSubmatch(lines.Text()); address != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			folder := demoFolder.FindStringSubmatch(text.String())
			if folder == nil {
				t.Fatalf("the demo names no folder:\n%s", &text)
			}
			return demo{address[1], filepath.Join(folder[1], "clone")}
		}
	}
	t.Fatalf("the demo ended:\n%s", &text)
	return demo{}
}

// run runs a command.
func run(t *testing.T, dir string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// merge commits what edit does to the files of the clone, and waits until the provisioner is in a
// state.
func (d demo) merge(t *testing.T, subject, outcome string, edit func()) {
	t.Helper()
	run(t, d.clone, "git", "pull", "-q", "--rebase")
	edit()
	run(t, d.clone, "git", "commit", "-q", "-a", "-m", subject)
	run(t, d.clone, "git", "push", "-q")
	deadline := time.Now().Add(time.Minute)
	for {
		res, err := http.Get(d.address + "/api/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && bytes.Contains(text, []byte(outcome)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute after %q the status has no %q:\n%s", subject, outcome, text)
		}
		select {
		case <-t.Context().Done():
			t.FailNow()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// edit replaces the text of a file with another one.
func edit(t *testing.T, file string, change func(text string) string) {
	t.Helper()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	after := change(string(before))
	if after == string(before) {
		t.Fatalf("%s is not changed:\n%s", file, before)
	}
	if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// axe returns the source of axe-core, which npm installs.
func axe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	manifest, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts",
		"--prefer-offline")
	source, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// TestPrepare downloads what the other tests need.
func TestPrepare(t *testing.T) { axe(t) }

// newBrowser starts Chromium. Debian's package has it.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: scripts/prepare-tests installs it")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path))
	if os.Getuid() == 0 { // its sandbox does not work for root
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return ctx
}

// watched are the requests and the messages of a browser.
type watched struct {
	mu       sync.Mutex
	requests []string
	messages []string
}

func watch(t *testing.T, ctx context.Context) *watched {
	t.Helper()
	w := &watched{}
	err := chromedp.Listen(ctx, func(event any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			w.requests = append(w.requests, e.Request.URL)
		case *runtime.EventConsoleAPICalled:
			w.messages = append(w.messages, fmt.Sprintf("%s: %+v", e.Type, e.Args))
		case *runtime.EventExceptionThrown:
			w.messages = append(w.messages, fmt.Sprint(e.ExceptionDetails))
		case *log.EventEntryAdded:
			w.messages = append(w.messages, e.Entry.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// take returns what was seen since the last call.
func (w *watched) take() (requests, messages []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	requests, messages = w.requests, w.messages
	w.requests, w.messages = nil, nil
	return requests, messages
}

// violation is a finding of axe-core.
type violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

// pages are the paths of all kinds of pages, with what their heading says. With link, the page is
// the one that this link of the path leads to.
var pages = []struct{ name, path, heading, link string }{
	{name: "needs attention", path: "/", heading: "need"},
	{name: "provisioners", path: "/provisioners", heading: "in sync"},
	{name: "provisioner", path: "/provisioners/aws", heading: "aws is not in sync"},
	{name: "changes", path: "/provisioners/aws/changes", heading: "lose all access (held)"},
	{name: "changes by a filter", path: "/provisioners/aws/changes?q=karim&effect=loses+access", heading: "all access"},
	{name: "user", path: "/users/u-1002", heading: "bram@example.com (u-1002) is in AWS and may sign in"},
	{name: "history of a user", path: "/users/u-1041/history", heading: "gained access 3 times and lost it never"},
	{name: "group", path: "/groups/break-glass", heading: "Break Glass"},
	{name: "history of a group", path: "/groups/sre/history", heading: "Site Reliability"},
	{name: "run", path: "/users/u-1041/history", link: "a[href*='/runs/']", heading: "Priya Menon"},
	{name: "nobody", path: "/find?q=nobody-has-this-name", heading: "Nobody and no group"},
	{name: "operations", path: "/operations", heading: "operations since"},
	{name: "operation", path: "/operations", link: "tbody th a[href^='/operations/']"},
	{name: "deadlines", path: "/deadlines?all=true", heading: "with an end"},
	{name: "apps", path: "/apps", heading: "with sign-in settings"},
	{name: "app", path: "/apps", link: "tbody th a[href^='/apps/']", heading: "certificate"},
}

// TestPagesInABrowser looks at every page in both themes and in four widths: axe-core finds
// nothing, nothing is wider than the window, nothing is loaded from elsewhere, and the browser
// reports no error. Without scripts each page has the same heading.
func TestPagesInABrowser(t *testing.T) {
	d := startDemo(t)
	d.merge(t, "Update from the personnel system", `"outcome": "held"`, func() {
		edit(t, filepath.Join(d.clone, "users/engineering.csv"), func(text string) string {
			return strings.Join(strings.SplitAfter(text, "\n")[:3], "")
		})
		// The demo runs each minute. Without that, the pages stay as they are while they are read.
		edit(t, filepath.Join(d.clone, "provisioners/aws.cue"), func(text string) string {
			return strings.Replace(text, `"* * * * *"`, `"0 3 1 1 *"`, 1)
		})
	})
	source, ctx := axe(t), newBrowser(t)
	seen := watch(t, ctx)
	host, err := url.Parse(d.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			path := p.path
			if p.link != "" {
				path = linked(t, ctx, d.address+p.path, p.link)
			}
			headings := map[string]bool{}
			for _, scripts := range []bool{true, false} {
				for _, theme := range []string{"light", "dark"} {
					for _, width := range []int64{1280, 768, 375, 320} {
						heading := openPage(t, ctx, view{d.address + path, theme, width, scripts}, source)
						headings[heading] = true
						requests, messages := seen.take()
						for _, r := range requests {
							if u, err := url.Parse(r); err != nil || u.Host != host.Host {
								t.Errorf("the page loads %s", r)
							}
						}
						for _, m := range messages {
							if p.name != "nobody" || !strings.Contains(m, "404 (Not Found)") {
								t.Errorf("the browser says: %s", m)
							}
						}
						if width == 1280 && scripts {
							screenshot(t, ctx, p.name+"-"+theme)
						}
					}
				}
			}
			if len(headings) != 1 || !strings.Contains(fmt.Sprint(headings), p.heading) {
				t.Errorf("the headings are %v, want one with %q", headings, p.heading)
			}
		})
	}
}

// examples are pages of the server of internal/web's tests that a demo does not have.
var examples = []string{"/", "/provisioners", "/provisioners/aws", "/provisioners/aws/changes", "/pulls", "/pulls/7",
	"/pulls/8", "/pulls/9", "/apps", "/apps/aws", "/users/u-1/history", "/groups/sre/history",
	"/provisioners/aws/runs/run-4", "/deadlines"}

// serveExamples makes the pages of internal/web's tests, and serves them.
func serveExamples(t *testing.T) (address string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "test", "./internal/web", "-count", "1", "-run",
		"^TestEachPageIsWellFormedAndLeadsToPages$")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "ROSTER_PAGES="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.page"))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		path, page, _ := strings.Cut(string(text), "\n")
		content[path] = page
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name := r.URL.Path; name {
		case "/style.css", "/icon.svg":
			http.ServeFile(w, r, "../../internal/web/page"+name)
		default:
			page, found := content[name]
			if !found {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, page)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestExamplesInABrowser looks at pages with everything that a page can have: pull requests, broken
// audit branches, refused commits.
func TestExamplesInABrowser(t *testing.T) {
	address, source, ctx := serveExamples(t), axe(t), newBrowser(t)
	seen := watch(t, ctx)
	for _, path := range examples {
		t.Run(path, func(t *testing.T) {
			for _, theme := range []string{"light", "dark"} {
				for _, width := range []int64{1280, 375, 320} {
					if openPage(t, ctx, view{address + path, theme, width, true}, source) == "" {
						t.Error("the page has no heading")
					}
					requests, messages := seen.take()
					for _, r := range requests {
						if !strings.HasPrefix(r, address+"/") {
							t.Errorf("the page loads %s", r)
						}
					}
					for _, m := range messages {
						t.Errorf("the browser says: %s", m)
					}
					if width == 1280 || width == 375 {
						name := "example" + strings.ReplaceAll(path, "/", "-")
						screenshot(t, ctx, fmt.Sprintf("%s-%s-%d", name, theme, width))
					}
				}
			}
		})
	}
}

// linked returns the path of the first link of a page that a selector finds.
func linked(t *testing.T, ctx context.Context, address, selector string) string {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	link, err := chromedp.Run(ctx, chromedp.AttributeValue(chromedp.CSS(selector), "href"))
	if err != nil || !link.Exists {
		t.Fatalf("%s has no link %s: %v", address, selector, err)
	}
	return link.Value
}

// view is how a page is looked at.
type view struct {
	address, theme string
	width          int64
	scripts        bool
}

// openPage opens a page and returns its heading. With scripts it also runs axe-core on it.
func openPage(t *testing.T, ctx context.Context, v view, source string) (heading string) {
	t.Helper()
	theme := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.theme}}
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: !v.scripts})
	if err == nil {
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: theme})
	}
	if err == nil {
		err = chromedp.Do(ctx, chromedp.EmulateViewport(v.width, 900), chromedp.Navigate(v.address))
	}
	if err == nil {
		heading, err = chromedp.Run(ctx, chromedp.Text(chromedp.CSS("h1")))
	}
	tooWide := false
	if err == nil {
		tooWide, err = chromedp.Run(ctx,
			chromedp.Evaluate[bool]("document.documentElement.scrollWidth > window.innerWidth"))
	}
	if err != nil {
		t.Fatalf("%+v: %v", v, err)
	}
	if tooWide {
		t.Errorf("%+v: the page is wider than the window", v)
	}
	if !v.scripts {
		return heading
	}
	found := runAxe(t, ctx, source, `r => JSON.stringify(r.violations)`)
	var violations []violation
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations {
		t.Errorf("%+v: %s: %s: %+v", v, violation.ID, violation.Help, violation.Nodes[:min(3, len(violation.Nodes))])
	}
	return heading
}

// runAxe runs axe-core on the page, and returns what a function of JavaScript makes of its result.
func runAxe(t *testing.T, ctx context.Context, source, function string) string {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](source)); err != nil {
		t.Fatalf("axe-core: %v", err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`axe.run(document).then(`+function+`)`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("axe-core: %v", err)
	}
	return found
}

// screenshot stores the page as a picture, if ROSTER_SCREENSHOTS names a folder.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("ROSTER_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png"), picture, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAxeFindsWhatIsWrong is the proof that the check of TestPagesInABrowser can fail.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	source, ctx := axe(t), newBrowser(t)
	page := `<html><body><img src="x"><input><p style="color:#999;background:#fff">pale</p></body></html>`
	if err := chromedp.Do(ctx, chromedp.Navigate("data:text/html,"+url.PathEscape(page))); err != nil {
		t.Fatal(err)
	}
	found := runAxe(t, ctx, source, `r => r.violations.map(v => v.id).join()`)
	for _, want := range []string{"image-alt", "label", "color-contrast", "html-has-lang"} {
		if !strings.Contains(found, want) {
			t.Errorf("axe-core finds %q, without %s", found, want)
		}
	}
}
