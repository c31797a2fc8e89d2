package page

import (
	"fmt"
	"io"
	"net/url"
	"time"
)

// Pulls is the page with the open pull requests: what each merge would do to people.
type Pulls struct {
	Frame
	Text, Effect string // the filter
	Effects      []string
	Rows         []PullRow
	Total        int // that match the filter
	Next         string
	Problem      string // why previews are not made; "" if they are
	Error        string
}

// PullRow is one pull request.
type PullRow struct {
	Number        int
	Title, Author string
	Forge         Link // to the pull request at the forge
	State         State
	Line          string
	Effects       []Effect
	Gates         []string
	Notes         []string
	Made          time.Time // zero if there is no preview
}

// Path is the path of the page of the pull request.
func (r *PullRow) Path() string { return PullPath(r.Number) }

// ID is the id of the element.
func (r *PullRow) ID() string { return fmt.Sprint("pull-", r.Number) }

// PullPath is the path of the page of a pull request.
func PullPath(number int) string { return fmt.Sprint("/pulls/", number) }

// NextPage is the address of the next page.
func (p *Pulls) NextPage() string {
	return "?" + url.Values{"q": {p.Text}, "effect": {p.Effect}, "cursor": {p.Next}}.Encode()
}

// Write writes the page.
func (p *Pulls) Write(w io.Writer) error { return pullsTemplate.Execute(w, p) }

// Pull is the page with the whole preview of a pull request.
type Pull struct {
	Frame
	Row     PullRow
	Facts   []Fact
	Problem []string
	Parts   []PullPart
	Command string // that shows all changes
	Next    string
	Error   string
}

// PullPart is the preview of one provisioner.
type PullPart struct {
	Key, Line string
	Facts     []Fact
	Notes     []string // rules that are loosened, settings that change, and what else a reviewer must know
	Gates     []GateRow
	Table     ChangeTable
	Omitted   int // changes that are not kept
	Lists     []TextList
}

// Path is the path of the provisioner's page.
func (p *PullPart) Path() string { return ProvisionerPath(p.Key) }

// TextList is a list of lines below a title.
type TextList struct {
	Title string
	Lines []string
	More  int // lines that are not in the list
}

// NextPage is the address of the next page.
func (p *Pull) NextPage() string { return "?" + url.Values{"cursor": {p.Next}}.Encode() }

// Write writes the page.
func (p *Pull) Write(w io.Writer) error { return pullTemplate.Execute(w, p) }
