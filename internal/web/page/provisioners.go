package page

import (
	"io"
	"net/url"
	"time"
)

// Provisioners lists all provisioners.
type Provisioners struct {
	Frame
	Rows []ProvisionerRow
	Next string // the cursor of the next page; "" on the last
}

// ProvisionerRow is a row of that list.
type ProvisionerRow struct {
	ProvisionerState
	Mode                        string
	Done, Held, Waiting, Failed int
	LastRun, NextRun            time.Time
}

// NextPage is the address of the next page.
func (p *Provisioners) NextPage() string { return "?" + url.Values{"cursor": {p.Next}}.Encode() }

// Write writes the page.
func (p *Provisioners) Write(w io.Writer) error { return provisionersTemplate.Execute(w, p) }

// Provisioner is the page of one provisioner: since when AWS is as declared, and what comes next.
type Provisioner struct {
	Frame
	Key        string
	Band       []Brief
	Counts     []CountRow
	Facts      []Fact
	Items      []Item // what needs attention
	Charts     []*Chart
	Operations []OperationRow
}

// CountRow compares what is declared with what AWS has.
type CountRow struct {
	Name               string
	Declared, Observed int
}

// ChangesPath is the path of the page with the changes of the last run.
func (p *Provisioner) ChangesPath() string { return ChangesPath(p.Key) }

// HistoryPath is the path of the page with its operations.
func (p *Provisioner) HistoryPath() string {
	return "/operations?" + url.Values{"provisioner": {p.Key}}.Encode()
}

// Write writes the page.
func (p *Provisioner) Write(w io.Writer) error { return provisionerTemplate.Execute(w, p) }
