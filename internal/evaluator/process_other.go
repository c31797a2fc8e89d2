//go:build !linux

package evaluator

import "os/exec"

// isolate kills a command that is canceled.
func isolate(cmd *exec.Cmd) { cmd.Cancel = func() error { return cmd.Process.Kill() } }

func exitOf(cmd *exec.Cmd, err error, stderr string) exit {
	e := exit{err: err, code: -1, stderr: stderr}
	if state := cmd.ProcessState; state != nil {
		e.code = state.ExitCode()
		e.cpu = state.UserTime() + state.SystemTime()
		e.killed = state.String() == "signal: killed"
	}
	return e
}
