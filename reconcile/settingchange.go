package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// SettingChange is a change of a provisioner itself, which a merge makes. Its effect on users may
// show only in later plans.
type SettingChange struct {
	Kind EffectKind `json:"kind"`
	Text string     `json:"text"` // for example `provisioner aws is disabled`
}

// settingChanges returns the changes of a provisioner, the gravest first. before is nil if it is
// new, after if it is removed. Rules that are loosened are not among them.
func settingChanges(key string, before, after *schema.Provisioner, loosened []Loosening) []SettingChange {
	var out []SettingChange
	add := func(kind EffectKind, format string, args ...any) {
		out = append(out, SettingChange{kind, fmt.Sprintf(format, args...)})
	}
	switch {
	case after == nil:
		add(EffectRemoved, "provisioner %s is removed", key)
		return out
	case before == nil && after.Enabled:
		add(EffectEnabled, "provisioner %s is new", key)
		return out
	case before == nil:
		add(EffectSetting, "provisioner %s is new, and disabled", key)
		return out
	case before.Key != after.Key:
		add(EffectConnection, "provisioner %s is renamed to %s", before.Key, after.Key)
	}
	if before.Endpoint != after.Endpoint {
		add(EffectConnection, "endpoint of %s changes", key)
	}
	if !sameAuth(before.Auth, after.Auth) {
		add(EffectConnection, "%s of %s changes", authText(before.Auth, after.Auth), key)
	}
	switch {
	case before.Enabled && !after.Enabled:
		add(EffectDisabled, "provisioner %s is disabled", key)
	case !before.Enabled && after.Enabled:
		add(EffectEnabled, "provisioner %s is enabled", key)
	}
	switch was, is := pauseText(before.Paused), pauseText(after.Paused); {
	case was == "" && is != "":
		add(EffectDisabled, "provisioner %s is paused%s", key, is)
	case was != "" && is == "":
		add(EffectEnabled, "provisioner %s is no longer paused", key)
	case was != is:
		add(EffectDisabled, "provisioner %s stays paused%s", key, is)
	}
	if text := scopeChange(before, after); text != "" {
		add(EffectSetting, "scope of %s %s", key, text)
	}
	for _, s := range settings {
		was, is := s.text(before), s.text(after)
		rule := func(l Loosening) bool { return s.rule != "" && strings.HasPrefix(l.Field, s.rule) }
		if was != is && !slices.ContainsFunc(loosened, rule) {
			add(EffectSetting, "%s of %s changes from %s to %s", s.name, key, was, is)
		}
	}
	for _, gate := range changedLimits(before, after, loosened) {
		add(EffectSetting, "limit of gate %s of %s changes", gate, key)
	}
	slices.SortStableFunc(out, func(a, b SettingChange) int {
		return cmp.Compare(a.Kind.Severity(), b.Kind.Severity())
	})
	return out
}

// setting is a setting of a provisioner whose change is named. rule is the field of the rule that
// it belongs to, or "".
type setting struct {
	name, rule string
	text       func(*schema.Provisioner) string
}

// settings is the table of settings, apart from those that settingChanges names itself.
var settings = []setting{
	{name: "mapping", text: func(p *schema.Provisioner) string { return p.Mapping }},
	{name: "app", text: func(p *schema.Provisioner) string { return p.App }},
	{name: "pushGroups", text: func(p *schema.Provisioner) string { return fmt.Sprint(p.PushGroups) }},
	{name: "deprovision", rule: "deprovision", text: func(p *schema.Provisioner) string {
		return deprovisionText(p.Deprovision)
	}},
	{name: "adopt", rule: "adopt", text: func(p *schema.Provisioner) string { return cmp.Or(p.Adopt, "never") }},
	{name: "review", rule: "review", text: func(p *schema.Provisioner) string { return p.Review.String() }},
	{name: "protected users", rule: "protect", text: func(p *schema.Provisioner) string {
		return keysText(p.Protect.Users)
	}},
	{name: "protected groups", rule: "protect", text: func(p *schema.Provisioner) string {
		return keysText(p.Protect.Groups)
	}},
	{name: "schedule", text: func(p *schema.Provisioner) string { return cmp.Or(p.Schedule, "the default") }},
	{name: "windows", text: windowsText},
	{name: "timezone", text: func(p *schema.Provisioner) string { return fmt.Sprint(p.Timezone) }},
	{name: "fullRead", text: func(p *schema.Provisioner) string { return cmp.Or(p.FullRead, "the default") }},
	{name: "driftBound", text: func(p *schema.Provisioner) string { return p.DriftBound.String() }},
	{name: "rate", text: func(p *schema.Provisioner) string {
		return fmt.Sprintf("%v/s with %d at a time", p.Rate.PerSecond, p.Rate.Concurrency)
	}},
	{name: "tokenExpires", text: func(p *schema.Provisioner) string {
		if p.TokenExpires == nil {
			return "none"
		}
		return p.TokenExpires.Text
	}},
}

// scopeChange returns the groups that the scope gains and loses, as the end of a sentence; "" if
// there are none.
func scopeChange(before, after *schema.Provisioner) string {
	if before.AllUsers != after.AllUsers {
		return "changes to " + scopeOf(after)
	}
	missing := func(from, in []string) []string {
		return slices.DeleteFunc(slices.Clone(from), func(g string) bool { return slices.Contains(in, g) })
	}
	const most = 3
	var parts []string
	if added := missing(after.Groups, before.Groups); len(added) > 0 {
		parts = append(parts, "gains "+schema.ShortList(added, most))
	}
	if removed := missing(before.Groups, after.Groups); len(removed) > 0 {
		parts = append(parts, "loses "+schema.ShortList(removed, most))
	}
	return strings.Join(parts, " and ")
}

func keysText(keys map[string]schema.Pos) string {
	const most = 5
	if len(keys) == 0 {
		return "none"
	}
	return schema.ShortList(slices.Sorted(maps.Keys(keys)), most)
}

func windowsText(p *schema.Provisioner) string {
	if len(p.Windows) == 0 {
		return "always"
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(p.Windows)) {
		w := p.Windows[key]
		out = append(out, strings.TrimSpace(strings.Join(w.Days, " ")+" "+w.From+"-"+w.To))
	}
	return strings.Join(out, ", ")
}

// pauseText returns the end and the reason of a pause; "" if there is none.
func pauseText(p *schema.Pause) string {
	switch {
	case p == nil:
		return ""
	case p.Until == nil:
		return ": " + p.Reason
	}
	return " until " + p.Until.Text + ": " + p.Reason
}

// authText names what changes about the authentication.
func authText(before, after schema.Auth) string {
	switch {
	case before.Token != nil && after.Token != nil:
		return "token"
	case before.OAuth2 != nil && after.OAuth2 != nil:
		return "OAuth 2.0 client"
	}
	return "authentication"
}

// changedLimits returns the gates whose limits change and are not loosened, sorted.
func changedLimits(before, after *schema.Provisioner, loosened []Loosening) []string {
	names := map[string]bool{}
	for name := range before.Limits {
		names[name] = after.Limits[name] == nil || !sameLimit(before.Limits[name], after.Limits[name])
	}
	for name := range after.Limits {
		names[name] = names[name] || before.Limits[name] == nil
	}
	for _, l := range loosened {
		delete(names, strings.TrimPrefix(l.Field, "limits."))
	}
	maps.DeleteFunc(names, func(_ string, changed bool) bool { return !changed })
	return slices.Sorted(maps.Keys(names))
}

// sameLimit reports whether two limits are equal, in any position.
func sameLimit(a, b *schema.Limit) bool {
	x, y := *a, *b
	x.Pos, y.Pos = schema.Pos{}, schema.Pos{}
	return reflect.DeepEqual(x, y)
}

// ReleasedHold are held changes that an approval releases.
type ReleasedHold struct {
	Approval string   `json:"approval"` // the digest
	Reason   string   `json:"reason"`
	Changes  []Change `json:"changes"`
}

// releasedHolds returns the changes that the newest report holds and that the approvals which the
// merge adds release, by digest.
func (in *PreviewInput) releasedHolds() []ReleasedHold {
	var out []ReleasedHold
	for _, digest := range NewApprovals(in.Base, in.Merged, in.Now) {
		for i := range in.Approvals {
			r := &in.Approvals[i]
			if r.Provisioner != in.Provisioner || r.Printed[digest] == nil {
				continue
			}
			if changes := r.heldPart(digest); len(changes) > 0 {
				out = append(out, ReleasedHold{digest, in.Merged.Approvals[digest].Reason, changes})
			}
		}
	}
	return out
}

// NewApprovals returns the digests of the approvals that a merge adds or changes, sorted. Expired
// ones and those of audit breaks are not among them.
func NewApprovals(base, merged *schema.Declarations, now time.Time) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(merged.Approvals)) {
		a := merged.Approvals[key]
		if !IsAuditRelease(key) && !a.Expired(now) && (base.Approvals[key] == nil || !a.Same(base.Approvals[key])) {
			out = append(out, key)
		}
	}
	return out
}

// Text returns what the approval releases, as a sentence without names of its own.
func (r *ReleasedHold) text(facts *EffectFacts) string {
	list := Sentences(Effects(Planned(withoutHolds(r.Changes)), facts), 1)
	const most = 2
	var parts []string
	for _, s := range list[:min(most, len(list))] {
		parts = append(parts, s.Text)
	}
	if len(list) > most {
		parts = append(parts, fmt.Sprintf("%d more effects", len(list)-most))
	}
	return fmt.Sprintf("approval releases %s: %s", schema.Count(len(r.Changes), "held change"),
		strings.Join(parts, ", "))
}

// withoutHolds returns copies of changes that no gate holds.
func withoutHolds(changes []Change) []Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].hold(nil)
	}
	return out
}

// PreviewEffects returns what a merge means for people, in all provisioners together. What it means
// in some of them only has their keys.
func PreviewEffects(list []*Preview) []Effect {
	var out []Effect
	at := map[string]int{}
	for _, p := range list {
		for _, e := range p.effects() {
			id := e.identity()
			i, found := at[id]
			if !found {
				i = len(out)
				at[id], out = i, append(out, e)
			}
			if !slices.Contains(out[i].Provisioners, p.Provisioner) {
				out[i].Provisioners = append(out[i].Provisioners, p.Provisioner)
			}
		}
	}
	for i := range out {
		switch out[i].Kind {
		case EffectEndDate, EffectEndsEarlier, EffectEndsLater: // of the declarations, which all provisioners share
			out[i].Provisioners = nil
		case EffectSetting, EffectEnabled, EffectDisabled, EffectConnection, EffectRemoved, EffectNotCompared:
			out[i].Provisioners = nil // the texts name them
		}
		if len(out[i].Provisioners) == len(list) {
			out[i].Provisioners = nil
		}
		slices.Sort(out[i].Provisioners)
	}
	return out
}

// effects returns what a merge means for people in one provisioner.
func (p *Preview) effects() []Effect {
	var out []Effect
	add := func(kind EffectKind, text string) { out = append(out, Effect{Kind: kind, Text: text}) }
	for _, s := range p.Settings {
		add(s.Kind, s.Text)
	}
	switch {
	case p.UnavailableReason != "":
		add(EffectNotCompared, p.Provisioner+" has no preview")
	case p.NotCompared != "":
		add(EffectNotCompared, p.Provisioner+" is compared without AWS")
	}
	for i := range p.ReleasedHolds {
		add(EffectHoldReleased, p.ReleasedHolds[i].text(p.Facts))
	}
	for _, e := range p.EndDateChanges {
		// People may have the same name: the sign-in name tells them apart.
		names := map[string]string{e.UserName: e.PersonName}
		out = append(out, Effect{Kind: cmp.Or(e.Effect, EffectEndDate), Text: e.String(), names: names})
	}
	return slices.Concat(LoosenedEffects(p.Loosened), out, Effects(Planned(p.Changes), p.Facts))
}

// Empty reports whether a merge changes nothing about the provisioner, and there is nothing to say
// about it.
func (p *Preview) Empty() bool {
	return len(PreviewEffects([]*Preview{p})) == 0 && len(p.NoLongerNeeded) == 0 && len(p.Violations) == 0
}
