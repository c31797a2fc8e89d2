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
	// Answer is the explanation in one sentence.
	Answer string `json:"answer"`
	Facts  []Fact `json:"facts"`
	// Notes say what is not known.
	Notes []string `json:"notes,omitempty"`
}

// Fact is one reason. Its topic is one of "declared", "state", "scope", "member" (of a group), "not
// a member", "value", "directory" (from the ledger), "run" (from a report) and "mode".
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

// Input is what an explanation is made from.
type Input struct {
	Kind, Key    string // Kind is "user" or "group", Key comes from Find
	Group        string // for a user: the key of the only group to say about why the user is not in it; "" for all
	Declarations *schema.Declarations
	Provisioner  *schema.Provisioner
	Desired      *reconcile.Desired
	Ledger       *reconcile.Ledger
	Status       *reconcile.Status // nil if no run has been reported yet
	// Report is the newest report that names the user or group, and Path its path; nil if there is
	// none.
	Report *reconcile.Report
	Path   string
	Commit reconcile.CommitRef
	Now    time.Time
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
		Commit:      in.Commit,
		EvaluatedAt: in.Now,
		Facts:       []Fact{},
	}
	x := &explainer{Input: in, out: e}
	if in.Kind == "user" {
		x.user()
	} else {
		x.group()
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

func (x *explainer) answer(format string, args ...any) {
	x.out.Answer = fmt.Sprintf("%s (%s) ", x.out.Name, x.Key) + fmt.Sprintf(format, args...)
}
