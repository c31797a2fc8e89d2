// Package demo runs a scenario on one machine: a Git repository, a simulated AWS, and the daemon
// between them, over Git and HTTP on loopback.
//
// After each step it verifies the result: in the directory of the simulator, and on the audit
// branch as the git program reads it. The output of roster does not count as a result, so this
// package has its own types for reports. It does not depend on the daemon, and parses no
// command lines.
package demo
