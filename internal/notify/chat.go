package notify

import (
	"fmt"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
)

// marks are the marks of severities in chats.
var marks = map[Severity]string{Info: "ℹ️", Warning: "⚠️", Critical: "🛑"}

// slackBody returns the body of an incoming webhook of Slack, with blocks of plain text: names in
// it are no mentions and no links.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
func slackBody(m *message) any {
	type text struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	type element struct {
		Type string `json:"type"`
		Text text   `json:"text"`
		URL  string `json:"url"`
	}
	type block struct {
		Type     string    `json:"type"`
		Text     *text     `json:"text,omitempty"`
		Elements []element `json:"elements,omitempty"`
	}
	section := func(s string) block {
		return block{Type: "section", Text: &text{"plain_text", truncated(s, 3000)}}
	}
	var blocks []block
	for i := range m.events {
		e := &m.events[i]
		lines := append([]string{marks[e.Severity] + " " + e.subject()}, bullets(e.Details)...)
		blocks = append(blocks, section(strings.Join(lines, "\n")))
		if link := m.link(e); link != "" {
			blocks = append(blocks, block{Type: "actions",
				Elements: []element{{"button", text{"plain_text", "Open in roster"}, link}}})
		}
	}
	if m.omitted > 0 {
		blocks = append(blocks, section(fmt.Sprintf("and %d more", m.omitted)))
	}
	return struct {
		Text   string  `json:"text"` // in notifications of the operating system
		Blocks []block `json:"blocks"`
	}{output.Slack(m.subject()), blocks}
}

// teamsBody returns the body of a workflow of Microsoft Teams: a message with an adaptive card.
// Adaptive cards show Markdown in text blocks, so values go into text runs.
// https://learn.microsoft.com/power-automate/teams/send-a-message-in-teams
func teamsBody(m *message) any {
	type run struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Weight string `json:"weight,omitempty"`
	}
	type item struct {
		Type    string `json:"type"`
		Inlines []run  `json:"inlines"`
	}
	type action struct {
		Type  string `json:"type"`
		Title string `json:"title"`
		URL   string `json:"url"`
	}
	line := func(s, weight string) item {
		return item{"RichTextBlock", []run{{"TextRun", truncated(s, 2000), weight}}}
	}
	var items []item
	var actions []action
	for i := range m.events {
		e := &m.events[i]
		items = append(items, line(marks[e.Severity]+" "+e.subject(), "Bolder"))
		for _, detail := range bullets(e.Details) {
			items = append(items, line(detail, ""))
		}
		if link := m.link(e); link != "" && len(actions) == 0 {
			actions = append(actions, action{"Action.OpenUrl", "Open in roster", link})
		}
	}
	if m.omitted > 0 {
		items = append(items, line(fmt.Sprintf("and %d more", m.omitted), ""))
	}
	card := map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard",
		"version": "1.4", "body": items, "actions": actions}
	return map[string]any{"type": "message", "attachments": []map[string]any{
		{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}}
}

// bullets returns details as lines of a list, at most maxDetails of them.
func bullets(details []string) []string {
	var out []string
	for i, d := range details {
		if i == maxDetails {
			return append(out, fmt.Sprintf("and %d more", len(details)-maxDetails))
		}
		out = append(out, "• "+output.Line(d))
	}
	return out
}

const maxDetails = 15

// truncated cuts a text to a number of runes.
func truncated(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return s
}
