package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/metrics"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim"
)

// everyMetric is a server that has a value of each metric.
func everyMetric() *Server {
	state := exampleState()
	for key, last := range quarantinedState().Provisioners {
		state.Provisioners[key+"-quarantined"] = last
	}
	state.Provisioners["broken"] = brokenState(false).Provisioners["aws"]
	m := metrics.New("1.0.0", "go1.26")
	m.Call("aws", scim.Call{Op: "list users", Status: 200, Attempts: 2, Throttled: 1})
	m.Call("aws", scim.Call{Op: "list users", Attempts: 1})
	m.Run("aws", &reconcile.Report{Outcome: reconcile.RunApplied, Started: noon, Finished: noon,
		Changes: []reconcile.Done{{Change: &reconcile.Change{Kind: reconcile.UpdateUser, Origin: reconcile.Drift},
			Result: reconcile.ResultDone}}})
	m.Run("aws", nil)
	m.Poll(nil)
	webhooks := m.CountWebhooks(nothing{})
	state.AllDeadlines = []deadline.Deadline{{Kind: deadline.Token, Path: "provisioners.aws", EndsAt: noon}}
	collectors := append(m.Collectors(), metrics.AuditBacklog(func() int { return 1 }),
		metrics.NotificationsWaiting(func() int { return 0 }))
	return &Server{State: func() daemon.State { return state }, ForgeProblem: func() string { return "" },
		Metrics: collectors, Webhooks: webhooks}
}

// nothing is a handler that does nothing.
type nothing struct{}

func (nothing) ServeHTTP(http.ResponseWriter, *http.Request) {}

// serve returns the body of a response.
func serve(handler http.Handler, method, path string) string {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, newRequest(method, path))
	return w.Body.String()
}

// scrape returns the metrics as Prometheus gets them.
func scrape(t *testing.T) (text string, families map[string]*dto.MetricFamily) {
	t.Helper()
	handler := everyMetric().Handler()
	serve(handler, "POST", "/webhooks/github")
	text = serve(handler, "GET", "/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, families
}

// promtool runs promtool of Prometheus.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Dir = filepath.Join("..", "..", "deploy", "prometheus")
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestMetricsFollowTheConventions(t *testing.T) {
	text, _ := scrape(t)
	own := regexp.MustCompile(`(?m)^(# (HELP|TYPE) )?roster_.*\n`).FindAllString(text, -1)
	promtool(t, strings.Join(own, ""), "check", "metrics")
}

func TestAlertsFire(t *testing.T) {
	promtool(t, "", "check", "rules", "rules.yaml")
	promtool(t, "", "test", "rules", "rules_test.yaml")
	rules := readDeployed(t, "prometheus/rules.yaml")
	tests := readDeployed(t, "prometheus/rules_test.yaml")
	alerts := regexp.MustCompile(`(?m)- alert: (\w+)$`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 15 {
		t.Errorf("found %d alerts", len(alerts))
	}
	for _, alert := range alerts {
		if !strings.Contains(tests, "alertname: "+alert[1]+"\n    exp_alerts: [{exp_labels") {
			t.Errorf("no test fires alert %s", alert[1])
		}
	}
}

func readDeployed(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	selector  = regexp.MustCompile(`\b((?:roster|process|go)_[a-z_]+)(\{[^}]*\})?`)
	labelTest = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)\\?"`)
)

// A query of a metric or label that roster does not have would never show anything.
func TestAlertsAndDashboardUseMetricsThatExist(t *testing.T) {
	_, families := scrape(t)
	for _, file := range []string{"prometheus/rules.yaml", "grafana/dashboard.json"} {
		found := 0
		for _, m := range selector.FindAllStringSubmatch(readDeployed(t, file), -1) {
			family := families[strings.TrimSuffix(m[1], "_bucket")]
			if family == nil {
				t.Errorf("%s uses metric %s, which roster does not have", file, m[1])
				continue
			}
			found++
			for _, label := range labelTest.FindAllStringSubmatch(m[2], -1) {
				if label[1] != "job" && !slices.Contains(labelsOf(family), label[1]) {
					t.Errorf("%s uses label %s of metric %s, which does not have it", file, label[1], m[1])
				}
			}
		}
		if found < 10 {
			t.Errorf("%s uses %d metrics", file, found)
		}
	}
}

func labelsOf(family *dto.MetricFamily) []string {
	var out []string
	for _, pair := range family.GetMetric()[0].GetLabel() {
		out = append(out, pair.GetName())
	}
	return out
}

const metricsIntro = `# Metrics

The daemon serves these metrics at ` + "`/metrics`" + `. A program needs the role *read* for them ([daemon.md](../daemon.md)).
` + "`deploy/prometheus/rules.yaml`" + ` has alerts, and ` + "`deploy/grafana/dashboard.json`" + ` is a dashboard. The metrics
` + "`go_*` and `process_*`" + ` are those of Go's client library.

This page is generated from the daemon: ` + "`go test ./internal/web -run TestMetricsPage -update`" + `.

| metric | type | labels | meaning |
|---|---|---|---|
`

func TestMetricsPage(t *testing.T) {
	_, families := scrape(t)
	var b strings.Builder
	b.WriteString(metricsIntro)
	var names []string
	for name := range families {
		if strings.HasPrefix(name, "roster_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		family := families[name]
		labels := "-"
		if list := labelsOf(family); len(list) > 0 {
			labels = "`" + strings.Join(list, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()), labels,
			family.GetHelp())
	}
	page := filepath.Join("..", "..", "docs", "operations", "metrics.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/operations/metrics.md differs from the daemon (-page +daemon):\n%s", diff)
	}
	checkDescribed(t, names)
}

// checkDescribed checks that each metric of the collector has a value in the scrape: the page would
// miss it otherwise.
func checkDescribed(t *testing.T, names []string) {
	t.Helper()
	descriptions := make(chan *prometheus.Desc, 100)
	collector{}.Describe(descriptions)
	close(descriptions)
	for d := range descriptions {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]
		if !slices.Contains(names, name) {
			t.Errorf("no value of metric %s was scraped", name)
		}
	}
}
