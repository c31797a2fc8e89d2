package schematest

import (
	"os"
	"strconv"
	"testing"
)

// The environment variables with the sizes of benchmarks. make bench-large sets them.
const (
	Users  = "ROSTER_BENCH_USERS"  // number of users of a large organization
	Rounds = "ROSTER_BENCH_ROUNDS" // number of changes, one after the other
)

// BenchmarkUsers is the number of users of a large organization, unless Users has another one.
const BenchmarkUsers = 10_000

// Size returns the number in an environment variable, or otherwise if it is not set.
func Size(b *testing.B, variable string, otherwise int) int {
	b.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s is %q, want a number", variable, text)
	}
	return n
}

// LargeSizes returns the number of users of a large organization, after a tenth of it.
func LargeSizes(b *testing.B) []int {
	n := Size(b, Users, BenchmarkUsers)
	return []int{n / 10, n}
}
