package output

import "strings"

// slackEscapes are the characters that Slack gives a meaning: with them, a value could mention
// everybody or be a link.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Slack returns a value as text of one line for a message of Slack.
func Slack(value string) string { return slackEscapes.Replace(Line(value)) }
