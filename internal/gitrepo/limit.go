package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Limits bound a git process that works on unmerged commits. A field that is 0 has the
// standard value.
type Limits struct {
	CPU    time.Duration // the processor time
	Memory int64         // the size of the data in bytes
}

// standardLimits are enough to merge large repositories.
var standardLimits = Limits{CPU: time.Minute, Memory: 2 << 30}

func (l Limits) orStandard() Limits {
	if l.CPU == 0 {
		l.CPU = standardLimits.CPU
	}
	if l.Memory == 0 {
		l.Memory = standardLimits.Memory
	}
	return l
}

// LimitError reports that git exceeded a limit. A few small trees can name so many files that git
// never ends.
type LimitError struct{ Limits }

func (e *LimitError) Error() string {
	return fmt.Sprintf("git needs more than %s of processor time or %d MiB of memory", e.CPU, e.Memory>>20)
}

// outputWithin runs a command within limits, and returns its output.
func outputWithin(cmd *exec.Cmd, l Limits) ([]byte, error) {
	l = l.orStandard()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := limitProcess(cmd.Process.Pid, l); err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(err, cmd.Wait())
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return out.Bytes(), err
	}
	exit.Stderr = stderr.Bytes()
	if endedByLimit(exit) || strings.Contains(strings.ToLower(stderr.String()), "out of memory") {
		return nil, &LimitError{l}
	}
	return out.Bytes(), err
}
