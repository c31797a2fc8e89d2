package explain

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Explanation says why a user or group is in a provisioner's directory as it is, or why it is not.
type Explanation struct {
	Version     int                 `json:"version"`
	Kind        string              `json:"kind"` // "user" or "group"
	Key         string              `json:"key"`
	Name        string              `json:"name"`
	Provisioner string              `json:"provisioner"`
	Commit      reconcile.CommitRef `json:"commit"`
	EvaluatedAt time.Time           `json:"evaluatedAt"` // the time at which dates were evaluated
	// Answer is the explanation in one sentence: what is last known in AWS, and why.
	Answer string `json:"answer"`
	// InAWS is what is last known in AWS.
	InAWS InAWS `json:"inAws"`
	// Differences are what AWS has and the declarations do not, or the reverse, each with the
	// reason why it is still so. They are sorted by severity.
	Differences []Difference `json:"differences,omitempty"`
	Facts       []Fact       `json:"facts"`
	// Notes say what is not known.
	Notes []string `json:"notes,omitempty"`
}

// Fact is one reason. Its topic is one of "declared", "state", "scope", "member" (of a group), "not
// a member", "value", "directory" (what is last known in AWS), "difference", "run" (from a report)
// and "mode".
type Fact struct {
	Topic   string `json:"topic"`
	Subject string `json:"subject,omitempty"` // the group, user or SCIM attribute that it is about
	Text    string `json:"text"`
	Until   string `json:"until,omitempty"` // as declared
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	// LastCommit is the commit that last changed the line; nil if unknown.
	LastCommit *reconcile.CommitRef `json:"lastCommit,omitempty"`
}

// Difference is one difference between the declarations and AWS.
type Difference struct {
	Text  string `json:"text"`            // a clause: `not yet in "a"`
	Why   string `json:"why"`             // why it is still so: held, waiting, failed, or not run yet
	Group string `json:"group,omitempty"` // key of the group if it is about a membership
}

// Input is what an explanation is made from.
type Input struct {
	Kind, Key   string // Kind is "user" or "group", Key comes from Find
	Group       string // for a user: the key of the only group that the question is about; "" for all
	Provisioner *schema.Provisioner
	Now         time.Time
	// Declared is what is declared now. Its facts are nil if the object is not declared.
	Declared *Declared
	// AtRun is what was declared at the commit and the start of the newest complete report of
	// Recent; nil if it is not known.
	AtRun *Declared
	// Former is the last declaration of a user who is not declared any more; nil if there is none
	// or it was not found.
	Former *Former
	Ledger *reconcile.Ledger
	Status *reconcile.Status // nil if no run has been reported yet
	// Recent are the reports back to the newest complete one, the newest first. Each has the
	// changes of the object only.
	Recent []RunReport
	// Earlier is the newest report before those of Recent that names the object; nil if there is
	// none.
	Earlier *RunReport
	// Cached is the object in the cached view of AWS; nil if there is no view that counts.
	Cached *CachedObject
	// NotCached is why the cached view does not count, with the cost of a new one; empty if it
	// counts or there never is one.
	NotCached string
}

// RunReport is a report with the changes of one object.
type RunReport struct {
	Report *reconcile.Report
	Path   string
}

// IsComplete reports whether a report lists all differences between AWS and the declarations at its
// start. The report of a run that failed before it had a plan, was interrupted, or left out changes
// does not.
func IsComplete(r *reconcile.Report) bool {
	return r.Digest != "" && r.Counts.NotSent == 0 && r.Outcome != reconcile.RunInterrupted
}

// Former is the last declaration of a user or group that is not declared any more.
type Former struct {
	Name, UserID string // the email address of a user, or the displayName of a group
	Pos          schema.Pos
	// Removed is the commit that removed the declaration, and LastCommit its parent.
	Removed    reconcile.CommitRef
	LastCommit reconcile.CommitRef
}

// Concerns reports whether a change is about a user or group.
func Concerns(kind, key string, c *reconcile.Change) bool {
	if kind == "user" {
		return c.Kind.OfUser() && c.Key == key || c.Member == key
	}
	return !c.Kind.OfUser() && c.Key == key
}

// Explain returns the explanation for a user or group.
func Explain(in Input) *Explanation {
	e := &Explanation{
		Version:     1,
		Kind:        in.Kind,
		Key:         in.Key,
		Name:        in.Key,
		Provisioner: in.Provisioner.Key,
		Commit:      in.Declared.Commit,
		EvaluatedAt: in.Now,
		Facts:       []Fact{},
	}
	x := &explainer{Input: in, out: e}
	if in.Kind == "user" {
		x.user()
	} else {
		x.group()
	}
	x.known()
	for _, d := range e.Differences {
		x.fact("difference", d.Group, schema.Pos{}, "%s: %s", d.Text, d.Why)
	}
	x.run()
	x.mode()
	return e
}

type explainer struct {
	Input
	out *Explanation
}

func (x *explainer) fact(topic, subject string, at schema.Pos, format string, args ...any) *Fact {
	x.out.Facts = append(
		x.out.Facts,
		Fact{
			Topic:   topic,
			Subject: subject,
			Text:    fmt.Sprintf(format, args...),
			File:    at.File,
			Line:    at.Line,
			Column:  at.Column,
		},
	)
	return &x.out.Facts[len(x.out.Facts)-1]
}

// answer sets the answer. It ends with the first difference, and counts the others.
func (x *explainer) answer(text string, stated int) {
	text = fmt.Sprintf("%s (%s) %s", x.out.Name, x.Key, text)
	if rest := x.out.Differences[stated:]; len(rest) > 0 {
		text += fmt.Sprintf("; %s: %s", rest[0].Text, rest[0].Why)
		if len(rest) > 1 {
			text += fmt.Sprintf(" (and %s)", schema.Count(len(rest)-1, "more difference"))
		}
	}
	x.out.Answer = text + "."
}
