// Package audit records runs. It writes to two places: a branch of files, which all machines share
// and which moves by compare-and-swap; and a state directory on this machine, for records that must
// be on disk before anything is sent. It does not know Git, AWS or declarations, and it does not
// interpret reports.
//
// Files on the branch, per provisioner:
//
//	intents/<provisioner>.json             the current run with its lease
//	status/<provisioner>.json              the state after the last run, with a link to its report
//	ledger/<provisioner>/<00..ff>.json     the managed objects, sharded by a hash of the key
//	reports/<provisioner>/2026/03/01/20260301T094501Z-abc1234.json and .md, for a long report with
//	  .part-0001.jsonl.gz and so on, and .index-0001.jsonl.gz and so on
//
// Files in the state directory:
//
//	lock/writer.lock              held by the process that may write, see LockStateDir
//	lock/<provisioner>.lock       held by the process that works on the provisioner; ends with it
//	journal/<provisioner>.jsonl   the intent, then a line before and after each write
//	pending/<provisioner>.json    a report that is not on the branch yet
//	parts/<provisioner>/<run>/    the parts of a long report that is not on the branch yet
//	queue/<provisioner>.json      reports of runs that found the branch broken
//	branch/<provisioner>.json     the last state of the branch that was not broken
//
// A run writes them in this order. A crash between any two steps leaves either nothing done or a
// record of what was done:
//
//	journal created -> intent committed -> (entry, write, entry)... -> pending report stored ->
//	report, status and ledger committed and intent removed, in one commit -> journal removed ->
//	pending report and parts removed
//
// Each report has the SHA-256 of the previous report, and the status has that of the newest. This
// is one chain per provisioner, which Verify checks.
package audit
