package run

import (
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/apply"
)

// veiledJournal keeps secrets out of a journal: its entries become the report of a run that is cut off.
type redactingJournal struct {
	apply.Journal
	redactor *reconcile.Redactor
}

func (j redactingJournal) Begin(e reconcile.Entry) error {
	e.Changes = j.redactor.Results(e.Changes)
	return j.Journal.Begin(e)
}

func (j redactingJournal) End(e reconcile.Entry) error {
	e.Changes = j.redactor.Results(e.Changes)
	return j.Journal.End(e)
}
