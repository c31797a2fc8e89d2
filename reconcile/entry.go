package reconcile

import "time"

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
