package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
)

// addLimitFlags adds the flags for the limits of an evaluation, with the standard limits as
// defaults.
func addLimitFlags(f *pflag.FlagSet, l *app.EvaluationLimits) {
	*l = app.StandardEvaluationLimits()
	f.DurationVar(&l.CPU, "eval-cpu", l.CPU, "processor time of a child process that evaluates declarations")
	f.Var((*mebibytes)(&l.Memory), "eval-memory", "memory of a child process that evaluates declarations")
	f.IntVar(&l.Files, "max-files", l.Files, "maximum number of files below the folder of the declarations")
	f.Var((*mebibytes)(&l.FileBytes), "max-file-size", "maximum size of a file of declarations")
	f.Var((*mebibytes)(&l.TotalBytes), "max-total-size", "maximum size of all files of declarations")
	f.IntVar(&l.Depth, "max-depth", l.Depth, "maximum depth of folders below the folder of the declarations")
}

// checkLimits rejects limits that allow nothing.
func checkLimits(l *app.EvaluationLimits) error {
	if l.CPU <= 0 || l.Memory <= 0 || l.Files <= 0 || l.FileBytes <= 0 || l.TotalBytes <= 0 || l.Depth <= 0 {
		return usageErrorf("--eval-cpu, --eval-memory, --max-files, --max-file-size, --max-total-size and " +
			"--max-depth must be more than 0")
	}
	l.Wall = 0 // it follows from the processor time
	return nil
}

// mebibytes is a size in bytes that flags give in MiB.
type mebibytes int64

func (m *mebibytes) String() string { return strconv.FormatInt(int64(*m)>>20, 10) }
func (m *mebibytes) Type() string   { return "MiB" }

// Set sets the size.
func (m *mebibytes) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 20)
	if err != nil {
		return fmt.Errorf("want a number of MiB")
	}
	*m = mebibytes(n << 20)
	return nil
}
