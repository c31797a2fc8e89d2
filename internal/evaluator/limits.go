package evaluator

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Limits bound one evaluation. A field that is 0 has the standard value.
type Limits struct {
	schema.Limits
	// CPU is the processor time of the child. Wall is the time on the clock; 0 is a multiple of
	// CPU.
	CPU, Wall time.Duration
	// Memory is the size of the child's data in bytes. It is less if the control group of the
	// parent has less.
	Memory int64
}

// StandardLimits returns the limits without flags.
func StandardLimits() Limits {
	return Limits{Limits: schema.StandardLimits(), CPU: time.Minute, Wall: 5 * time.Minute, Memory: 2 << 30}
}

// orStandard returns the limits, with the standard value for each field that is 0.
func (l Limits) orStandard() Limits {
	standard := StandardLimits()
	l.Limits = l.Limits.OrStandard()
	if l.CPU == 0 {
		l.CPU = standard.CPU
	}
	if l.Wall == 0 {
		l.Wall = time.Minute + 4*l.CPU // other work goes first
	}
	if l.Memory == 0 {
		l.Memory = standard.Memory
	}
	return l
}

// String identifies the limits, for verdicts that depend on them.
func (l Limits) String() string {
	return fmt.Sprintf("%d files, %d bytes each, %d bytes, depth %d, %s of CPU, %d bytes of memory", l.Files,
		l.FileBytes, l.TotalBytes, l.Depth, l.CPU, l.Memory)
}

// Error is the error of declarations that cannot be evaluated: the child exceeded a limit or died.
type Error struct {
	// Reason completes the sentence "The declarations cannot be evaluated: ...".
	Reason string
	// Repeatable is set if every attempt has this result: the processor time, a panic.
	Repeatable bool
	// Final is set if the evaluation will not be tried again.
	Final bool

	// detail is the first line of the child's standard error, for the log.
	detail string
}

func (e *Error) Error() string { return "the declarations cannot be evaluated: " + e.Reason }
