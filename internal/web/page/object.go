package page

import (
	"io"
	"net/url"
	"time"
)

// Object is the page of a user or group: why it is in AWS as it is, or why it is not.
type Object struct {
	Frame
	// Answers are one for each provisioner.
	Answers []Answer
	Command string // that prints the same
	History string // the path of the history; "" if there is none
	Next    string // the cursor of the next page of facts
	Cursor  string // of the page itself
}

// Answer is what is known of the object at one provisioner.
type Answer struct {
	Provisioner string
	State       State
	Text        string
	Facts       []Fact
	Differences []Difference
	Sections    []ObjectSection
	Notes       []string
	EvaluatedAt time.Time
	Commit      Commit
}

// Path is the path of the provisioner's page.
func (a *Answer) Path() string { return ProvisionerPath(a.Provisioner) }

// Difference is what AWS has and the declarations do not, or the reverse, and why it is still so.
type Difference struct {
	Text, Why string
	Group     *Link
}

// ObjectSection is a heading with its rows.
type ObjectSection struct {
	Title string
	Rows  []ObjectRow
}

// ObjectRow is one reason.
type ObjectRow struct {
	Subject  *Link // with an empty path if it has no page; nil if there is none
	Text     string
	Until    string
	Position string
	Commit   *Commit
	Day      time.Time // of the commit
}

// NextPage is the address of the next page.
func (p *Object) NextPage() string { return "?" + url.Values{"cursor": {p.Next}}.Encode() }

// Write writes the page.
func (p *Object) Write(w io.Writer) error { return objectTemplate.Execute(w, p) }
