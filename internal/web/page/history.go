package page

import (
	"io"
	"net/url"
	"time"
)

// History is the page with what changed for a user or group, and by which commit and run.
type History struct {
	Frame
	Back   Link     // to the page of the user or group
	Charts []*Chart // the members of a group over time
	Rows   []HistoryRow
	Total  int
	Next   string
	Cursor string   // of the page itself
	Notes  []string // how far the search went
	Error  string
}

// HistoryRow is a change of the user or group.
type HistoryRow struct {
	At          time.Time
	Run         Link
	Provisioner string
	Change      ChangeRow
	Commit      Commit // that was applied
}

// Path is the path of the provisioner's page.
func (r *HistoryRow) Path() string { return ProvisionerPath(r.Provisioner) }

// NextPage is the address of the next page.
func (p *History) NextPage() string { return "?" + url.Values{"cursor": {p.Next}}.Encode() }

// Write writes the page.
func (p *History) Write(w io.Writer) error { return historyTemplate.Execute(w, p) }

// HistoryPath is the path of the history of a user or group. kind is "user" or "group".
func HistoryPath(kind, key string) string { return ObjectPath(kind, key) + "/history" }

// RunPath is the path of the page with the changes of a run.
func RunPath(provisioner, run string) string {
	return ProvisionerPath(provisioner) + "/runs/" + url.PathEscape(run)
}
