package app

import "github.com/seed-d64a251c/roster/internal/heaplimit"

// LimitHeap makes the garbage collector of this process work more often while the heap is large,
// until stop is called.
func LimitHeap() (stop func()) { return heaplimit.Follow() }
