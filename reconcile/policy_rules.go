package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// The rules of a policy, except limits and assertions.

// unprotected returns the objects that are no longer protected, by the keys of the earlier policy.
// An object is protected under its new key too.
func unprotected(before, after *Policy) []Loosening {
	var out []Loosening
	add := func(prefix, what string, was, is map[string]schema.Pos, renamed func() map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(was)) {
			if _, still := is[key]; still {
				continue
			}
			if _, still := is[newKey(renamed(), key)]; !still {
				out = append(out, Loosening{
					Field: prefix + key, Text: fmt.Sprintf("%s %q is no longer protected", what, key),
					Was: "protected", Is: "not protected",
				})
			}
		}
	}
	was, is := before.Provisioner.Protect, after.Provisioner.Protect
	add(protectedUsers, "user", was.Users, is.Users, after.newUserKeys)
	add(protectedGroups, "group", was.Groups, is.Groups, after.newGroupKeys)
	return out
}

// The prefixes of the items of rule protect. A key may contain a dot.
const protectedUsers, protectedGroups = "users.", "groups."

func tightenProtect(out, before *Policy, item string) {
	was := before.Provisioner.Protect
	if key, ok := strings.CutPrefix(item, protectedUsers); ok {
		out.Provisioner.Protect.Users[key] = was.Users[key]
	} else if key, ok := strings.CutPrefix(item, protectedGroups); ok {
		out.Provisioner.Protect.Groups[key] = was.Groups[key]
	}
}

// adoptModes are the values of `adopt`, the strictest first.
var adoptModes = []string{"never", "match", "take-over"}

func adoptRank(p *Policy) int { return slices.Index(adoptModes, cmp.Or(p.Provisioner.Adopt, "never")) }

func loosenedAdopt(before, after *Policy) []Loosening {
	if adoptRank(after) <= adoptRank(before) {
		return nil
	}
	return changedRule("adopt", cmp.Or(before.Provisioner.Adopt, "never"), after.Provisioner.Adopt)
}

func tightenAdopt(out, before *Policy, _ string) { out.Provisioner.Adopt = before.Provisioner.Adopt }

// changedRule returns the loosening of a rule with one item.
func changedRule(name, was, is string) []Loosening {
	return []Loosening{{Text: fmt.Sprintf("%s loosened (%s -> %s)", name, was, is), Was: was, Is: is}}
}

// dangerOf orders what happens to a leaver: the higher, the sooner something cannot be undone.
func dangerOf(d schema.Deprovision) int {
	switch {
	case d.Mode == "keep":
		return 0
	case d.Mode == "delete":
		return unbounded
	case d.DeleteAfterDays == nil:
		return 1
	}
	return unbounded - 1 - *d.DeleteAfterDays
}

func deprovisionText(d schema.Deprovision) string {
	if d.Mode == "keep" || d.Mode == "delete" || d.DeleteAfterDays == nil {
		return cmp.Or(d.Mode, "deactivate")
	}
	return fmt.Sprintf("%s, delete after %s", d.Mode, schema.Count(*d.DeleteAfterDays, "day"))
}

func loosenedDeprovision(before, after *Policy) []Loosening {
	was, is := before.Provisioner.Deprovision, after.Provisioner.Deprovision
	if dangerOf(is) <= dangerOf(was) {
		return nil
	}
	return changedRule("deprovision", deprovisionText(was), deprovisionText(is))
}

func tightenDeprovision(out, before *Policy, _ string) {
	out.Provisioner.Deprovision = before.Provisioner.Deprovision
}

// unredacted returns the attributes that are no longer redacted.
func unredacted(before, after *Policy) []Loosening {
	var out []Loosening
	for _, path := range before.Redacted {
		if !slices.Contains(after.Redacted, path) {
			out = append(out, Loosening{
				Field: path, Text: fmt.Sprintf("attribute %s is no longer redacted", path),
				Was: "redacted", Is: "not redacted",
			})
		}
	}
	return out
}

func tightenRedacted(out, _ *Policy, path string) {
	out.Redacted = slices.Sorted(slices.Values(append(out.Redacted, path)))
}

// loosenedReview returns the loosening of `review`: fewer approvals, or approvals of accounts that
// did not count before.
func loosenedReview(before, after *Policy) []Loosening {
	was, is := before.Provisioner.Review, after.Provisioner.Review
	if covers(is, was) {
		return nil
	}
	loosened := changedRule("review", was.String(), is.String())
	if is.Required {
		loosened[0].Position = is.Pos.String()
	}
	return loosened
}

func tightenReview(out, before *Policy, _ string) {
	was, is := before.Provisioner.Review, &out.Provisioner.Review
	is.Required, is.Approvals = true, max(is.Approvals, was.Approvals)
	if !covers(*is, was) {
		is.By = was.By
	}
}
