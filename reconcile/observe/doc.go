// Package observe reads a directory for a run. A cached view from earlier runs saves reads; every
// fact that the released changes of a plan depend on is read again in the same run. What could not
// be read completely is never taken for absent.
//
// It reads through the interface reconcile.Directory and writes nothing.
package observe
