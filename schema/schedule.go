package schema

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ParseSchedule parses a cron expression of five fields, or a descriptor such as @daily, in a
// timezone.
//
// It rejects expressions that the parser of robfig/cron accepts but users do not expect: a timezone
// in the expression, @every, a step larger than its range, and a date that never occurs.
func ParseSchedule(spec string, zone *time.Location) (cron.Schedule, error) {
	if strings.Contains(spec, "TZ=") {
		return nil, fmt.Errorf("must not contain a timezone; use the field `timezone`")
	}
	if strings.HasPrefix(spec, "@every") || strings.HasPrefix(spec, "@reboot") {
		return nil, fmt.Errorf("@every and @reboot are not supported")
	}
	for i, f := range strings.Fields(spec) {
		if err := checkStep(f, i); err != nil {
			return nil, err
		}
	}
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(spec)
	if err != nil {
		return nil, fmt.Errorf("invalid cron expression: %w", err)
	}
	if spec, ok := s.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("never fires")
	}
	return s, nil
}

// CheckSchedule returns an error if ParseSchedule rejects spec.
func CheckSchedule(spec string) error {
	_, err := ParseSchedule(spec, time.UTC)
	return err
}

// checkStep rejects a step that is not less than its range. The parser would use only the start of
// the range.
func checkStep(f string, i int) error {
	span := []int{60, 24, 31, 12, 7}
	for part := range strings.SplitSeq(f, ",") {
		if _, step, ok := strings.Cut(part, "/"); ok && i < len(span) {
			var n int
			if _, err := fmt.Sscanf(step, "%d", &n); err == nil && n >= span[i] {
				return fmt.Errorf("the step /%d must be less than %d", n, span[i])
			}
		}
	}
	return nil
}
