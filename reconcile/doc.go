// Package reconcile is what the machine decides: what a directory should hold (Desired), what it holds (Observe), what has to change
// (Diff), what must not change without somebody's word (gates), and the run that carries it out and leaves evidence (Runner).
//
// Data flows one way:
//
//	commit -> declarations -> Desired -> Target -> Diff -> gates -> Plan -> Apply -> Report -> commit
//
// What a directory holds need not be read anew each time: a Memory keeps it between runs, and a plan made from memory is made again until
// all that its changes touch was looked up in the same run.
//
// Everything up to Plan is pure: it takes no context, no clock, no store and no logger. Only Observe, Apply and Runner have effects,
// through the small interfaces that this package declares: Directory (SCIM), Audit (evidence) and Source (Git). The package knows no
// Git, CUE, HTTP or SAML; a test checks this.
package reconcile
