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

// ReportedName is a name or an id in AWS that reports are searched for.
type ReportedName struct {
	Kind string // "user" or "group"
	Text string
	// Same reports whether a name equals the text.
	Same func(name string) bool
}

// FindReportedKeys returns the keys of the users or groups that reports know under a name: the
// userName, an email address, the displayName, the first and last name, or a value that a change
// replaced. It searches the last reports (at most limit) and in them at most maxChanges changes,
// the newest first. Of several keys of one object in AWS, it returns the newest; an id in AWS names
// only one.
func (r *Recorder) FindReportedKeys(
	ctx context.Context, provisioner string, limit, maxChanges int, name ReportedName,
) ([]string, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	found := reportedKeys{name: name, ids: map[string]string{}}
	for l, err := range Chain(head.files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && limit == 0, err == nil && l.Problem != "":
			return found.keys, nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		}
		limit--
		for d, err := range Changes(head.files, l.Report) {
			if err != nil {
				return nil, fmt.Errorf("read report %s: %w", l.Path, err)
			}
			if found.add(d.Change) {
				return found.keys, nil
			}
			if maxChanges--; maxChanges == 0 {
				return found.keys, nil
			}
		}
	}
	return found.keys, nil
}

// reportedKeys are the keys of the objects that have a name in reports.
type reportedKeys struct {
	name ReportedName
	keys []string
	ids  map[string]string // the newest key of each id in AWS
}

// add adds the key of the object of a change, if it has the name. It reports whether the name is
// the id or the key of the object, so that nothing else can have it.
func (k *reportedKeys) add(c *reconcile.Change) (unique bool) {
	key := namedKey(c, k.name)
	if key == "" {
		return false
	}
	id := c.ID
	if c.Kind.OfMembership() && k.name.Kind == "user" {
		id = "" // it is that of the group
	}
	if unmanagedID, unmanaged := reconcile.UnmanagedID(key); unmanaged {
		id = unmanagedID
	}
	if id != "" {
		if k.ids[id] != "" && k.ids[id] != key {
			return false
		}
		k.ids[id] = key
	}
	if id == k.name.Text || key == k.name.Text {
		k.keys = []string{key}
		return true
	}
	if !slices.Contains(k.keys, key) {
		k.keys = append(k.keys, key)
	}
	return false
}

// namedKey returns the key of the object of a change that has a name or an id; "" if none has it.
func namedKey(c *reconcile.Change, name ReportedName) string {
	kind := name.Kind
	isName := func(text string) bool { return text != "" && name.Same(text) }
	switch {
	case kind == "user" && c.Kind.OfMembership():
		if id, unmanaged := reconcile.UnmanagedID(c.Member); isName(c.MemberName) || unmanaged && id == name.Text {
			return c.Member
		}
		return ""
	case kind == "group" && c.Kind.OfUser(), kind == "user" && !c.Kind.OfUser():
		return ""
	}
	var givenBefore, given, familyBefore, family string
	named := isName(c.Name) || c.ID == name.Text && name.Text != "" || isName(c.Key)
	for _, a := range c.Attributes {
		switch {
		case hasNames(a.Path) && (isName(a.Old) || isName(a.New)):
			named = true
		case a.Path == "name.givenName":
			givenBefore, given = a.Old, a.New
		case a.Path == "name.familyName":
			familyBefore, family = a.Old, a.New
		}
	}
	if named || kind == "user" && (isName(givenBefore+" "+familyBefore) || isName(given+" "+family)) {
		return c.Key
	}
	return ""
}

// hasNames reports whether the values of a SCIM attribute name a user or group.
func hasNames(path string) bool {
	return path == "userName" || path == "externalId" || path == "displayName" || path == "name.formatted" ||
		strings.HasPrefix(path, "emails")
}
