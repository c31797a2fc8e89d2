package page

import (
	"io"
	"net/url"
	"time"
)

// Operations is the history: what roster did, for all provisioners or one.
type Operations struct {
	Frame
	Provisioner, State string // the filter
	Keys, States       []string
	Chart              *Chart // nil if there are no operations
	Rows               []OperationRow
	Next, Error        string
	Cursor             string // of the page itself
}

// OperationRow is one operation.
type OperationRow struct {
	ID, Provisioner   string
	State             State
	Trigger, By       string
	Time              time.Time
	Summary           string
	Done, Held, Bad   int
	Commit            string
	Progress, Elapsed string
}

// Path is the path of the page of the operation.
func (r *OperationRow) Path() string { return OperationPath(r.ID) }

// ProvisionerPath is the path of the provisioner's page.
func (r *OperationRow) ProvisionerPath() string { return ProvisionerPath(r.Provisioner) }

// NextPage is the address of the next page.
func (p *Operations) NextPage() string {
	return "?" + url.Values{"provisioner": {p.Provisioner}, "state": {p.State}, "cursor": {p.Next}}.Encode()
}

// Write writes the page.
func (p *Operations) Write(w io.Writer) error { return operationsTemplate.Execute(w, p) }

// Operation is the page of one operation: what it did, and what is left.
type Operation struct {
	Frame
	Steps []RunStep
	// Done and Total are the progress of the running step; Total is 0 if none runs.
	Done, Total int
	Left        string // the estimated time; "" if there is none
	Facts       []Fact
	Problem     []string
	Links       []Link
}

// RunStep is a step of a run. Its class is done, running, failed, or "" for one to come.
type RunStep struct {
	Class, Name, Text string
	Time              time.Time
}

// Write writes the page.
func (p *Operation) Write(w io.Writer) error { return operationTemplate.Execute(w, p) }
