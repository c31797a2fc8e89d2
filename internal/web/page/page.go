// Package page has the pages of the daemon. Each page is a value that is written as HTML. A page
// answers one question in its heading, works without scripts, and loads nothing from elsewhere.
package page

import (
	"embed"
	"html/template"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
)

//go:embed *.html
var files embed.FS

// Style is the style sheet, which each page loads from StylePath.
//
//go:embed style.css
var Style []byte

// Icon is the icon of the site as SVG, which each page loads from IconPath.
//
//go:embed icon.svg
var Icon []byte

// The paths of the files that pages load.
const (
	StylePath = "/style.css"
	IconPath  = "/icon.svg"
)

// Frame is what every page has around its content.
type Frame struct {
	Heading string // the answer of the page
	Crumb   string // names the thing that the page is about; "" for none
	Lead    string // a sentence below the heading; "" for none
	Path    string // of the page; the menu marks its section
	// Attention is the number of things that need attention.
	Attention    int
	Provisioners []ProvisionerState
	More         int      // provisioners that the line of states does not list
	Notices      []string // the flags that weaken a rule
	Caller       string   // who has signed in; "" for nobody
	// Pulls and Apps are whether there are pages of pull requests and of apps.
	Pulls, Apps bool
	Now         time.Time
	Commit      Commit
}

// Title is the title of the window.
func (f *Frame) Title() string {
	if f.Crumb == "" {
		return f.Heading
	}
	return f.Crumb + ": " + f.Heading
}

// Section is an entry of the menu.
type Section struct {
	Path, Name string
	Current    bool
}

// Sections returns the menu.
func (f *Frame) Sections() []Section {
	list := []Section{{Path: "/", Name: "Needs attention"}, {Path: "/provisioners", Name: "Provisioners"}}
	if f.Pulls {
		list = append(list, Section{Path: "/pulls", Name: "Pull requests"})
	}
	list = append(list, Section{Path: "/operations", Name: "History"}, Section{Path: "/deadlines", Name: "Deadlines"})
	if f.Apps {
		list = append(list, Section{Path: "/apps", Name: "Sign-in"})
	}
	for i := range list {
		s := &list[i]
		s.Current = f.Path == s.Path || s.Path != "/" && strings.HasPrefix(f.Path, s.Path+"/")
	}
	return list
}

// ProvisionerState is the state of a provisioner in the line below the menu.
type ProvisionerState struct {
	Key   string
	State State
	Text  string
}

// Path is the path of the provisioner's page.
func (p ProvisionerState) Path() string { return ProvisionerPath(p.Key) }

// State is a state as a word. Its class is the tone: good, held, bad, wait, soon, or "".
type State struct{ Class, Word string }

// Effect is what a change means. Its class is gain, lose, name or details.
type Effect struct{ Class, Text string }

// Commit is a commit of the declarations.
type Commit struct{ ID, Subject, Author string }

// Short is the beginning of the id.
func (c Commit) Short() string { return c.ID[:min(7, len(c.ID))] }

// Link is a link to a page.
type Link struct{ Text, Path string }

// Step is one thing to do: a sentence, and a command if there is one.
type Step struct{ Text, Command string }

// Fact is a name with its value. Time, if it is set, is shown instead of Text.
type Fact struct {
	Name, Text string
	Time       time.Time
	Code       bool // Text is a name of Git, AWS or the declarations
	State      *State
}

// ProvisionerPath is the path of the page of a provisioner.
func ProvisionerPath(key string) string { return "/provisioners/" + url.PathEscape(key) }

// ChangesPath is the path of the page with the changes of a provisioner's last run.
func ChangesPath(key string) string { return ProvisionerPath(key) + "/changes" }

// OperationPath is the path of the page of an operation.
func OperationPath(id string) string { return "/operations/" + url.PathEscape(id) }

// ObjectPath is the path of the page of a user or group. kind is "user" or "group".
func ObjectPath(kind, key string) string { return "/" + kind + "s/" + url.PathEscape(key) }

var functions = map[string]any{
	"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clock": func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04") + " UTC" },
	"day":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
	"count": count,
	"option": func(name, label, chosen string, values []string) selection {
		return selection{name, label, chosen, values}
	},
}

// selection is a field with a list of choices.
type selection struct {
	Name, Label, Chosen string
	Values              []string
}

// count returns a number with separators of thousands.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// pageTemplate is parsed when it is first used, because commands that show no page also have it.
type pageTemplate func() *template.Template

func parse(name string) pageTemplate {
	return sync.OnceValue(func() *template.Template {
		return output.Template(functions, files, name, "frame.html", "parts.html")
	})
}

// Execute writes the page with its values.
func (t pageTemplate) Execute(w io.Writer, page any) error { return t().Execute(w, page) }

var (
	attentionTemplate    = parse("attention.html")
	provisionersTemplate = parse("provisioners.html")
	provisionerTemplate  = parse("provisioner.html")
	changesTemplate      = parse("changes.html")
	objectTemplate       = parse("object.html")
	operationsTemplate   = parse("operations.html")
	operationTemplate    = parse("operation.html")
	deadlinesTemplate    = parse("deadlines.html")
	appsTemplate         = parse("apps.html")
	appTemplate          = parse("app.html")
	historyTemplate      = parse("history.html")
	pullsTemplate        = parse("pulls.html")
	pullTemplate         = parse("pull.html")
	messageTemplate      = parse("message.html")
)

// Message is a page with only a heading, such as that of an error.
type Message struct {
	Frame
	Steps []Step
}

// Page is a page of the daemon.
type Page interface{ Write(w io.Writer) error }

// Write writes the page.
func (p *Message) Write(w io.Writer) error { return messageTemplate.Execute(w, p) }
