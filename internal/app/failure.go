package app

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"regexp"
	"strings"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/evaluator"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// Failure describes an error for programs.
type Failure struct {
	// Code is stable: the code of a problem, such as R2001, or a word of the table failureKinds.
	Code    string `json:"code"`
	Message string `json:"message"`
	// At is file:line:column of a declaration, or the address that a request was sent to; empty if
	// the error has neither.
	At string `json:"at"`
	// Advice is what to do, if that is not a part of the message.
	Advice string `json:"advice"`
}

// failureKinds has the codes of errors that are no problems of declarations. The first that
// matches counts.
var failureKinds = []struct {
	code    string
	matches func(error) bool
}{
	{"usage", is[UsageError]},
	{"interrupted", func(err error) bool { return errors.Is(err, context.Canceled) }},
	{"leased", func(err error) bool { return errors.Is(err, reconcile.ErrLeased) }},
	{"other-plan", is[*run.DigestError]},
	{"needs-authorization", func(err error) bool { return errors.Is(err, run.ErrNeedsAuthorization) }},
	{"unauthorized", func(err error) bool {
		return errors.Is(err, reconcile.ErrUnauthorized) || scim.IsUnauthorized(err)
	}},
	{"forbidden", func(err error) bool {
		return errors.Is(err, reconcile.ErrForbidden) || scim.Status(err) == http.StatusForbidden
	}},
	{"aws", is[*scim.Error]},
	{"git-unauthorized", is[*gitrepo.AuthError]},
	{"git-unreachable", is[*gitrepo.RemoteError]},
	{"git-host-key", is[*gitrepo.HostKeyError]},
	{"git-signature", is[*gitrepo.SignatureError]},
	{"git-conflict", is[*gitrepo.ConflictError]},
	{"git-history", is[*gitrepo.MissingObjectError]},
	{"git-ref", is[*gitrepo.RefError]},
	{"too-costly", func(err error) bool { return is[*preview.CannotEvaluateError](err) || is[*evaluator.Error](err) }},
	{"state-dir", is[*audit.StateDirError]},
	{"damaged", func(err error) bool { return is[*audit.CorruptError](err) || is[*gitrepo.DamagedError](err) }},
	{"file", is[*fs.PathError]},
}

// is reports whether an error is a T, or wraps one.
func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// FailureCodes returns the codes that are no codes of problems.
func FailureCodes() []string {
	out := []string{otherFailure, AuditBroken}
	for _, k := range failureKinds {
		out = append(out, k.code)
	}
	return out
}

// otherFailure is the code of an error that no row of the table matches.
const otherFailure = "error"

// AuditBroken is the code of an audit that does not verify.
const AuditBroken = "audit-broken"

// declarationPosition is the position of a declaration at the beginning of a part of a message.
var declarationPosition = regexp.MustCompile(`(?:^|: )([^\s:]+\.(?:cue|csv|json|jsonl|ya?ml):\d+:\d+): `)

// Describe returns what a program may want to know of an error.
func Describe(err error) Failure {
	f := Failure{Code: otherFailure, Message: err.Error()}
	var problems schema.Problems
	if errors.As(err, &problems) && len(problems) > 0 {
		first := problems[0]
		f = Failure{Code: first.Code, Message: first.Message, Advice: first.Advice}
		if first.Pos.File != "" {
			f.At = first.Pos.String()
		}
		return f
	}
	for _, k := range failureKinds {
		if k.matches(err) {
			f.Code = k.code
			break
		}
	}
	var auth *gitrepo.AuthError
	var remote *gitrepo.RemoteError
	var advised *reconcile.AdvisedError
	found := declarationPosition.FindStringSubmatch(f.Message)
	switch {
	case errors.As(err, &auth):
		f.At = auth.URL
	case errors.As(err, &remote):
		f.At = remote.URL
	case found != nil:
		f.At = found[1]
	}
	if errors.As(err, &advised) {
		f.Advice = advised.Advice
		f.Message = strings.TrimSuffix(f.Message, ". "+advised.Advice)
	}
	if f.Code == "usage" {
		f.Advice = "see roster --help"
	}
	return f
}
