// Package reconciletest is for tests. It has a directory, an audit and a cache in memory, a
// simulated environment for whole scenarios (Env), and a conformance suite that every
// implementation of reconcile.Directory must pass.
package reconciletest
