package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of event.
type Kind string

// The kinds of events.
const (
	Held       Kind = "held"       // changes wait for an approval
	Failed     Kind = "failed"     // runs fail
	Broken     Kind = "broken"     // the audit branch is not what roster wrote
	Quarantine Kind = "quarantine" // AWS refuses all calls
	Drift      Kind = "drift"      // AWS was changed by hand
	Deadline   Kind = "deadline"   // something ends soon, or has ended
	Recovered  Kind = "recovered"  // what was wrong is over
)

// Severity says how soon an event needs attention.
type Severity string

// The severities, the lowest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical" // also in quiet hours
)

// severities are the severities in order.
var severities = []Severity{Info, Warning, Critical}

// kindRow is what is true of all events of a kind.
type kindRow struct {
	kind     Kind
	severity Severity
	// lasts: the event is the begin of a state. Its end is an event of the kind Recovered.
	lasts bool
}

// kinds has a row for each kind of event.
var kinds = []kindRow{
	{Held, Warning, true},
	{Failed, Warning, true},
	{Broken, Critical, true},
	{Quarantine, Critical, true},
	{Drift, Warning, false},
	{Deadline, Info, false}, // higher shortly before the end
	{Recovered, Info, false},
}

// Event is something that people are told once.
type Event struct {
	// ID is the same for the same event, also after a restart.
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Severity Severity  `json:"severity"`
	Time     time.Time `json:"time"`
	// Provisioner is the provisioner that the event is about; "" if it is about the repository.
	Provisioner string `json:"provisioner,omitempty"`
	// Title is a sentence without a period at its end.
	Title string `json:"title"`
	// Details are further sentences.
	Details []string `json:"details,omitempty"`
	// Path is the path of the page that shows more.
	Path string `json:"path,omitempty"`
}

// Problem is what is wrong with a provisioner now.
type Problem struct {
	Kind Kind
	// Cause distinguishes problems of the same kind: another cause is another event. It is "" if
	// only one problem of the kind is possible.
	Cause string
	// Severity is that of the event; "" means the severity of the kind.
	Severity Severity
	Title    string
	Details  []string
	Path     string
}

// key identifies a problem of a subject.
func (p *Problem) key(subject string) string {
	return strings.Join([]string{subject, string(p.Kind), p.Cause}, "\x00")
}

// event returns the event of a problem that began now.
func (p *Problem) event(subject string, now time.Time) Event {
	return Event{ID: eventID(p.key(subject), now), Kind: p.Kind, Severity: cmp.Or(p.Severity, rowOf(p.Kind).severity),
		Time: now, Provisioner: subject, Title: p.Title, Details: p.Details, Path: p.Path}
}

// eventID returns the id of an event about a key.
func eventID(key string, at time.Time) string {
	sum := sha256.Sum256([]byte(key + "\x00" + at.UTC().Format(time.RFC3339Nano)))
	return "evt_" + hex.EncodeToString(sum[:12])
}

// rowOf returns the row of a kind; the zero row if there is none.
func rowOf(kind Kind) kindRow {
	if i := slices.IndexFunc(kinds, func(k kindRow) bool { return k.kind == kind }); i >= 0 {
		return kinds[i]
	}
	return kindRow{}
}

func kindNames() string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k.kind))
	}
	return strings.Join(names, ", ")
}
