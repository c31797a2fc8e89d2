package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// difference lists what is not the same in two states of AWS, times apart: sorted lines such as "+ priya@example.com",
// "- daniel@example.com in Site Reliability", "~ beatriz@example.com title: Controller -> Accountant".
func difference(before, after awssim.State) []string {
	was, is := flat(before), flat(after)
	var out []string
	for line, v := range was {
		if now, ok := is[line]; !ok {
			out = append(out, "- "+line)
		} else {
			out = append(out, changed(line, v, now)...)
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

// flat names each user, group and membership, with the attributes of the first two, ids included.
func flat(st awssim.State) map[string]map[string]any {
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

// attributes are an object's by way of its JSON, without its times.
func attributes(v any) map[string]any {
	b, err := json.Marshal(v)
	out := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil { // plain structs of text
		out["error"] = err.Error()
	}
	delete(out, "meta")
	return out
}

func changed(line string, was, is map[string]any) []string {
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

// summary counts a state: "36 users, 8 groups, 45 memberships".
func summary(st awssim.State) string {
	n := 0
	for _, g := range st.Groups {
		n += len(g.Members)
	}
	return fmt.Sprintf("%d users, %d groups, %d memberships", len(st.Users), len(st.Groups), n)
}
