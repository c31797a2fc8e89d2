package reconcile

import (
	"maps"
	"slices"
	"time"
)

// Entry is a line of the journal: the beginning or the end of a write.
type Entry struct {
	Run         string `json:"run"`
	Provisioner string `json:"provisioner"`
	Seq         int    `json:"seq"` // of the write, from 1; the same at its beginning and its end
	// Changes are the changes of the write, with their results once it has ended.
	Changes []Done    `json:"changes,omitempty"`
	Ended   bool      `json:"ended"`
	Time    time.Time `json:"time"`
}

// Results returns the results of the writes of a journal, in their order: the last entry of a write
// counts. A write without an end is unknown.
func Results(entries []Entry) []Done {
	last := map[int]Entry{}
	for _, e := range entries {
		last[e.Seq] = e
	}
	out := []Done{}
	for _, seq := range slices.Sorted(maps.Keys(last)) {
		for _, d := range last[seq].Changes {
			if !last[seq].Ended {
				d.Result = ResultUnknown
			}
			out = append(out, d)
		}
	}
	return out
}
