package civil

import "time"

// Date is a day of the calendar, in no particular zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate parses a date such as "2026-12-31".
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, err
	}
	return dateOfReading(t), nil
}

// DateOf returns the date that the clock shows.
func DateOf(at time.Time, zone *time.Location) Date { return dateOfReading(readingAt(zone, at)) }

func dateOfReading(reading time.Time) Date {
	year, month, day := reading.Date()
	return Date{year, month, day}
}

// AddDays returns the date a number of days later, or earlier if it is negative.
func (d Date) AddDays(days int) Date { return dateOfReading(d.reading(0).AddDate(0, 0, days)) }

// Start returns the first moment of the day. Where the clock skips the whole day, this is its end.
func (d Date) Start(zone *time.Location) time.Time { return firstAt(zone, d.reading(0)).In(zone) }

// End returns the moment after the last one of the day.
func (d Date) End(zone *time.Location) time.Time {
	return lastBefore(zone, d.reading(minutesOfDay)).In(zone)
}

// String returns the date as ParseDate reads it.
func (d Date) String() string { return d.reading(0).Format(time.DateOnly) }

// reading returns the reading some minutes after the midnight at which the day starts.
func (d Date) reading(minutes TimeOfDay) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, int(minutes), 0, 0, time.UTC)
}
