//go:build !linux

package app

import "os"

// ownProgram is the file of this program.
var ownProgram, _ = os.Executable()
