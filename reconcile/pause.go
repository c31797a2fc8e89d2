package reconcile

import "time"

// Pause returns the time before an attempt after a number of failures in a row: first after one
// failure, then twice as long for each further one, at most longest.
func Pause(failures int, first, longest time.Duration) time.Duration {
	pause := min(first, longest)
	for range failures - 1 {
		pause = min(2*pause, longest)
	}
	return pause
}
