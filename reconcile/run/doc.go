// Package run carries a provisioner from declarations to a published report: recover an interrupted
// run, observe, plan, publish an intent, apply, and conclude. The command line and the daemon call
// the same functions.
package run
