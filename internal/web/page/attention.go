package page

import (
	"io"
	"time"
)

// Attention is the first page: what needs a decision, the gravest first.
type Attention struct {
	Frame
	Band []Brief
	// Stops are the things that keep work from being done, Notes those that only have to be known.
	Stops, Notes []Item
	// Checked says what was looked at, if nothing needs attention.
	Checked string
	// Omitted is the number of things that the page does not list.
	Omitted int
}

// Brief is one of the facts at the top of a page.
type Brief struct {
	Name, Head, Text string
	Time             time.Time // instead of Head
	Link             *Link
}

// Item is one thing that needs attention.
type Item struct {
	ID          string // of the element, so that links lead to it
	State       State
	Provisioner string // its key; "" if the thing concerns all
	Since       time.Time
	Title       string
	Text        []string
	Problem     []string // lines of an error
	Held        []Held
	Steps       []Step
	Links       []Link
}

// Path is the path of the provisioner's page.
func (i *Item) Path() string { return ProvisionerPath(i.Provisioner) }

// Held are held changes with one cause.
type Held struct {
	Title, Author  string
	Changes, Users int
	Gates          []string
	Since          time.Time // zero if it is not known
	Command        string    // that approves them
	Link           Link      // to the changes
	// Forge leads to the page of the forge that adds the approval, and Approval is the text of it;
	// both are empty without a forge.
	Forge, Approval string
}

// Write writes the page.
func (p *Attention) Write(w io.Writer) error { return attentionTemplate.Execute(w, p) }
