package page

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Sheet are the rows of a page as text, the first of them the header, for a file of CSV.
type Sheet [][]string

// csvPath is the address of the rows of a page as CSV. query is that of the page.
func csvPath(query url.Values) string {
	query.Set("format", "csv")
	for name, values := range query {
		if values[0] == "" {
			query.Del(name)
		}
	}
	return "?" + query.Encode()
}

// stamp returns a time as a cell; "" for zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// cells returns what a sheet has of a change.
func (r *ChangeRow) cells() []string {
	var values, gates []string
	for _, a := range r.Attributes {
		values = append(values, fmt.Sprintf("%s: %q to %q", a.Path, a.Old, a.New))
	}
	for _, g := range r.Gates {
		gates = append(gates, g.Gate)
	}
	return []string{r.Object.Text, r.Key, r.Effect.Text, strings.Join(values, "; "), r.Reason, r.Position,
		r.Result.Word, strings.Join(gates, " "), r.Error, r.RequestID}
}

var changeHeader = []string{"Name", "Key", "Effect", "Values", "Reason", "Declared at", "State", "Gates", "Error",
	"AWS request"}

// Sheet returns the changes of the page.
func (p *Changes) Sheet() Sheet {
	out := Sheet{changeHeader}
	for i := range p.Rows {
		out = append(out, p.Rows[i].cells())
	}
	return out
}

// CSVPath is the address of the rows of the page as CSV.
func (p *Changes) CSVPath() string {
	q := p.Filter.Query()
	q.Set("cursor", p.Cursor)
	return csvPath(q)
}

// Sheet returns the changes of the page.
func (p *History) Sheet() Sheet {
	out := Sheet{append([]string{"Time", "Provisioner", "Run", "Commit", "Author"}, changeHeader...)}
	for i := range p.Rows {
		r := &p.Rows[i]
		out = append(out, append([]string{stamp(r.At), r.Provisioner, r.Run.Text, r.Commit.ID, r.Commit.Author},
			r.Change.cells()...))
	}
	return out
}

// CSVPath is the address of the rows of the page as CSV.
func (p *History) CSVPath() string { return csvPath(url.Values{"cursor": {p.Cursor}}) }

// Sheet returns the deadlines of the page.
func (p *Deadlines) Sheet() Sheet {
	out := Sheet{{"Ends", "State", "Kind", "What", "Then", "Declared at"}}
	for i := range p.Rows {
		r := &p.Rows[i]
		out = append(out, []string{stamp(r.EndsAt), r.State.Word, r.Kind, r.Subject, r.Consequence, r.Path})
	}
	return out
}

// CSVPath is the address of the rows of the page as CSV.
func (p *Deadlines) CSVPath() string {
	q := url.Values{"q": {p.Text}, "kind": {p.Kind}, "cursor": {p.Cursor}}
	if p.All {
		q.Set("all", "true")
	}
	return csvPath(q)
}

// Sheet returns the reasons of the page: of a group, those of its members.
func (p *Object) Sheet() Sheet {
	out := Sheet{{"Provisioner", "Section", "Subject", "Reason", "Until", "Declared at", "Commit", "Author"}}
	for i := range p.Answers {
		a := &p.Answers[i]
		for _, section := range a.Sections {
			for _, r := range section.Rows {
				row := []string{a.Provisioner, section.Title, "", r.Text, r.Until, r.Position, "", ""}
				if r.Subject != nil {
					row[2] = r.Subject.Text
				}
				if r.Commit != nil {
					row[6], row[7] = r.Commit.ID, r.Commit.Author
				}
				out = append(out, row)
			}
		}
	}
	return out
}

// CSVPath is the address of the rows of the page as CSV.
func (p *Object) CSVPath() string { return csvPath(url.Values{"cursor": {p.Cursor}}) }

// Sheet returns the operations of the page.
func (p *Operations) Sheet() Sheet {
	out := Sheet{{"Time", "Id", "Provisioner", "State", "Summary", "Applied", "Held", "Not done", "Trigger",
		"Requested by", "Commit"}}
	for i := range p.Rows {
		r := &p.Rows[i]
		out = append(out, []string{stamp(r.Time), r.ID, r.Provisioner, r.State.Word, r.Summary, fmt.Sprint(r.Done),
			fmt.Sprint(r.Held), fmt.Sprint(r.Bad), r.Trigger, r.By, r.Commit})
	}
	return out
}

// CSVPath is the address of the rows of the page as CSV.
func (p *Operations) CSVPath() string {
	return csvPath(url.Values{"provisioner": {p.Provisioner}, "state": {p.State}, "cursor": {p.Cursor}})
}
