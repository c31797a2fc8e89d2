package civil

import (
	"archive/zip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	update      = flag.Bool("update", false, "write zones.txt from the database of the Go installation")
	everyChange = flag.Bool("all", false, "test windows and schedules at each change, not at one of each kind")
)

// change is a change of the clock of a zone.
type change struct {
	zone   string
	at     time.Time
	before time.Duration // offset from UTC
	after  time.Duration
}

func (c change) String() string {
	return fmt.Sprintf("%s at %s, %s to %s", c.zone, c.at.Format(time.RFC3339), c.before, c.after)
}

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // in a test only
	}
	return zone
}

// allZones returns the names of all zones of the database.
func allZones() []string { return ZoneNames() }

// changesOf returns the changes of the clock of a zone in some years. It compares the clock with
// UTC every three hours and searches between them, so that it depends on no code of this package.
func changesOf(zone *time.Location, firstYear, years int) []change {
	offset := func(unix int64) time.Duration {
		_, seconds := time.Unix(unix, 0).In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	const step = 3 * 3600
	from := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	to := time.Date(firstYear+years, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	var out []change
	for at := from; at < to; at += step {
		before, after := offset(at), offset(at+step)
		if before == after {
			continue
		}
		low, high := at, at+step
		for high-low > 1 {
			if middle := (low + high) / 2; offset(middle) == before {
				low = middle
			} else {
				high = middle
			}
		}
		out = append(out, change{zone.String(), time.Unix(high, 0).UTC(), before, after})
	}
	return out
}

// changesOfAllZones returns the changes of all zones in ten past and ten coming years. Zones with
// the same changes are tested once.
var changesOfAllZones = sync.OnceValue(func() []change {
	seen := map[string]bool{}
	var out []change
	for _, firstYear := range []int{2008, 2026} {
		for _, name := range allZones() {
			changes := changesOf(mustZone(name), firstYear, 10)
			for i, c := range changes {
				same := fmt.Sprint(c.at.Unix(), c.before, c.after)
				if i > 0 {
					same += fmt.Sprint(changes[i-1].at.Unix())
				}
				if i+1 < len(changes) {
					same += fmt.Sprint(changes[i+1].at.Unix())
				}
				if !seen[same] {
					seen[same] = true
					out = append(out, c)
				}
			}
		}
	}
	return out
})

// kindsOfChanges returns one change of each kind: the same times of day are skipped or shown
// twice. With -all, it returns all changes.
func kindsOfChanges() []change {
	all := changesOfAllZones()
	if *everyChange {
		return all
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(c change) bool {
		kind := fmt.Sprint(c.before, c.after, c.at.Add(c.before).Format(time.TimeOnly))
		defer func() { seen[kind] = true }()
		return seen[kind]
	})
}

func TestTheListOfZonesIsThatOfTheDatabase(t *testing.T) {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var want []string
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") {
			want = append(want, f.Name)
		}
	}
	slices.Sort(want)
	if *update {
		if err := os.WriteFile("zones.txt", []byte(strings.Join(want, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have := allZones(); !slices.Equal(have, want) || len(have) < 400 {
		t.Errorf("zones.txt has %d zones, the database has %d: run go test -update", len(have), len(want))
	}
}

func TestZonesAreTheSameOnEveryMachine(t *testing.T) {
	for _, name := range []string{"Local", "", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin",
		"europe/berlin", "EUROPE/BERLIN", "Europe/Berlin ", "UTC+1", "CEST", "Z", "+01:00", "../etc/localtime",
		"/etc/localtime",
		"Europe", "US/Pacific-New", "Europe\\Berlin"} {
		if zone, err := LoadZone(name); err == nil {
			t.Errorf("%q is the zone %s", name, zone)
		}
	}
	for _, name := range []string{"UTC", "GMT", "Etc/GMT+3", "EST", "Asia/Calcutta", "Asia/Kolkata", "Europe/Berlin",
		"America/Argentina/Ushuaia", "Pacific/Kwajalein"} {
		if zone, err := LoadZone(name); err != nil || zone.String() != name {
			t.Errorf("%q is the zone %v: %v", name, zone, err)
		}
	}
}
