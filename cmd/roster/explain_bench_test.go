package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// BenchmarkDaemonExplain measures explanations by the API of a daemon that has synchronized
// ROSTER_BENCH_USERS people: each request is about another user. The first two requests are not
// measured.
func BenchmarkDaemonExplain(b *testing.B) {
	users := schematest.Size(b, schematest.Users, 2_000)
	o := &benchmarkOrg{b: b, users: schematest.Big(users, "jsonl"),
		options: awssim.Options{MaxUsers: 2 * users, MaxGroups: users}}
	o.create()
	d := o.startDaemon()
	defer d.stop()
	b.Run(fmt.Sprint(users), func(b *testing.B) {
		asked := 0
		ask := func() time.Duration {
			began := time.Now()
			asked++
			path := "/api/v1/explain/user/" + schematest.UserKey(asked*37%users)
			if status, body := d.get(path); status != http.StatusOK {
				b.Fatalf("GET %s: %d %.300s", path, status, body)
			}
			return time.Since(began)
		}
		ask()
		ask()
		memory, cpu := d.anonymousMemory(), d.processorTime()
		var times []time.Duration
		for range b.N {
			times = append(times, ask())
		}
		slices.Sort(times)
		n := float64(b.N)
		b.ReportMetric((d.processorTime()-cpu).Seconds()*1000/n, "cpu-ms/op")
		b.ReportMetric(times[len(times)/2].Seconds()*1000, "median-ms")
		b.ReportMetric(memory, "MiB-before")
		b.ReportMetric(d.anonymousMemory()-memory, "MiB-growth")
		b.ReportMetric(0, "ns/op")
	})
}

// anonymousMemory returns the anonymous resident memory of the daemon in MiB.
func (d *daemonProcess) anonymousMemory() float64 {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		d.t.Fatal(err)
	}
	return kib / 1024
}

// processorTime returns the user and system time of the daemon.
func (d *daemonProcess) processorTime() time.Duration {
	d.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // after the name of the program
	ticks := 0
	for _, field := range strings.Fields(rest)[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			d.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ is 100 on Linux
}
