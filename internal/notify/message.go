package notify

import (
	"fmt"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
)

// message is what a channel gets: one event, or several as one.
type message struct {
	id     string // the same for the same events of a channel
	events []Event
	// omitted is the number of further events: there were too many.
	omitted int
	pageURL string
}

// maxEvents is the number of events that one message has at most.
const maxEvents = 20

// subject returns the first line.
func (m *message) subject() string {
	if len(m.events) == 1 && m.omitted == 0 {
		return m.events[0].subject()
	}
	return fmt.Sprintf("roster: %d notifications", len(m.events)+m.omitted)
}

func (e *Event) subject() string {
	if e.Provisioner == "" {
		return "roster: " + output.Line(e.Title)
	}
	return "roster " + output.Line(e.Provisioner) + ": " + output.Line(e.Title)
}

// link returns the address of the page of an event; "" if it is not known.
func (m *message) link(e *Event) string {
	if m.pageURL == "" || e.Path == "" {
		return ""
	}
	return strings.TrimSuffix(m.pageURL, "/") + "/" + strings.TrimPrefix(e.Path, "/")
}

// text returns the message as plain text, for mail.
func (m *message) text() string {
	var b strings.Builder
	for i := range m.events {
		e := &m.events[i]
		if i > 0 {
			b.WriteString("\n")
		}
		output.Fprintf(&b, "%s\n%s, %s\n", e.subject(), e.Severity, e.Time.UTC().Format("2006-01-02 15:04 MST"))
		for _, line := range e.Details {
			output.Fprintf(&b, "- %s\n", line)
		}
		if link := m.link(e); link != "" {
			output.Fprintf(&b, "%s\n", link)
		}
	}
	if m.omitted > 0 {
		output.Fprintf(&b, "\nand %d more\n", m.omitted)
	}
	return b.String()
}
