// Package reconciletest is for tests: an audit and a directory in memory, and Walk, the conformance
// suite that every implementation of reconcile.Directory has to pass.
package reconciletest
