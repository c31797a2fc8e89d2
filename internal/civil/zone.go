// Package civil converts between the dates and times that people write and moments: the days of a
// calendar, the times of day of a window, the times of a cron schedule.
//
// A clock on the wall does not show each time exactly once. When summer time begins it skips some
// times, when summer time ends it shows some twice, and both can happen at midnight. Some zones
// have skipped a whole day. The package takes the reading of the clock as it is:
//
//   - A day lasts from the first moment to the last moment at which the clock shows its date.
//   - A window is open while the clock shows its times, and only once a day.
//   - A schedule with fixed hours runs once at each of its times: at the first of two, and at the
//     end of the gap if the clock skips the time.
//
// A reading is a time.Time in UTC with the date and the time of day that the clock shows.
//
// The package is pure: it has no clock. Zones come from the database that is part of the program.
package civil

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

//go:embed zones.txt
var zoneNames string

var sortedZones = slices.Sorted(strings.FieldsSeq(zoneNames))

// ZoneNames returns the names of all zones of the database, sorted.
func ZoneNames() []string { return slices.Clone(sortedZones) }

// LoadZone returns a zone by its name in the IANA database. Other names that a machine may know,
// such as "Local", "posixrules" or "right/Europe/Berlin", are errors: the zones are the same on
// every machine, and so is their spelling.
func LoadZone(name string) (*time.Location, error) {
	if _, found := slices.BinarySearch(sortedZones, name); !found {
		return nil, fmt.Errorf("unknown timezone %q", name)
	}
	return time.LoadLocation(name)
}

// searchRange is longer than the difference between any local time and UTC, which has been up to 16
// hours, and shorter than the time between two changes of the clock on purpose.
const searchRange = 26 * time.Hour

// span is a time in which the difference between local time and UTC is constant. The end is not
// part of it.
type span struct {
	start, end time.Time
	offset     time.Duration
}

func (s span) length() time.Duration { return s.end.Sub(s.start) }

// spansBetween returns the spans of a zone from one moment to another, in order. Neighbors differ
// in their offset.
func spansBetween(zone *time.Location, from, to time.Time) []span {
	var out []span
	for at := from; at.Before(to); {
		local := at.In(zone)
		_, seconds := local.Zone()
		_, end := local.ZoneBounds()
		if end.IsZero() || end.After(to) {
			end = to
		}
		// For years that only the rules of a zone cover, ZoneBounds gives bounds too
		// early on the last day of a leap year. The clock is not changed on that day.
		if !end.After(at) {
			end = at.Add(time.Hour)
		}
		offset := time.Duration(seconds) * time.Second
		if n := len(out); n > 0 && out[n-1].offset == offset {
			out[n-1].end = end
		} else {
			out = append(out, span{at, end, offset})
		}
		at = end
	}
	return out
}

// readingAt returns what the clock shows.
func readingAt(zone *time.Location, at time.Time) time.Time {
	_, seconds := at.In(zone).Zone()
	return at.UTC().Add(time.Duration(seconds) * time.Second)
}

// firstAt returns the first moment at which the clock shows the reading or a later one. If the
// clock skips the reading, this is the end of the gap.
func firstAt(zone *time.Location, reading time.Time) time.Time {
	for _, s := range spansBetween(zone, reading.Add(-searchRange), reading.Add(searchRange)) {
		if at := reading.Add(-s.offset); at.Before(s.end) {
			return later(at, s.start)
		}
	}
	return reading.Add(searchRange) // not possible: no zone is that far from UTC
}

// lastBefore returns the moment after the last one at which the clock shows an earlier reading.
func lastBefore(zone *time.Location, reading time.Time) time.Time {
	var out time.Time
	for _, s := range spansBetween(zone, reading.Add(-searchRange), reading.Add(searchRange)) {
		if at := earlier(reading.Add(-s.offset), s.end); at.After(s.start) {
			out = at
		}
	}
	return out
}

// latestReading returns the latest reading that the clock has shown until at. While the clock shows
// times again, this is later than the reading at that moment.
func latestReading(zone *time.Location, at time.Time) time.Time {
	latest := readingAt(zone, at)
	for _, s := range spansBetween(zone, at.Add(-2*searchRange), at) {
		if s.end.Before(at) {
			latest = later(latest, s.end.UTC().Add(s.offset-time.Nanosecond))
		}
	}
	return latest
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
