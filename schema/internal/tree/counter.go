package tree

// Counter counts values, ignoring case, and how many of them are duplicates.
type Counter struct {
	counts map[string]int32
	// Duplicates is the number of values that were counted twice or more.
	Duplicates int
}

// NewCounter returns a counter for about n values.
func NewCounter(n int) Counter { return Counter{counts: make(map[string]int32, n)} }

// Has reports whether a value was counted.
func (c *Counter) Has(value string) bool { return c.counts[Fold(value)] > 0 }

// Add adds by to the count of a value. It ignores the empty value.
func (c *Counter) Add(value string, by int32) {
	if value == "" {
		return
	}
	folded := Fold(value)
	before := c.counts[folded]
	switch after := before + by; {
	case after == 0:
		delete(c.counts, folded)
	case after == 2 && by > 0:
		c.Duplicates++
		c.counts[folded] = after
	case after == 1 && by < 0:
		c.Duplicates--
		c.counts[folded] = after
	default:
		c.counts[folded] = after
	}
}
