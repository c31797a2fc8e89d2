package civil

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron expression of five fields in a zone.
//
// A schedule whose hour field lists hours runs once at each of its times. If the clock shows the
// time twice, it runs at the first. If the clock skips one or more of its times, it runs once, at
// the end of the gap. A schedule that runs in every hour continues to do so while the clock shows
// an hour again.
type Schedule struct {
	spec *cron.SpecSchedule // in UTC, it gives readings of the clock
	zone *time.Location
}

// ParseSchedule parses a cron expression of five fields, or a descriptor such as @daily. Sunday
// is 0 or 7.
//
// It rejects expressions that the parser of robfig/cron accepts but users do not expect: a timezone
// in the expression, @every, a step larger than its range, and a date that never occurs.
func ParseSchedule(text string, zone *time.Location) (Schedule, error) {
	if strings.Contains(text, "TZ=") {
		return Schedule{}, errors.New("must not contain a timezone; use the field `timezone`")
	}
	if strings.HasPrefix(text, "@every") || strings.HasPrefix(text, "@reboot") {
		return Schedule{}, errors.New("@every and @reboot are not supported")
	}
	if !strings.HasPrefix(text, "@") {
		fields := strings.Fields(text)
		if len(fields) != len(cronFields) {
			return Schedule{}, fmt.Errorf("has %d of the 5 fields of a cron expression", len(fields))
		}
		for i, f := range fields {
			if err := cronFields[i].check(f); err != nil {
				return Schedule{}, err
			}
		}
		fields[4] = sundayAsZero(fields[4])
		text = strings.Join(fields, " ")
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("invalid cron expression: %w", err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, errors.New("invalid cron expression: want five fields, or a descriptor such as @daily")
	}
	spec.Location = time.UTC
	if spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, errors.New("never fires")
	}
	return Schedule{spec, zone}, nil
}

// Next returns the first time after a moment at which the schedule runs. It is zero if there is
// none within five years.
func (s Schedule) Next(after time.Time) time.Time {
	next := s.nextOnce
	if everyHour := uint64(1)<<24 - 1; s.spec.Hour&everyHour == everyHour {
		next = s.nextHourly
	}
	at := next(after)
	if at.IsZero() {
		return at
	}
	return at.In(after.Location())
}

// nextOnce returns the next run of a schedule that ignores times that the clock shows again.
func (s Schedule) nextOnce(after time.Time) time.Time {
	reading := s.spec.Next(latestReading(s.zone, after))
	if reading.IsZero() {
		return time.Time{}
	}
	return firstAt(s.zone, reading)
}

// nextHourly returns the next run of a schedule that runs also at times that the clock shows again.
func (s Schedule) nextHourly(after time.Time) time.Time {
	reading := s.spec.Next(readingAt(s.zone, after))
	if reading.IsZero() {
		return time.Time{}
	}
	latest := lastBefore(s.zone, reading) // also where the clock skips the reading
	for i, span := range spansBetween(s.zone, after, latest.Add(time.Nanosecond)) {
		if i > 0 {
			reading = s.spec.Next(span.start.UTC().Add(span.offset - time.Nanosecond))
		}
		if at := reading.Add(-span.offset); at.Before(span.end) {
			return at
		}
	}
	return latest
}

// cronField is what one field of a cron expression may have.
type cronField struct {
	name        string
	first, last int
	longest     int      // step
	names       []string // of the values, from first on
}

var cronFields = [...]cronField{
	{"minute", 0, 59, 59, nil}, {"hour", 0, 23, 23, nil}, {"day of the month", 1, 31, 30, nil},
	{"month", 1, 12, 11, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"}},
}

// check reports what is wrong with the text of a field. The parser of robfig/cron has errors in
// words of Go, and accepts signs, empty elements of lists, and a step larger than its range.
func (f *cronField) check(text string) error {
	for element := range strings.SplitSeq(text, ",") {
		span, step, hasStep := strings.Cut(element, "/")
		if hasStep {
			if n, ok := cronNumber(step); !ok || n < 1 || n > f.longest {
				return fmt.Errorf("the step %q of the %s is not from 1 to %d", step, f.name, f.longest)
			}
		}
		if span == "*" || span == "?" {
			continue
		}
		first, last, hasRange := strings.Cut(span, "-")
		from, okFrom := f.value(first)
		to, okTo := from, true
		if hasRange {
			to, okTo = f.value(last)
		}
		if !okFrom || !okTo {
			return fmt.Errorf("the %s %q is not from %d to %d", f.name, span, f.first, f.last)
		}
		if from > to && !strings.EqualFold(last, "sun") { // a week may also end on Sunday
			return fmt.Errorf("the %s %q ends before it begins", f.name, span)
		}
	}
	return nil
}

// value returns the value of a number or name.
func (f *cronField) value(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.first + i, true
	}
	n, ok := cronNumber(text)
	return n, ok && n >= f.first && n <= f.last
}

// cronNumber returns a number of at most two digits without a sign.
func cronNumber(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 8)
	return int(n), err == nil && len(text) <= 2
}

// sundayAsZero rewrites a Sunday that the parser of robfig/cron does not know, 7 and the end of a
// range: "5-7" and "fri-sun" become "5,6,0". It leaves everything else to the parser. The field has
// passed its check.
func sundayAsZero(field string) string {
	week := &cronFields[4]
	var out []string
	for element := range strings.SplitSeq(field, ",") {
		span, stepText, _ := strings.Cut(element, "/")
		first, last, isRange := strings.Cut(span, "-")
		if !isRange {
			last = first
		}
		from, isDay := week.value(first) // not * and ?
		to, _ := week.value(last)
		if isRange && strings.EqualFold(last, "sun") && from > 0 {
			to = 7
		}
		if !isDay || to != 7 {
			out = append(out, element)
			continue
		}
		step, stepped := cronNumber(stepText)
		if !stepped {
			step = 1
		}
		for day := from; day <= 7; day += step {
			out = append(out, strconv.Itoa(day%7))
		}
	}
	return strings.Join(out, ",")
}
