// Package demo tells the story of roster on one machine: a Git repository, a simulated AWS, and the daemon between them, over real Git
// and real HTTP on loopback.
//
// Each step says what it did and then looks for itself whether it happened: in the simulator's directory, and in the audit branch as
// the git program reads it. What roster says of itself is no evidence here, so this package has its own idea of what a report looks
// like. It does not know how the daemon is put together, nor anything of command lines.
package demo
