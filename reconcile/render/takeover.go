package render

import (
	"fmt"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// renames is what a verdict says about objects whose names change. An object keeps its id in AWS,
// and so its account assignments: with the name of another object, it serves other people.
type renames struct {
	users, groups int
	// takeovers say which name gets the object of another, in the order of the changes.
	takeovers []string
}

// maxTakeovers is the number of takeovers that a verdict names.
const maxTakeovers = 3

// renamesOf returns the renames of a plan that are sent. A held rename counts as held only.
func renamesOf(changes []reconcile.Done) renames {
	var out renames
	former := map[reconcile.Object]map[string]string{reconcile.ObjectUser: {}, reconcile.ObjectGroup: {}}
	for i := range changes {
		c := changes[i].Change
		_, renamed := newName(c)
		if !c.Kind.OfMembership() && (renamed || c.Kind.Action() == reconcile.ActionDelete) {
			former[c.Kind.Info().Object][strings.ToLower(c.Name)] = c.Key
		}
	}
	for i := range changes {
		d := &changes[i]
		name, renamed := newName(d.Change)
		if !renamed || d.Waiting != "" || len(d.Held) > 0 {
			continue
		}
		object := d.Kind.Info().Object
		if object == reconcile.ObjectUser {
			out.users++
		} else {
			out.groups++
		}
		if key, ok := former[object][strings.ToLower(name)]; ok && key != d.Key {
			out.takeovers = append(out.takeovers, takeover(object, name, d.Name))
		}
	}
	return out
}

// newName returns the sign-in name or display name that a change gives to an object in AWS.
func newName(c *reconcile.Change) (string, bool) {
	path := "userName"
	switch {
	case c.Kind.Info().Object == reconcile.ObjectGroup && c.Kind.Action() == reconcile.ActionRename:
		path = "displayName"
	case c.Kind.Info().Object != reconcile.ObjectUser:
		return "", false
	}
	switch c.Kind.Action() {
	case reconcile.ActionUpdate, reconcile.ActionRename, reconcile.ActionAdopt:
	default: // a create has no other name, and a temporary name does not stay
		return "", false
	}
	for _, a := range c.Attributes {
		if a.Path == path && a.New != "" {
			return a.New, true
		}
	}
	return "", false
}

func takeover(object reconcile.Object, name, from string) string {
	if object == reconcile.ObjectGroup {
		return fmt.Sprintf("group %q gets the AWS group of %q, with its account assignments", name, from)
	}
	return fmt.Sprintf("%s gets the AWS user of %s, with its groups and account assignments", name, from)
}

// sentences returns what the verdict says about the takeovers; nil if there are none.
func (r renames) sentences() []string {
	if len(r.takeovers) <= maxTakeovers {
		return r.takeovers
	}
	more := fmt.Sprintf("%d more names get the AWS object of another", len(r.takeovers)-maxTakeovers)
	return append(r.takeovers[:maxTakeovers:maxTakeovers], more)
}
