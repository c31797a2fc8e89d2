package source

import (
	"cmp"
	"fmt"
)

// FileLimits bound the cost of the files of one configuration. A field that is 0 has the standard
// value.
type FileLimits struct {
	// Files is the largest number of files, and that of folders. Files that Load does not read
	// count too.
	Files int
	// FileBytes is the largest size of one file, TotalBytes that of all files that Load reads.
	FileBytes, TotalBytes int64
	// Depth is the deepest nesting of folders.
	Depth int
}

// StandardFileLimits returns the limits of Load. They are above the needs of an organization with
// 100,000 users.
func StandardFileLimits() FileLimits {
	return FileLimits{Files: 100_000, FileBytes: 64 << 20, TotalBytes: 512 << 20, Depth: 100}
}

// OrStandard returns the limits, with the standard value for each field that is 0.
func (l FileLimits) OrStandard() FileLimits {
	standard := StandardFileLimits()
	return FileLimits{
		Files: cmp.Or(l.Files, standard.Files), FileBytes: cmp.Or(l.FileBytes, standard.FileBytes),
		TotalBytes: cmp.Or(l.TotalBytes, standard.TotalBytes), Depth: cmp.Or(l.Depth, standard.Depth),
	}
}

// Limits bound the cost of one configuration.
type Limits struct {
	FileLimits
	// depth is the deepest nesting of values.
	depth int
	// forDepth is the deepest nesting of for clauses.
	forDepth int
	// repeatCount is the largest count for list.Repeat, list.Range and strings.Repeat.
	repeatCount int64
	// EvalMillis is the time limit of CUE.
	EvalMillis int
	// chunkBytes is how much of a YAML file is parsed at once.
	chunkBytes int
	// valueBytes is the longest value as it is written in a file. No field may be that long, but
	// the lengths of fields are only known after parsing, which is expensive for a long value.
	valueBytes int
	// columns is the largest number of columns of a CSV file.
	columns int

	// NoFastPath sends all records through the slow path, so that tests can compare the results.
	NoFastPath bool
}

// TooLong is the message for a value that is longer than valueBytes.
func (l Limits) tooLong() string {
	return fmt.Sprintf("a value is longer than %d KiB", l.valueBytes>>10)
}

// StandardLimits returns the limits of Load.
func StandardLimits() Limits {
	return Limits{
		FileLimits: StandardFileLimits(),
		depth:      100, forDepth: 2, repeatCount: 10_000, EvalMillis: 120_000, chunkBytes: 256 << 10,
		valueBytes: 64 << 10, columns: 1000,
	}
}
