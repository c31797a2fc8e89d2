package main

import (
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	for _, row := range []struct {
		name        string
		done, total int
		elapsed     time.Duration
		want        string
	}{
		{"nothing is known yet", 0, 100, time.Minute, ""},
		{"too soon to tell", 10, 100, 2 * time.Second, ""},
		{"half way", 50, 100, 30 * time.Second, ", about 30s left"},
		{"a quarter", 25, 100, 30 * time.Second, ", about 1m30s left"},
		{"to the second below ten minutes", 10, 100, 61 * time.Second, ", about 9m9s left"},
		{"to the minute above", 10, 1000, 61 * time.Second, ", about 1h41m left"},
		{"whole minutes have no seconds", 50, 100, 2 * time.Minute, ", about 2m left"},
		{"no less than a second", 999, 1000, 10 * time.Second, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if have := timeLeft(row.done, row.total, row.elapsed); have != row.want {
				t.Errorf("got %q, want %q", have, row.want)
			}
		})
	}
}
