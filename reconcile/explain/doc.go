// Package explain answers why a user or group is in a provisioner's directory as it is, or why it
// is not. An explanation is a function of its input: declarations, ledger, status and the newest
// report.
package explain
