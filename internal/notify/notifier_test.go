package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	canary        = "canary-3c1f"
	signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// receiver is an HTTP server that takes webhooks, or answers with errors.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int // of the answers; 0 is 200
	header http.Header
	got    []received
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for name, values := range r.header {
			w.Header()[name] = values
		}
		if r.status != 0 {
			http.Error(w, "not now", r.status)
			return
		}
		r.got = append(r.got, received{req.Header, body})
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.header = status, header
}

// bodies returns the bodies that were taken since the last call.
func (r *receiver) bodies() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out [][]byte
	for _, g := range r.got {
		out = append(out, g.body)
	}
	r.got = nil
	return out
}

// titles returns the titles of the events that were taken since the last call, by message.
func (r *receiver) titles(t *testing.T) [][]string {
	t.Helper()
	var out [][]string
	for _, data := range r.bodies() {
		var body webhookBody
		if err := json.Unmarshal(data, &body); err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, e := range body.Data.Events {
			titles = append(titles, e.Title)
		}
		out = append(out, titles)
	}
	return out
}

// bench is a notifier with a clock that the test moves.
type bench struct {
	*Notifier
	t      *testing.T
	file   string
	config *Config
	clock  time.Time
	log    *bytes.Buffer
}

// start is a Monday.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newBench(t *testing.T, config string, url string) *bench {
	t.Helper()
	c, err := ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, file: filepath.Join(t.TempDir(), "notify.json"), config: c, clock: start, log: &bytes.Buffer{}}
	t.Setenv("HOOK", url)
	t.Setenv("SIGN", signingSecret)
	b.restart()
	return b
}

// restart replaces the notifier by one that reads the file, as after a restart of the process.
func (b *bench) restart() {
	b.t.Helper()
	n, err := New(Options{Config: b.config, File: b.file, Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Now: func() time.Time { return b.clock },
		Resolve: func(_ context.Context, s Secret) (string, error) {
			if value, ok := os.LookupEnv(s.Env); ok {
				return value, nil
			}
			return "", errors.New("the environment has no " + s.Env)
		}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Notifier = n
}

func (b *bench) observe(problems ...Problem) {
	b.t.Helper()
	if err := b.Observe("aws", problems); err != nil {
		b.t.Fatal(err)
	}
}

// after moves the clock and delivers what is due.
func (b *bench) after(d time.Duration) {
	b.clock = b.clock.Add(d)
	b.Deliver(b.t.Context())
}

const webhookConfig = `
channels:
- name: hook
  webhook: {url: {env: HOOK}, signingSecret: {env: SIGN}}
`

var (
	held   = Problem{Kind: Held, Cause: "sha256:1", Title: "2 changes are held"}
	failed = Problem{Kind: Failed, Title: "the run failed"}
	broken = Problem{Kind: Broken, Title: "the audit branch is broken"}
	drift  = Problem{Kind: Drift, Cause: "run-1", Title: "ann was deleted"}
)

func wantTitles(t *testing.T, r *receiver, step string, want ...[]string) {
	t.Helper()
	if got := r.titles(t); !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("%s: the receiver got %q, want %q", step, got, want)
	}
}

func TestAnEventIsSentOnceHoweverOftenItIsObserved(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	for range 3 {
		b.observe(held)
		b.after(time.Minute)
		b.restart()
		b.after(0)
	}
	wantTitles(t, r, "the same held changes", []string{"2 changes are held"})
	b.observe(Problem{Kind: Held, Cause: "sha256:2", Title: "5 changes are held"})
	b.after(0)
	wantTitles(t, r, "other held changes", []string{"5 changes are held"})
}

func TestTheEndOfAllProblemsIsSentOnce(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	b.observe(failed, broken)
	b.after(0)
	wantTitles(t, r, "two problems", []string{"the run failed", "the audit branch is broken"})
	b.observe(broken)
	b.after(0)
	wantTitles(t, r, "one is left")
	b.restart()
	b.observe()
	b.observe()
	b.after(0)
	wantTitles(t, r, "none is left", []string{"all is well again"})
	b.observe(failed)
	b.after(0)
	wantTitles(t, r, "a problem comes back", []string{"the run failed"})
}

// A change by hand does not last, so nothing recovers from it.
func TestADriftHasNoEnd(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	b.observe(drift)
	b.observe()
	b.observe(drift)
	b.after(0)
	wantTitles(t, r, "a drift", []string{"ann was deleted"})
}

func TestAProblemOfAnotherProvisionerIsAnotherEvent(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	b.observe(failed)
	if err := b.Observe("dev", []Problem{failed}); err != nil {
		t.Fatal(err)
	}
	b.observe()
	b.after(0)
	wantTitles(t, r, "two provisioners", []string{"the run failed", "the run failed", "all is well again"})
}

func TestAReceiverThatFailsGetsTheEventLater(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	r.answer(http.StatusInternalServerError, nil)
	b.observe(failed)
	b.after(0)
	if problems := b.Waiting(); len(problems) != 1 || !strings.Contains(problems[0], `channel "hook"`) {
		t.Errorf("the list of problems is %q", problems)
	}
	b.after(firstPause - time.Second)
	b.observe(failed, held) // it waits with the first
	r.answer(0, nil)
	b.restart()
	b.after(time.Second)
	wantTitles(t, r, "the receiver has recovered", []string{"the run failed", "2 changes are held"})
	b.after(24 * time.Hour)
	wantTitles(t, r, "a day later")
	if problems := b.Waiting(); len(problems) > 0 {
		t.Errorf("the list of problems is %q", problems)
	}
}

func TestAReceiverDecidesWhenToTryAgain(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	r.answer(http.StatusTooManyRequests, http.Header{"Retry-After": {"600"}})
	b.observe(failed)
	b.after(0)
	r.answer(0, nil)
	b.after(599 * time.Second)
	wantTitles(t, r, "too early")
	b.after(time.Second)
	wantTitles(t, r, "then", []string{"the run failed"})
}

func TestPausesGrowToAnHour(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		1: 30 * time.Second, 2: time.Minute, 7: 32 * time.Minute, 8: time.Hour, 1000: time.Hour,
	} {
		if got := pause(tries, errors.New("x")); got != want {
			t.Errorf("after %d tries, the pause is %s; want %s", tries, got, want)
		}
	}
}

func TestAnOldEventIsGivenUpWithALogMessage(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	r.answer(http.StatusNotFound, nil)
	b.observe(failed)
	b.after(0)
	b.after(maxAge + time.Hour)
	r.answer(0, nil)
	b.after(2 * time.Hour)
	wantTitles(t, r, "after a week")
	if !strings.Contains(b.log.String(), "a notification is given up") {
		t.Errorf("the log is\n%s", b.log)
	}
}

func TestManyWaitingEventsAreOneMessage(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	r.answer(http.StatusBadGateway, nil)
	for i := range maxWaiting + 50 {
		b.observe(Problem{Kind: Held, Cause: strconv.Itoa(i), Title: "held"})
		if i == 0 {
			b.observe(broken)
		}
	}
	b.after(0)
	r.answer(0, nil)
	b.after(time.Hour)
	got := r.titles(t)
	if len(got) != 1 || len(got[0]) != maxEvents || got[0][0] != broken.Title {
		t.Errorf("the receiver got %d messages, the first with %q", len(got), got)
	}
}

func TestADigestIsOneMessage(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig+"  digest: 1h\n", r.URL)
	b.observe(held)
	b.after(30 * time.Minute)
	b.observe(held, failed)
	b.after(29 * time.Minute)
	wantTitles(t, r, "before the hour")
	b.restart()
	b.after(time.Minute)
	wantTitles(t, r, "after the hour", []string{"2 changes are held", "the run failed"})
	b.observe(held, failed, Problem{Kind: Held, Cause: "3", Title: "more"})
	b.after(0)
	b.observe(held, failed, Problem{Kind: Held, Cause: "3", Title: "more"}, broken)
	b.after(0)
	wantTitles(t, r, "a critical event", []string{"more", "the audit branch is broken"})
}

func TestOnlyCriticalEventsAreSentInQuietHours(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, `
timezone: Europe/Berlin
quietHours:
- {from: "22:00", to: "07:00"}
- {from: "00:00", to: "24:00", days: [Sat, Sun]}
`+webhookConfig, r.URL)
	b.clock = time.Date(2026, 3, 6, 22, 30, 0, 0, time.UTC) // Friday, 23:30 in Berlin
	b.observe(held)
	b.after(0)
	wantTitles(t, r, "in the night")
	b.observe(held, broken)
	b.after(0)
	wantTitles(t, r, "a critical event", []string{"the audit branch is broken"})
	b.after(24 * time.Hour)
	wantTitles(t, r, "on Saturday")
	b.clock = time.Date(2026, 3, 9, 5, 59, 0, 0, time.UTC)
	b.after(0)
	wantTitles(t, r, "on Monday before seven")
	b.after(time.Minute)
	wantTitles(t, r, "on Monday at seven", []string{"2 changes are held"})
}

func TestAChannelGetsWhatItAsksFor(t *testing.T) {
	all := map[string]Event{}
	for _, k := range kinds {
		all[string(k.kind)] = Event{Kind: k.kind, Severity: k.severity, Provisioner: "aws"}
	}
	for name, test := range map[string]struct {
		channel Channel
		want    []string
	}{
		"everything": {Channel{},
			[]string{"broken", "deadline", "drift", "failed", "held", "quarantine", "recovered"}},
		"warnings and above": {Channel{Severity: Warning},
			[]string{"broken", "drift", "failed", "held", "quarantine"}},
		"critical":              {Channel{Severity: Critical}, []string{"broken", "quarantine"}},
		"two kinds":             {Channel{Events: []Kind{Held, Drift}}, []string{"drift", "held"}},
		"a kind and a severity": {Channel{Events: []Kind{Held, Broken}, Severity: Critical}, []string{"broken"}},
		"another provisioner":   {Channel{Provisioners: []string{"dev"}}, nil},
	} {
		var got []string
		for kind, e := range all {
			if test.channel.gets(&e) {
				got = append(got, kind)
			}
		}
		if slices.Sort(got); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestAWebhookIsSigned(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, "pageURL: https://roster.example.com/\n"+webhookConfig, r.URL)
	b.clock = time.Now() // the library compares it with its own clock
	b.observe(Problem{Kind: Held, Title: "held", Path: "/provisioners/aws"})
	b.after(0)
	key, err := standardwebhooks.NewWebhook(signingSecret)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.got) != 1 {
		t.Fatalf("the receiver got %d messages", len(r.got))
	}
	got := r.got[0]
	if err := key.Verify(got.body, got.header); err != nil {
		t.Error(err)
	}
	if err := key.Verify(append(got.body, ' '), got.header); err == nil {
		t.Error("a changed body has a valid signature")
	}
	if !strings.Contains(string(got.body), `"link":"https://roster.example.com/provisioners/aws"`) {
		t.Errorf("the body has no link: %s", got.body)
	}
}

// Neither the log, nor an error, nor the file has the address or the secret of a channel.
func TestSecretsOfChannelsAreNotShown(t *testing.T) {
	closed := newReceiver(t)
	closed.Close()
	for name, url := range map[string]string{
		"nobody listens":      closed.URL + "/" + canary,
		"not an address":      "://" + canary,
		"not encrypted":       "http://example.com/" + canary,
		"a control character": "http://127.0.0.1/\x7f" + canary,
		"a port that is not":  "http://127.0.0.1:" + canary,
		"user and password":   "http://" + canary + ":" + canary + "@127.0.0.1:1/",
	} {
		b := newBench(t, webhookConfig, url)
		b.observe(failed)
		b.after(0)
		data, err := os.ReadFile(b.file)
		if err != nil {
			t.Fatal(err)
		}
		shown := b.log.String() + string(data)
		if strings.Contains(shown, canary) || len(b.Waiting()) != 1 {
			t.Errorf("%s: %s", name, shown)
		}
	}
}

func TestADamagedFileStopsNothing(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	b.observe(failed)
	b.after(0)
	if err := os.WriteFile(b.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.observe(failed)
	b.after(0)
	wantTitles(t, r, "a forgotten problem is sent again", []string{"the run failed"}, []string{"the run failed"})
}

func TestTheFileIsOnlyForItsOwner(t *testing.T) {
	r := newReceiver(t)
	b := newBench(t, webhookConfig, r.URL)
	b.observe(failed)
	info, err := os.Stat(b.file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %s", info.Mode())
	}
}

func TestRunDeliversWhatIsObserved(t *testing.T) {
	taken := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken <- struct{}{} }))
	defer server.Close()
	b := newBench(t, webhookConfig, server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Run(ctx)
	}()
	b.observe(failed)
	<-taken
	b.observe()
	<-taken
	cancel()
	<-ended
}
