package reconcile

// veiledJournal keeps secrets out of a journal: its entries become the report of a run that is cut off.
type veiledJournal struct {
	Journal
	veil *veil
}

func (j veiledJournal) Begin(e Entry) error {
	e.Changes = j.veil.done(e.Changes)
	return j.Journal.Begin(e)
}

func (j veiledJournal) End(e Entry) error {
	e.Changes = j.veil.done(e.Changes)
	return j.Journal.End(e)
}
