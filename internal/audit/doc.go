// Package audit keeps the evidence of runs. It knows two places: a branch of
// files that is moved by compare-and-swap, for everybody, and a state directory
// on this machine, for what must be on disk before anything is sent. It does not
// know Git, AWS or declarations; what a report says is reconcile's business.
//
// On the branch, per provisioner:
//
//	intents/<provisioner>.json             the run under way, with its lease
//	status/<provisioner>.json              what the last run left, with a link to its report
//	ledger/<provisioner>/<00..ff>.json     which objects are ours, spread by a hash of the key
//	reports/<provisioner>/2026/03/01/20260301T094501Z-abc1234.json and .md
//
// In the state directory:
//
//	lock/<provisioner>.lock       held by the process that works on the provisioner; dies with it
//	journal/<provisioner>.jsonl   the intent, then a line before and after each write
//	pending/<provisioner>.json    a conclusion that is not yet on the branch
//	memory/<provisioner>.json     what this machine last saw on the branch, and what it counted
//
// A run goes through them in this order, so that a crash between any two steps
// leaves either nothing done or a trace of what was:
//
//	journal created -> intent committed -> (entry, write, entry)... -> pending stored ->
//	report, status, ledger committed and intent removed, in one commit -> journal removed -> pending removed
//
// Each report names the SHA-256 of the one before it, the status names the
// newest: one chain per provisioner, which Verify walks.
package audit
