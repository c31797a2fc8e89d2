package reconcile

import "time"

// CommitRef names a commit of declarations.
type CommitRef struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject,omitempty"`
	Author  string    `json:"author,omitempty"` // "Name <email>"
	Time    time.Time `json:"time,omitzero"`    // of the commit
	Branch  string    `json:"branch,omitempty"`
}

// Short returns the first seven digits of the commit's id, or "(none)".
func (c CommitRef) Short() string {
	if c.ID == "" {
		return "(none)"
	}
	return c.ID[:min(7, len(c.ID))]
}
