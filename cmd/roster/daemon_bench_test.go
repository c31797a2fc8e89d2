package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// daemonChanges are the changes of BenchmarkDaemonChange: each edits the file of a user or of a
// group, by number.
var daemonChanges = []struct {
	name string
	edit func(o *benchmarkOrg, i int) error
}{
	{"attribute", func(o *benchmarkOrg, i int) error {
		return o.replaceInUserFile(i, fmt.Sprintf(`"firstName": "First%d"`, i), fmt.Sprintf(`"firstName": "New%d"`, i))
	}},
	{"new member", func(o *benchmarkOrg, i int) error {
		group := fmt.Sprintf(`"displayName": "Group %d", "members": {`, i)
		member := fmt.Sprintf("%q: {}, ", schematest.UserKey(o.nonMember(i)))
		return replace(o.file(o.users.GroupFile(i)), group, group+member)
	}},
	{"leaver", func(o *benchmarkOrg, i int) error {
		return o.replaceInUserFile(i, fmt.Sprintf(`"email": "user%d@example.com", "state": "ACTIVE"`, i),
			fmt.Sprintf(`"email": "user%d@example.com", "state": "INACTIVE"`, i))
	}},
}

func (o *benchmarkOrg) file(name string) string {
	return filepath.Join(o.home, "d", filepath.FromSlash(name))
}

func (o *benchmarkOrg) replaceInUserFile(i int, old, new string) error {
	return replace(o.file(o.users.UserFile(i)), old, new)
}

// nonMember returns the number of a user who is not in a group.
func (o *benchmarkOrg) nonMember(g int) int {
	members := map[int]bool{}
	for k := range o.users.Members {
		members[o.users.Member(g, k)] = true
	}
	for i := range o.users.Users {
		if !members[i] {
			return i
		}
	}
	panic("all users are members")
}

// BenchmarkDaemonChange measures a change by the daemon: from the webhook that announces the commit
// to the last response of the simulator, and to the end of the run. over-ms is the first of these
// times without requests x latency.
func BenchmarkDaemonChange(b *testing.B) {
	for _, size := range []struct{ users, groups, members int }{{200, 20, 50}, {2_000, 100, 100}} {
		for _, latency := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond} {
			name := fmt.Sprintf("%d,%d,%d/%v", size.users, size.groups, size.groups*size.members, latency)
			b.Run(name, func(b *testing.B) {
				o := &benchmarkOrg{b: b, users: schematest.Organization{Users: size.users, Groups: size.groups,
					Members: size.members, Format: "jsonl", PerFile: 1000},
					options: awssim.Options{Latency: awssim.Latency{Fixed: latency}}}
				o.create()
				d := o.startDaemon()
				defer d.stop()
				for _, change := range daemonChanges {
					b.Run(change.name, func(b *testing.B) { o.changeByDaemon(b, d, latency, change.edit) })
				}
			})
		}
	}
}

const webhookSecret = "webhook-secret-of-the-benchmark"

// startDaemon starts roster serve for the repository, and waits for the first sync. It polls once
// an hour.
func (o *benchmarkOrg) startDaemon() *daemonProcess {
	d := &daemonProcess{t: o.b, home: o.home, timeout: 30 * time.Minute, work: filepath.Join(o.home, "d"),
		bare: filepath.Join(o.home, "bare.git")}
	git(o.b, o.home, "clone", "-q", "--bare", d.work, d.bare)
	git(o.b, d.work, "remote", "add", "origin", d.bare)
	d.env = []string{"ROSTER_SECRET_AWS=" + o.simulator.Token(), "ROSTER_WEBHOOK_SECRET=" + webhookSecret}
	if folder := os.Getenv(profileFolder); folder != "" {
		d.env = append(d.env, profileFile+"="+filepath.Join(folder, "serve.pprof"))
	}
	d.start("--poll", "1h")
	d.wantOutcome(reconcile.RunApplied)
	return d
}

// changeByDaemon makes one change after another. Each one is of another user or group.
func (o *benchmarkOrg) changeByDaemon(b *testing.B, d *daemonProcess, latency time.Duration,
	edit func(o *benchmarkOrg, i int) error) {
	var calls, effects, reports, over, n float64
	for b.Loop() {
		n++
		o.edits++
		if err := edit(o, o.edits%min(o.users.Groups, o.users.Users)); err != nil {
			b.Fatal(err)
		}
		d.push("Change one thing")
		o.simulator.ResetCalls()
		o.timer.span()
		began := time.Now()
		deliverWebhook(b, d, o.edits)
		d.wantOutcome(reconcile.RunApplied)
		ended := time.Since(began)
		effect := o.timer.ended().Sub(began)
		made := o.simulator.Calls().Total
		calls += float64(made)
		effects += effect.Seconds() * 1000
		reports += ended.Seconds() * 1000
		over += (effect - time.Duration(made)*latency).Seconds() * 1000
	}
	b.ReportMetric(calls/n, "calls/op")
	b.ReportMetric(effects/n, "effect-ms/op")
	b.ReportMetric(reports/n, "report-ms/op")
	b.ReportMetric(over/n, "over-ms/op")
	b.ReportMetric(0, "ns/op")
}

// deliverWebhook sends a push event, as Gitea signs it.
func deliverWebhook(b *testing.B, d *daemonProcess, delivery int) {
	b.Helper()
	body := fmt.Sprintf(`{"ref": "refs/heads/main", "delivery": %d}`, delivery)
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(b.Context(), "POST", strings.TrimSuffix(d.address, "/")+"/webhooks/gitea",
		strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Gitea-Signature", hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		b.Fatalf("the webhook got status %d", res.StatusCode)
	}
}
