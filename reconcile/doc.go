// Package reconcile decides what to change in a directory: what it should hold (Desired), how that
// relates to what it holds (Link), which changes lead there (Diff), and which of them must be
// approved first (gates). It also declares the records that runs leave, and the interfaces to Git,
// SCIM, the forge and the audit branch.
//
// Data flows in one direction:
//
//	declarations -> Desired --+
//	directory -> Observed ----+-> Link -> Target -> Diff -> gates, approvals, mode -> Plan
//	audit branch -> Ledger ---+
//
// Everything in this package is pure: the same input gives the same output. It uses no clock,
// logger, file or network. The subpackages have the effects: observe reads a directory, apply
// writes it, and run carries a provisioner from declarations to a published report. The packages
// render and explain turn values into text.
package reconcile
