package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// difference lists the differences between two states of AWS, except times. The lines are sorted,
// such as "+ priya@example.com", "- daniel@example.com in Site Reliability",
// "~ beatriz@example.com title: Controller -> Accountant".
func difference(before, after awssim.State) []string {
	was, is := flatten(before), flatten(after)
	var out []string
	for line, v := range was {
		if now, ok := is[line]; !ok {
			out = append(out, "- "+line)
		} else {
			out = append(out, changedAttributes(line, v, now)...)
		}
	}
	for line := range is {
		if _, ok := was[line]; !ok {
			out = append(out, "+ "+line)
		}
	}
	slices.Sort(out)
	return out
}

// flatten returns each user, group and membership by name. Users and groups have their attributes,
// including ids.
func flatten(st awssim.State) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, u := range st.Users {
		out[u.UserName] = attributes(u)
	}
	for _, g := range st.Groups {
		for _, name := range st.MemberNames(g.DisplayName) {
			out[name+" in "+g.DisplayName] = nil
		}
		g.Members = nil
		out["group "+g.DisplayName] = attributes(g)
	}
	return out
}

// attributes returns the attributes of an object as in its JSON, without times.
func attributes(v any) map[string]any {
	b, err := json.Marshal(v)
	out := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil { // impossible: the structs have only encodable fields
		out["error"] = err.Error()
	}
	delete(out, "meta")
	return out
}

// changedAttributes returns a line for each attribute with another value.
func changedAttributes(line string, was, is map[string]any) []string {
	names := maps.Clone(was)
	maps.Copy(names, is)
	var out []string
	for name := range names {
		if a, b := fmt.Sprint(was[name]), fmt.Sprint(is[name]); a != b {
			out = append(out, fmt.Sprintf("~ %s %s: %s -> %s", line, name, a, b))
		}
	}
	return out
}

// summary counts the objects of a state: "36 users, 8 groups, 45 memberships".
func summary(st awssim.State) string {
	n := 0
	for _, g := range st.Groups {
		n += len(g.Members)
	}
	return fmt.Sprintf("%d users, %d groups, %d memberships", len(st.Users), len(st.Groups), n)
}
