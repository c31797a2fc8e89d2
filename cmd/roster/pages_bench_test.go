package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// scalePages are the pages that BenchmarkPages measures. A search is a page with a filter.
var scalePages = []struct{ name, path string }{
	{"needs attention", "/"},
	{"provisioners", "/provisioners"},
	{"provisioner", "/provisioners/aws"},
	{"changes", "/provisioners/aws/changes"},
	{"changes, held", "/provisioners/aws/changes?result=held"},
	{"search of one person", "/provisioners/aws/changes?q=" + schematest.UserKey(42)},
	{"search without a result", "/provisioners/aws/changes?q=no+such+text"},
	{"search by effect", "/provisioners/aws/changes?effect=details+change"},
	{"find a person", "/find?q=" + schematest.UserKey(43)},
	{"person", "/users/" + schematest.UserKey(42)},
	{"another person", "/users/" + schematest.UserKey(1242)},
	{"group", "/groups/" + schematest.GroupKey(7)},
	{"history of a person", "/users/" + schematest.UserKey(42) + "/history"},
	{"history of a group", "/groups/" + schematest.GroupKey(7) + "/history"},
	{"operations", "/operations"},
	{"deadlines", "/deadlines?all=true"},
	{"apps", "/apps"},
}

// BenchmarkPages measures the time to the first byte of each page of a daemon whose provisioner has
// ROSTER_BENCH_USERS people, three tenths of them with a held change. Each page is read once, and
// then five times. The metrics are that first time and the median of the others. A redirect counts
// with the page that it leads to.
func BenchmarkPages(b *testing.B) {
	users := schematest.Size(b, schematest.Users, 2_000)
	o := &benchmarkOrg{b: b, users: schematest.Big(users, "jsonl"),
		options: awssim.Options{MaxUsers: 2 * users, MaxGroups: users}}
	o.create()
	o.apply("applied")
	o.editMany(users * 3 / 10)
	address := o.serve()
	for _, p := range scalePages {
		b.Run(fmt.Sprintf("%d/%s", users, p.name), func(b *testing.B) {
			var times []float64
			for range 6 {
				times = append(times, firstByte(b, address+p.path))
			}
			first := times[0]
			slices.Sort(times[1:])
			b.ReportMetric(first, "first-ms")
			b.ReportMetric(times[3], "ms/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// editMany changes the first names of the first users in one commit, and limits the changes of
// users, so that all of these changes are held.
func (o *benchmarkOrg) editMany(n int) {
	o.b.Helper()
	for i := 0; i < n; i += o.users.PerFile {
		file := filepath.Join(o.home, "d", filepath.FromSlash(o.users.UserFile(i)))
		text, err := os.ReadFile(file)
		if err != nil {
			o.b.Fatal(err)
		}
		text = []byte(strings.Replace(string(text), `"firstName": "First`, `"firstName": "New`,
			min(n-i, o.users.PerFile)))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			o.b.Fatal(err)
		}
	}
	if err := replace(filepath.Join(o.home, "d", "roster.cue"), "enabled: true,",
		"enabled: true, limits: updates: {min: 1, max: 10},"); err != nil {
		o.b.Fatal(err)
	}
	o.commit("Rename many users")
}

// serve starts a daemon and waits until its first run holds changes. It returns the address of its
// pages.
func (o *benchmarkOrg) serve() (address string) {
	o.b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := roster(ctx, o.home, "serve", "--repo", "file://"+filepath.Join(o.home, "d"), "--listen", "127.0.0.1:0",
		"--state-dir", filepath.Join(o.home, "state"), "--audit-branch", "roster/audit")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		o.b.Fatal(err)
	}
	o.b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		cancel()
	})
	lines := bufio.NewScanner(stderr)
	for address == "" && lines.Scan() {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "listening" {
			address = strings.TrimSuffix(entry.Address, "/")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	for limit := time.Now().Add(time.Hour); ; time.Sleep(time.Second) {
		text := ""
		if res, err := http.Get(address + "/api/v1/status"); err == nil {
			data, _ := io.ReadAll(res.Body)
			res.Body.Close()
			text = string(data)
		}
		if strings.Contains(text, `"outcome": "held"`) {
			return address
		}
		if time.Now().After(limit) || strings.Contains(text, "invalidReason") {
			o.b.Fatalf("no run holds changes: %.2000s", text)
		}
	}
}

// firstByte returns the time to the first byte of a page in milliseconds. The page must exist.
func firstByte(b *testing.B, address string) float64 {
	b.Helper()
	began := time.Now()
	res, err := http.Get(address)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	one := make([]byte, 1)
	_, err = io.ReadFull(res.Body, one)
	elapsed := time.Since(began)
	rest, failed := io.ReadAll(res.Body)
	if err != nil || failed != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("GET %s: %s, %v, %v\n%.1000s", address, res.Status, err, failed, rest)
	}
	return float64(elapsed.Microseconds()) / 1000
}
