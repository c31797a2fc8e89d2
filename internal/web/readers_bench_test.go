package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// resident returns a value of /proc/self/status in KiB, such as VmRSS.
func resident(b *testing.B, name string) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal("this system does not show the memory of a process")
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	text, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkReaders measures the memory that 20 readers of the pages and of the API cost, with 150
// provisioners of 20,000 changes each. An iteration is one round of all readers.
func BenchmarkReaders(b *testing.B) {
	server := httptest.NewServer(largeServer(20_000, "a reason of some words, and a name").Handler())
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20}}
	get := func(path string) (int64, error) {
		res, err := client.Get(server.URL + path)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return n, err
	}
	for _, test := range []struct {
		name  string
		paths []string
	}{
		{"status", []string{"/api/v1/status"}},
		{"all", []string{"/", "/api/v1/status", "/provisioners/p-000", "/provisioners/p-000/changes",
			"/api/v1/provisioners/p-000/changes",
			"/deadlines", "/metrics"}},
	} {
		b.Run(test.name, func(b *testing.B) {
			debug.FreeOSMemory()
			if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // resets VmHWM
				b.Fatal("this system does not reset the peak of memory")
			}
			before, bytes := resident(b, "VmRSS"), int64(0)
			for b.Loop() {
				var readers sync.WaitGroup
				var mu sync.Mutex
				for range 20 {
					readers.Go(func() {
						for _, path := range test.paths {
							n, err := get(path)
							mu.Lock()
							if bytes += n; err != nil {
								b.Error(err)
							}
							mu.Unlock()
						}
					})
				}
				readers.Wait()
			}
			b.ReportMetric((resident(b, "VmHWM")-before)/1024, "growth-MiB")
			b.ReportMetric(before/1024, "before-MiB")
			b.ReportMetric(float64(bytes)/float64(b.N*20*len(test.paths)), "B/response")
		})
	}
}
