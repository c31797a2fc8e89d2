// Package apply sends the released changes of a plan to a directory. Each write is enclosed by two
// entries in the journal. Every change of the plan ends with a result: done, held, waiting, skipped
// with a reason, or failed with an error.
package apply
