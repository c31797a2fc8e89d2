package page

import (
	"io"
	"net/url"
)

// Changes is the page with the changes of a provisioner's last run.
type Changes struct {
	Frame
	Key    string
	Facts  []Fact // of an earlier run; nil for the last one
	Last   bool   // the changes are those of the last run
	Held   []Held
	Filter Filter
	Rows   []ChangeRow
	Total  int // that match the filter
	Next   string
	Error  string
	Notice string
	Cursor string // of the page itself
}

// Filter is what a reader asks for. Each field is "" for any.
type Filter struct {
	Text, Result, Effect, Gate, Cause string
	// Options are the choices of the fields with a list.
	Options Options
}

// Options are the choices of a filter.
type Options struct{ Results, Effects, Gates, Causes []string }

// Query is the filter in an address.
func (f *Filter) Query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"q": f.Text, "result": f.Result, "effect": f.Effect, "gate": f.Gate,
		"cause": f.Cause} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// ChangeRow is one change.
type ChangeRow struct {
	Object     Link // the user or group
	Key        string
	Effect     Effect
	Attributes []AttributeRow
	Reason     string
	Position   string // file:line:column of the declaration
	Result     State
	Gates      []GateRow
	Waiting    string
	Error      string
	RequestID  string // of AWS
	Approval   string // the digest that released it
}

// AttributeRow is the value of an attribute before and after a change.
type AttributeRow struct{ Path, Old, New string }

// GateRow is a gate that holds a change or a number of changes, with the reason.
type GateRow struct {
	Gate, Reason string
	Changes      int // 0 for one change
}

// ChangeTable is a table of changes.
type ChangeTable struct {
	Caption string
	Rows    []ChangeRow
}

// Table is the table of the page.
func (p *Changes) Table() ChangeTable {
	caption := count(p.Total) + " changes match"
	if p.Total == 1 {
		caption = "1 change matches"
	}
	return ChangeTable{caption, p.Rows}
}

// NextPage is the address of the next page.
func (p *Changes) NextPage() string {
	q := p.Filter.Query()
	q.Set("cursor", p.Next)
	return "?" + q.Encode()
}

// JSONPath is the address of the same rows as JSON.
func (p *Changes) JSONPath() string {
	return "/api/v1" + ChangesPath(p.Key) + "?" + p.Filter.Query().Encode()
}

// Write writes the page.
func (p *Changes) Write(w io.Writer) error { return changesTemplate.Execute(w, p) }
