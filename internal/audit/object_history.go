package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// FoundReport is a report with the changes of one object only, and its path.
type FoundReport struct {
	Report *reconcile.Report
	Path   string
}

// ObjectHistory is what the newest reports of a provisioner say about one object.
type ObjectHistory struct {
	// Recent are the reports back to the newest complete one, the newest first, also those that do
	// not name the object.
	Recent []FoundReport
	// Earlier is the newest report before those of Recent that names the object; nil if there is
	// none.
	Earlier *FoundReport
}

// ObjectHistory searches the last reports of a provisioner (at most limit) for a user or group. ref
// is a reconcile.UserRef or reconcile.GroupRef. complete reports whether a report lists all
// differences. It returns ErrBrokenChain with what it found before the chain is broken.
func (r *Recorder) ObjectHistory(
	ctx context.Context, provisioner string, limit int, ref string, complete func(*reconcile.Report) bool,
) (ObjectHistory, error) {
	var out ObjectHistory
	head, err := r.head(ctx)
	if err != nil {
		return out, err
	}
	ended := false
	for l, err := range Chain(head.files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && limit == 0:
			return out, nil
		case err != nil:
			return out, err
		case ctx.Err() != nil:
			return out, context.Cause(ctx)
		case l.Problem != "":
			return out, fmt.Errorf("report %s: %s: %w", l.Path, l.Problem, ErrBrokenChain)
		}
		limit--
		changes, err := changesOf(head.files, l.Report, ref)
		if err != nil {
			return out, fmt.Errorf("read report %s: %w", l.Path, err)
		}
		report := *l.Report
		report.Changes, report.Parts, report.Index = changes, nil, nil
		switch found := (FoundReport{&report, l.Path}); {
		case !ended:
			out.Recent = append(out.Recent, found)
			ended = complete(l.Report)
		case len(changes) > 0:
			out.Earlier = &found
			return out, nil
		}
	}
	return out, nil
}

// FindReportedKey returns the key of the user or group that a report knows under a name or an id in
// AWS: the userName, an email address, the displayName, or a value that a change replaced. kind is
// "user" or "group". It searches the last reports (at most limit) and in them at most maxChanges
// changes, the newest first, and returns "" if none has the name.
func (r *Recorder) FindReportedKey(
	ctx context.Context, provisioner string, limit, maxChanges int, kind, name string,
) (string, error) {
	head, err := r.head(ctx)
	if err != nil {
		return "", err
	}
	for l, err := range Chain(head.files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && limit == 0, err == nil && l.Problem != "":
			return "", nil
		case err != nil:
			return "", err
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		}
		limit--
		for d, err := range Changes(head.files, l.Report) {
			if err != nil {
				return "", fmt.Errorf("read report %s: %w", l.Path, err)
			}
			if key := namedKey(d.Change, kind, name); key != "" {
				return key, nil
			}
			if maxChanges--; maxChanges == 0 {
				return "", nil
			}
		}
	}
	return "", nil
}

// namedKey returns the key of the object of a change that has a name or an id; "" if none has it.
func namedKey(c *reconcile.Change, kind, name string) string {
	isName := func(text string) bool { return text != "" && strings.EqualFold(text, name) }
	switch {
	case kind == "user" && c.Kind.OfMembership():
		if id, unmanaged := reconcile.UnmanagedID(c.Member); isName(c.MemberName) || unmanaged && id == name {
			return c.Member
		}
		return ""
	case kind == "group" && c.Kind.OfUser(), kind == "user" && !c.Kind.OfUser():
		return ""
	}
	named := isName(c.Name) || c.ID == name && name != "" || isName(c.Key) ||
		slices.ContainsFunc(c.Attributes, func(a reconcile.AttributeChange) bool {
			return hasNames(a.Path) && (isName(a.Old) || isName(a.New))
		})
	if named {
		return c.Key
	}
	return ""
}

// hasNames reports whether the values of a SCIM attribute name a user or group.
func hasNames(path string) bool {
	return path == "userName" || path == "externalId" || path == "displayName" || strings.HasPrefix(path, "emails")
}
