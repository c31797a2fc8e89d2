package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
// differences. It returns ErrBrokenChain with what it found before the chain is broken. The reports
// that wait in the state directory come first, because they are of later runs.
func (r *Recorder) ObjectHistory(
	ctx context.Context, provisioner string, limit int, ref string, complete func(*reconcile.Report) bool,
) (ObjectHistory, error) {
	var out ObjectHistory
	head, err := r.head(ctx)
	if err != nil {
		return out, err
	}
	ended := false
	add := func(report *reconcile.Report, changes []reconcile.Done, path string) (full bool) {
		found := *report
		found.Changes, found.Parts, found.Index = changes, nil, nil
		if !ended {
			out.Recent = append(out.Recent, FoundReport{&found, path})
			ended = complete(report)
			return false
		}
		if len(changes) > 0 {
			out.Earlier = &FoundReport{&found, path}
		}
		return len(changes) > 0
	}
	waiting, err := r.waitingReports(provisioner)
	if err != nil {
		return out, err
	}
	for _, p := range waiting {
		changes, err := changesOf(os.DirFS(r.partsDir(provisioner, p.Report.Run)), p.Report, ref)
		if err != nil {
			return out, fmt.Errorf("read the report of run %s in the state directory: %w", p.Report.Run, err)
		}
		if add(p.Report, changes, notPublished) {
			return out, nil
		}
	}
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
		if waits(waiting, l.Report.Run) { // it was published since
			continue
		}
		if add(l.Report, changes, l.Path) {
			return out, nil
		}
	}
	return out, nil
}

// notPublished is the path of a report that waits in the state directory.
const notPublished = "a report that is not on the audit branch yet"

// waitingReports returns the reports of a provisioner that wait in the state directory until they
// can be published, the newest first.
func (r *Recorder) waitingReports(provisioner string) ([]*pendingReport, error) {
	queue, err := r.readQueue(provisioner)
	if err != nil {
		return nil, err
	}
	pending, err := r.readPending(provisioner)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(queue.Reports)
	if pending != nil && !queue.has(pending.Report.Run) {
		out = append(out, pending)
	}
	slices.Reverse(out)
	return out, nil
}

// waits reports whether the report of a run is among those that wait.
func waits(list []*pendingReport, run string) bool {
	return slices.ContainsFunc(list, func(p *pendingReport) bool { return p.Report.Run == run })
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
