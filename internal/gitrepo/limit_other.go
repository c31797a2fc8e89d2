//go:build !linux

package gitrepo

import "os/exec"

// limitProcess sets no limits: only Linux can limit another process.
func limitProcess(int, Limits) error { return nil }

func endedByLimit(*exec.ExitError) bool { return false }
