package page

import (
	"io"
	"net/url"
	"time"
)

// Deadlines is the page with everything that ends soon.
type Deadlines struct {
	Frame
	Text, Kind string // the filter
	Kinds      []string
	All        bool   // also what does not end soon
	Timeline   *Chart // nil if nothing ends
	Rows       []DeadlineRow
	Total      int
	Next       string
	Cursor     string // of the page itself
	Error      string
}

// DeadlineRow is one end date.
type DeadlineRow struct {
	State       State
	Kind        string
	Subject     string
	Link        *Link // to what ends, if it has a page
	EndsAt      time.Time
	Consequence string
	Path        string // in the declarations
}

// NextPage is the address of the next page.
func (p *Deadlines) NextPage() string {
	q := url.Values{"q": {p.Text}, "kind": {p.Kind}, "cursor": {p.Next}}
	if p.All {
		q.Set("all", "true")
	}
	return "?" + q.Encode()
}

// Write writes the page.
func (p *Deadlines) Write(w io.Writer) error { return deadlinesTemplate.Execute(w, p) }
