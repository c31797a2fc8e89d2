package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// writeEnd is the end of a write in the journal. The changes are those of its beginning. An earlier
// roster, which does not know it, counts the line as damaged and stops the provisioner.
type writeEnd struct {
	Run         string    `json:"run"`
	Provisioner string    `json:"provisioner"`
	Seq         int       `json:"seq"` // of the write
	Time        time.Time `json:"time"`
	// First is the first change of the write, for a journal whose line with the beginning is
	// damaged.
	First reconcile.Ref `json:"first"`
	// Results are the results of the changes, in the order of the beginning; a single one is that
	// of all changes.
	Results []writeResult `json:"results"`
}

// writeResult is the result of a change.
type writeResult struct {
	Result    reconcile.Result `json:"result"`
	ID        string           `json:"id,omitempty"` // of the object, which the write may have created
	Error     string           `json:"error,omitempty"`
	RequestID string           `json:"requestId,omitempty"`
	Duration  time.Duration    `json:"durationNs,omitempty"`
}

// recordOf returns the record of an entry. The changes of a write are in the journal once: the end
// of the write has only their results. An entry that says more has its changes again.
func recordOf(e *reconcile.Entry) journalRecord {
	if !e.Ended || len(e.Changes) == 0 {
		return journalRecord{Entry: e}
	}
	end := &writeEnd{Run: e.Run, Provisioner: e.Provisioner, Seq: e.Seq, Time: e.Time,
		First: e.Changes[0].Ref()}
	if slices.ContainsFunc(e.Changes, func(d reconcile.Done) bool { return d.SentBy != nil }) {
		return journalRecord{Entry: e}
	}
	first := resultOf(&e.Changes[0])
	if !slices.ContainsFunc(e.Changes, func(d reconcile.Done) bool { return resultOf(&d) != first }) {
		end.Results = []writeResult{first}
		return journalRecord{End: end}
	}
	for i := range e.Changes {
		end.Results = append(end.Results, resultOf(&e.Changes[i]))
	}
	return journalRecord{End: end}
}

func resultOf(d *reconcile.Done) writeResult {
	return writeResult{d.Result, d.ID, d.Error, d.RequestID, d.Duration}
}

// writes are the entries of a run, as its journal has them so far.
type writes struct {
	entries []reconcile.Entry
	begun   map[int]int // index of the beginning of a write, by its number
}

// add adds an entry, or the end of a write with the changes of its beginning. It fails if the
// beginning does not fit.
func (w *writes) add(record *journalRecord) error {
	if record.End == nil {
		if !record.Entry.Ended {
			if w.begun == nil {
				w.begun = map[int]int{}
			}
			w.begun[record.Entry.Seq] = len(w.entries)
		}
		w.entries = append(w.entries, *record.Entry)
		return nil
	}
	end := record.End
	i, found := w.begun[end.Seq]
	if !found {
		return fmt.Errorf("it ends write %d, which has no beginning", end.Seq)
	}
	begun := w.entries[i].Changes
	if len(end.Results) != 1 && len(end.Results) != len(begun) || len(begun) == 0 {
		return fmt.Errorf("it has %d results of write %d, which has %s", len(end.Results), end.Seq,
			reconcile.CountChanges(len(begun)))
	}
	e := reconcile.Entry{Run: end.Run, Provisioner: end.Provisioner, Seq: end.Seq, Ended: true, Time: end.Time,
		Changes: make([]reconcile.Done, len(begun))}
	for i, d := range begun {
		e.Changes[i] = end.Results[i%len(end.Results)].of(d.Change)
	}
	w.entries = append(w.entries, e)
	return nil
}

// of returns a change with the result.
func (r writeResult) of(c *reconcile.Change) reconcile.Done {
	if r.ID != c.ID {
		created := *c
		created.ID, c = r.ID, &created
	}
	return reconcile.Done{Change: c, Result: r.Result, Error: r.Error, RequestID: r.RequestID, Duration: r.Duration}
}

// addAlone adds the end of a write whose beginning cannot be read. Only its first change is known.
func (w *writes) addAlone(end *writeEnd) {
	c := &reconcile.Change{Kind: end.First.Kind, Key: end.First.Key, Member: end.First.Member}
	e := reconcile.Entry{Run: end.Run, Provisioner: end.Provisioner, Seq: end.Seq, Ended: true, Time: end.Time}
	if len(end.Results) > 0 {
		e.Changes = []reconcile.Done{end.Results[0].of(c)}
	}
	w.entries = append(w.entries, e)
}

// appendJSON appends the record in the bytes of json.Marshal. Entries have most of the changes of a
// journal, and encoding/json takes several times as long for them.
func (r *journalRecord) appendJSON(b []byte) ([]byte, error) {
	if r.Entry == nil || r.Intent != nil || r.End != nil {
		data, err := json.Marshal(r)
		return append(b, data...), err
	}
	b = strconv.AppendInt(append(b, `{"syncedBytes":`...), r.SyncedBytes, 10)
	b, err := r.Entry.AppendJSON(append(b, `,"entry":`...))
	return append(b, '}'), err
}

// errNotARecord is the error of a line that is not exactly one of the records of a journal.
var errNotARecord = errors.New("it is neither an intent nor an entry")

// run returns the run that a record belongs to, and whether the record is of exactly one kind.
func (r *journalRecord) run() (run string, ok bool) {
	n := 0
	if r.Intent != nil {
		run, n = r.Intent.Run, n+1
	}
	if r.Entry != nil {
		run, n = r.Entry.Run, n+1
	}
	if r.End != nil {
		run, n = r.End.Run, n+1
	}
	return run, n == 1
}
