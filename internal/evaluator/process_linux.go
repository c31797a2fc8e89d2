package evaluator

import (
	"math"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolate gives a command a process group of its own, which is killed as a whole, also when this
// process ends. It also closes for all commands the files that this process has inherited.
func isolate(cmd *exec.Cmd) {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

func exitOf(cmd *exec.Cmd, err error, stderr string) exit {
	e := exit{err: err, code: -1, stderr: stderr}
	if state := cmd.ProcessState; state != nil {
		e.code = state.ExitCode()
		e.cpu = state.UserTime() + state.SystemTime()
		status, ok := state.Sys().(syscall.WaitStatus)
		e.killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	return e
}
