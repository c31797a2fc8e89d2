package schema

import (
	"time"

	"github.com/seed-d64a251c/roster/internal/civil"
)

// ParseSchedule parses a cron expression of five fields, or a descriptor such as @daily, in a
// timezone. civil.Schedule has the meaning where the clock is changed.
func ParseSchedule(spec string, zone *time.Location) (civil.Schedule, error) {
	return civil.ParseSchedule(spec, zone)
}

// CheckSchedule returns an error if ParseSchedule rejects spec.
func CheckSchedule(spec string) error {
	_, err := ParseSchedule(spec, time.UTC)
	return err
}
