// Package output turns values into text for people and programs outside roster: terminals, Markdown
// of comments and reports, CSV, JSON, logs and web pages. All of this text goes through this
// package. internal/importrules has the test that no other package writes it.
//
// A value is data: the name of a user in AWS, the reason in a declaration, the author of a commit,
// an error of a server. People without any rights can choose it. A value must stay text where it is
// shown:
//
//   - Line shows characters that move the cursor, hide or reorder text as escapes such as \x1b and
//     \u202e, and keeps a value on its line. Fprintf does this to each argument.
//   - Markdown and Markdownf do the same, and make sure that a renderer or a forge makes no link,
//     mention, reference, emoji, HTML or block of a value. Code makes a code span.
//   - WriteCSV keeps spreadsheets from evaluating a cell.
//   - JSON writers use JSON's own escapes, so that the decoded value is unchanged.
//   - NewLogHandler does for records of log/slog what Fprintf does for a line.
//
// Escaping where a value enters a text can be forgotten. So each stream has a second barrier, which
// knows nothing about values: a Writer for standard output and standard error, NewJSONWriter for
// JSON, and Handler for HTTP responses. It lets printable characters, line feeds and tabs pass, and
// shows everything else. Colors are the one exception. A Span carries them as markers, which cannot
// come from a value, and the Writer replaces the markers.
//
// The package does not know what a value means, and removes no secrets.
package output
