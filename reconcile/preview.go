package reconcile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Preview is what merging would do to one provisioner: the plan of the merge result less the plan of its base, both on one look at the
// directory. It is a value: pure, sorted, printable.
type Preview struct {
	Version     int       `json:"version"`
	Provisioner string    `json:"provisioner"`
	Identity    string    `json:"identity"`
	Base        CommitRef `json:"base"`
	Head        CommitRef `json:"head"`
	// ReadAt is when the directory was read; nil if it was not and is assumed to match the base.
	ReadAt *time.Time `json:"readAt,omitempty"`
	Mode   Mode       `json:"mode"`
	// Digest is of Changes; a plan made after the merge has it too if the base was in sync. Empty when the directory was not read: the
	// ids of its objects are part of a digest.
	Digest  string   `json:"digest,omitempty"`
	Changes []Change `json:"changes"`
	// NoLongerNeeded are pending changes of the base that the merge makes unnecessary.
	NoLongerNeeded []Change `json:"noLongerNeeded,omitempty"`
	// EndDateChanges are the end dates that the merge sets, moves or removes.
	EndDateChanges []EndDateChange `json:"endDateChanges,omitempty"`
	Notices        []string        `json:"notices,omitempty"`
	// UnavailableReason says why there is no preview of this provisioner; empty if there is one.
	UnavailableReason string `json:"unavailableReason,omitempty"`
}

// PreviewInput is what a preview is a function of.
type PreviewInput struct {
	Provisioner  string
	Base, Merged *schema.Declarations
	// BaseCommit and HeadCommit name what is compared: the branch and the head of the pull request.
	BaseCommit, HeadCommit CommitRef
	// Snapshot is one look at the directory; nil takes it for what the base declares.
	Snapshot *Snapshot
	Now      time.Time
	// RedactKey is what redacted values are hashed with; without it they are left out.
	RedactKey []byte
}

// NewPreview compares two plans. The error is schema.Problems: somebody whom a mapping cannot map.
func NewPreview(in PreviewInput) (*Preview, error) {
	p := &Preview{Version: 1, Provisioner: in.Provisioner, Base: in.BaseCommit, Head: in.HeadCommit, Changes: []Change{}}
	before, after := in.Base.Provisioners[in.Provisioner], in.Merged.Provisioners[in.Provisioner]
	if p.UnavailableReason = refusedPreview(before, after, in.Snapshot); p.UnavailableReason != "" {
		return p, nil
	}
	p.Identity = after.Identity()
	was, have, err := sideOf(in.Base, before, in.Now)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	will, _, err := sideOf(in.Merged, after, in.Now)
	if err != nil {
		return nil, err
	}
	snapshot := in.Snapshot
	if snapshot == nil {
		snapshot = assume(was, have, before, in.Now)
	} else {
		p.ReadAt = &snapshot.Observed.ReadAt
	}
	input := PlanInput{Observed: snapshot.Observed, Ledger: snapshot.Ledger, Status: snapshot.Status, DistrustReason: snapshot.DistrustReason,
		LastApplied: was, Now: in.Now}
	if before == nil {
		input.LastApplied = nil
		before = after
	}
	base, merged := input, input
	base.Provisioner, base.Desired, base.Commit, base.Approvals = before, was, in.BaseCommit, in.Base.Approvals
	merged.Provisioner, merged.Desired, merged.Commit, merged.Approvals = after, will, in.HeadCommit, in.Merged.Approvals
	if old, edited := in.Base.Mappings[before.Mapping], in.Merged.Mappings[after.Mapping]; old != nil && edited != nil && !old.SameAs(edited) {
		merged.MappingEdit = NewMappingEdit(old, edited, in.Merged, will, in.Now)
	}
	p.Notices = append(p.Notices, policyNotices(before, after)...)
	p.compare(NewPlan(base), NewPlan(merged))
	p.EndDateChanges = endDateChanges(in, was, will)
	if in.Snapshot != nil {
		p.Digest = digest(p.Identity, p.Changes, func(*Change) bool { return true })
	} else {
		p.Notices = append(p.Notices, "AWS was not read: this is what the declarations differ in, not what AWS holds")
	}
	p.redact(in)
	return p, nil
}

// refusedPreview says why a directory must not be looked at for a merge, or "". The connection is the base's; a change of it is
// believed once it is merged.
func refusedPreview(before, after *schema.Provisioner, snapshot *Snapshot) string {
	switch {
	case after == nil && before == nil:
		return "it is not declared"
	case after == nil:
		return "the merge removes it: its people lose their access, and that is always held for approval first"
	case before == nil && snapshot != nil:
		return "cannot be previewed: it is new, and nothing is sent to an endpoint that is not merged"
	case before == nil:
		return ""
	case before.Endpoint != after.Endpoint:
		return "cannot be previewed: its endpoint changes, and nothing is sent to one that is not merged"
	case !sameAuth(before.Auth, after.Auth):
		return "cannot be previewed: its auth changes, and nothing is sent with one that is not merged"
	case snapshot != nil && snapshot.Identity != before.Identity():
		return fmt.Sprintf("the snapshot is of %s, not of %s", snapshot.Identity, before.Identity())
	}
	return ""
}

// sameAuth compares where secrets come from, not where that is written.
func sameAuth(a, b schema.Auth) bool {
	bare := func(r *schema.SecretRef) *schema.SecretRef {
		if r == nil {
			return nil
		}
		c := *r
		c.Pos = schema.Pos{}
		return &c
	}
	strip := func(a schema.Auth) schema.Auth {
		a.Token = bare(a.Token)
		if a.OAuth2 != nil {
			o := *a.OAuth2
			o.Pos, o.ClientSecret = schema.Pos{}, bare(o.ClientSecret)
			a.OAuth2 = &o
		}
		return a
	}
	return reflect.DeepEqual(strip(a), strip(b))
}

// sideOf computes what one side desires, and who of it is there already if everything was applied: whoever is not yet valid is not.
func sideOf(d *schema.Declarations, p *schema.Provisioner, now time.Time) (*Desired, map[string]bool, error) {
	if p == nil {
		return &Desired{Users: map[string]*DesiredUser{}, Groups: map[string]*DesiredGroup{}, Membership: d.Membership(now)}, nil, nil
	}
	want, err := Desire(d, p, now)
	if err != nil {
		return nil, nil, err
	}
	have := map[string]bool{}
	for key := range want.Users {
		u := d.Users[key]
		have[key] = u.ValidFrom == nil || u.ValidFrom.Begun(now)
	}
	return want, have, nil
}

// compare keeps what only the merge brings: new effects, and old ones that a gate or a mode treats in another way.
func (p *Preview) compare(base, merged *Plan) {
	p.Mode = merged.Mode
	p.Changes = beyond(merged.Changes, base.Changes)
	remain := normalizedEffects(merged.Changes)
	for _, c := range base.Changes {
		if left, some := c.less(remain); some {
			p.NoLongerNeeded = append(p.NoLongerNeeded, left)
		}
	}
	if base.Mode != merged.Mode {
		p.Notices = append(p.Notices, fmt.Sprintf("the provisioner goes from %s to %s", base.Mode, merged.Mode))
	}
	if base.Scope != merged.Scope {
		p.Notices = append(p.Notices, fmt.Sprintf("the scope goes from %s to %s", base.Scope, merged.Scope))
	}
	for _, n := range merged.Notices {
		if !slices.Contains(base.Notices, n) {
			p.Notices = append(p.Notices, n)
		}
	}
	if pending := len(base.Changes); pending > 0 {
		p.Notices = append(p.Notices, fmt.Sprintf("the base itself still has %s before it, which merging does not bring: they are left out here",
			schema.Count(pending, "change")))
	}
}

// policyNotices tells which of a provisioner's rules a merge changes: what is planned today need not show it.
func policyNotices(before, after *schema.Provisioner) []string {
	var out []string
	rule := func(name string, was, is any) {
		if fmt.Sprint(was) != fmt.Sprint(is) {
			out = append(out, fmt.Sprintf("%s goes from %v to %v", name, was, is))
		}
	}
	wait := func(p *schema.Provisioner) string {
		if p.Deprovision.DeleteAfterDays == nil {
			return "never"
		}
		return fmt.Sprintf("after %d days", *p.Deprovision.DeleteAfterDays)
	}
	rule("review", before.Review, after.Review)
	rule("adopt", before.Adopt, after.Adopt)
	rule("pushGroups", before.PushGroups, after.PushGroups)
	rule("deprovision", before.Deprovision.Mode, after.Deprovision.Mode)
	rule("deletion of people who left", wait(before), wait(after))
	for _, name := range slices.Sorted(maps.Keys(before.Limits)) {
		if after.Limits[name] == nil {
			out = append(out, fmt.Sprintf("the gate %s goes back to its default", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after.Limits)) {
		if was := before.Limits[name]; was == nil || !sameLimit(was, after.Limits[name]) {
			out = append(out, fmt.Sprintf("the gate %s is tuned (%s)", name, after.Limits[name].Pos))
		}
	}
	for what, sides := range map[string][2]map[string]schema.Pos{"user": {before.Protect.Users, after.Protect.Users}, "group": {before.Protect.Groups, after.Protect.Groups}} {
		for _, key := range slices.Sorted(maps.Keys(sides[0])) {
			if _, still := sides[1][key]; !still {
				out = append(out, fmt.Sprintf("the %s %q is no longer protected", what, key))
			}
		}
	}
	slices.Sort(out)
	return out
}

func sameLimit(a, b *schema.Limit) bool {
	x, y := *a, *b
	x.Pos, y.Pos = schema.Pos{}, schema.Pos{}
	return reflect.DeepEqual(x, y)
}

// beyond returns what changes have and others have not: effects, and the same effects with another fate.
func beyond(changes, others []Change) []Change {
	fate := func(c *Change) string {
		switch {
		case c.Waiting != "":
			return "waiting"
		case len(c.Held) > 0:
			return "held"
		}
		return "released"
	}
	byFate := map[string]map[effect]bool{"waiting": {}, "held": {}, "released": {}}
	for i := range others {
		for _, e := range others[i].normalizedEffects() {
			byFate[fate(&others[i])][e] = true
		}
	}
	out := []Change{}
	for _, c := range changes {
		if left, some := c.less(byFate[fate(&c)]); some {
			out = append(out, left)
		}
	}
	return out
}

// SameConnection reports whether two declarations of a provisioner reach the same directory in the same way.
func SameConnection(a, b *schema.Provisioner) bool {
	return a.Endpoint == b.Endpoint && sameAuth(a.Auth, b.Auth)
}
