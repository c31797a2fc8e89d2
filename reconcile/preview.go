package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Preview is what a merge would do to one provisioner: the plan of the merge result minus the plan
// of its base, both on the same snapshot of the directory.
type Preview struct {
	Version     int       `json:"version"`
	Provisioner string    `json:"provisioner"`
	Identity    string    `json:"identity"`
	Base        CommitRef `json:"base"`
	Head        CommitRef `json:"head"`
	// ReadAt is when the directory was read; nil if it was not and is assumed to match the base.
	ReadAt *time.Time `json:"readAt,omitempty"`
	// NotCompared is why the declarations cannot be compared with the directory, although it was
	// read for others; empty if they can.
	NotCompared string `json:"notCompared,omitempty"`
	Mode        Mode   `json:"mode"`
	// Loosened are the rules that the merge loosens, sorted by field.
	Loosened []Loosening `json:"loosened,omitempty"`
	// Settings are the changes of the provisioner itself, the gravest first.
	Settings []SettingChange `json:"settings,omitempty"`
	// ReleasedHolds are the held changes that approvals of the merge release.
	ReleasedHolds []ReleasedHold `json:"releasedHolds,omitempty"`
	// Digest is the digest of Changes. If the base is in sync, the plan after the merge has the
	// same digest. It is empty if the directory was not read, because a digest covers ids.
	Digest  string   `json:"digest,omitempty"`
	Changes []Change `json:"changes"`
	// Facts are what the sentences about the changes depend on; nil if there are none.
	Facts *EffectFacts `json:"facts,omitempty"`
	// Pending is the number of changes of the base that were not applied yet. They are not in
	// Changes.
	Pending int `json:"pending,omitempty"`
	// NoLongerNeeded are pending changes of the base that the merge makes unnecessary.
	NoLongerNeeded []Change `json:"noLongerNeeded,omitempty"`
	// Releases are the objects that leave the ledger after the merge and stay in the directory as
	// they are.
	Releases []ReleasedObject `json:"releases,omitempty"`
	// EndDateChanges are the end dates that the merge sets, moves or removes.
	EndDateChanges []EndDateChange `json:"endDateChanges,omitempty"`
	// Violations are the assertions that do not hold after the merge, and did before.
	Violations []Violation `json:"violations,omitempty"`
	Notices    []string    `json:"notices,omitempty"`
	// UnavailableReason says why there is no preview of this provisioner; empty if there is one.
	UnavailableReason string `json:"unavailableReason,omitempty"`
}

// PreviewInput is what a preview is made from.
type PreviewInput struct {
	Provisioner  string
	Base, Merged *schema.Declarations
	// BaseCommit and HeadCommit are the commits of the branch and of the pull request.
	BaseCommit, HeadCommit CommitRef
	// Snapshot is the directory; nil assumes that it matches the base.
	Snapshot *Snapshot
	// NotCompared is why there is no snapshot although there should be one; else empty.
	NotCompared string
	Now         time.Time
	// RedactKey is the HMAC key of redacted values; without it they are left out.
	RedactKey []byte
	// Applied, if set, returns the declarations of a commit that was applied; nil if they cannot be
	// read.
	Applied func(commit string) *schema.Declarations
	// Approvals are what the reports have about the approvals that the merge adds.
	Approvals []ApprovalRecord
}

// PreviewedProvisioners returns the keys of the provisioners that a preview is about: those of the
// merge result and those that the merge removes, sorted. The earlier key of a renamed provisioner
// is not among them.
func PreviewedProvisioners(base, merged *schema.Declarations) []string {
	keys := slices.Collect(maps.Keys(merged.Provisioners))
	for key, p := range base.Provisioners {
		if merged.Provisioners[key] == nil && ProvisionerOf(merged, p.Identity()) == nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// NewPreview compares two plans. The error is schema.Problems if a mapping fails for users.
func NewPreview(in PreviewInput) (*Preview, error) {
	p := &Preview{
		Version:     1,
		Provisioner: in.Provisioner,
		Base:        in.BaseCommit,
		Head:        in.HeadCommit,
		Changes:     []Change{},
	}
	before, after := in.sides()
	p.Loosened = in.loosened(after)
	if p.UnavailableReason = unavailableReason(before, after, in.Snapshot); p.UnavailableReason != "" {
		return p, nil
	}
	p.Settings = settingChanges(in.Provisioner, before, after, p.Loosened)
	p.NotCompared = cmp.Or(notComparedReason(before, after), in.NotCompared)
	if p.NotCompared != "" {
		in.Snapshot = nil
	}
	base, merged, err := in.plans(before, after)
	if err != nil {
		return nil, err
	}
	p.Identity = merged.Provisioner.Identity()
	basePlan, mergedPlan := NewPlan(base), NewPlan(merged)
	p.compare(basePlan, mergedPlan)
	p.noteNotCreated(basePlan.NotCreated, mergedPlan.NotCreated)
	p.EndDateChanges = endDateChanges(in, base.Desired, merged.Desired)
	p.ReleasedHolds = in.releasedHolds()
	p.Facts = newEffectFacts(p.mentioned(), &merged, mergedPlan.Linking)
	switch {
	case in.Snapshot != nil:
		p.ReadAt = &in.Snapshot.Observed.ReadAt
		p.Digest = digest(p.Identity, p.Changes, func(*Change) bool { return true })
	case p.NotCompared == "":
		p.Notices = append(p.Notices, "AWS was not read: these are the differences between the declarations; "+
			"AWS is assumed to match the base")
	}
	p.redact(in)
	return p, nil
}

// noteNotCreated adds a notice about the users whom the merge adds to the scope, and whom roster
// does not create.
func (p *Preview) noteNotCreated(base, merged []string) {
	added := slices.DeleteFunc(slices.Clone(merged), func(key string) bool {
		_, before := slices.BinarySearch(base, key) // both are sorted
		return before
	})
	if len(added) > 0 {
		p.Notices = append(p.Notices, fmt.Sprintf("%s new in scope, but not created while LOCKED, INACTIVE or not "+
			"valid yet: %s", usersAre(len(added)), schema.ShortList(added, 5)))
	}
}

// mentioned returns the changes that sentences are about: those of the merge, and those that its
// approvals release.
func (p *Preview) mentioned() []Change {
	out := p.Changes
	for i := range p.ReleasedHolds {
		out = slices.Concat(out, p.ReleasedHolds[i].Changes)
	}
	return out
}

// sides returns the provisioner before and after the merge; nil if it is not declared there.
func (in *PreviewInput) sides() (before, after *schema.Provisioner) {
	before, after = in.Base.Provisioners[in.Provisioner], in.Merged.Provisioners[in.Provisioner]
	if before == nil && after != nil { // it may have another key
		before = ProvisionerOf(in.Base, after.Identity())
	}
	return before, after
}

// plans returns the inputs of the plans of both sides, on one snapshot.
func (in *PreviewInput) plans(before, after *schema.Provisioner) (base, merged PlanInput, err error) {
	baseDesired, exists, err := desiredSide(in.Base, before, in.Now)
	if err != nil {
		return base, merged, fmt.Errorf("base: %w", err)
	}
	var mergedDesired *Desired
	if after == nil {
		mergedDesired = DesiredOfRemoved(before)
	} else if mergedDesired, _, err = desiredSide(in.Merged, after, in.Now); err != nil {
		return base, merged, err
	}
	snapshot := in.Snapshot
	if snapshot == nil {
		snapshot = assumedSnapshot(baseDesired, exists, before, in.Now)
	}
	input := PlanInput{
		Observed:    snapshot.Observed,
		Ledger:      snapshot.Ledger,
		Status:      snapshot.Status,
		Trust:       snapshot.Trust,
		Unproved:    snapshot.Unproved,
		Evidence:    Evidence{Assumed: true},
		LastApplied: baseDesired,
		Now:         in.Now,
	}
	if before == nil {
		input.LastApplied = nil
		before = after
	}
	if after == nil {
		after = before
	}
	base, merged = input, input
	base.Provisioner, base.Desired = before, baseDesired
	base.Commit = in.BaseCommit
	merged.Provisioner, merged.Desired = after, mergedDesired
	merged.Commit = in.HeadCommit // an approval counts only after the merge
	merged.Restored = in.restored(merged)
	in.setPolicies(&base, &merged)
	old, edited := in.Base.Mappings[before.Mapping], in.Merged.Mappings[after.Mapping]
	if old != nil && edited != nil && !old.SameAs(edited) && !mergedDesired.Removed {
		merged.MappingEdit = NewMappingEdit(old, edited, in.Merged, mergedDesired, in.Now)
	}
	return base, merged, nil
}

// loosened returns the rules that the merge loosens for a provisioner. It finds the provisioner of
// the base by its identity, because the merge may change its key.
func (in *PreviewInput) loosened(after *schema.Provisioner) []Loosening {
	if after == nil {
		return nil
	}
	merged := PolicyOf(in.Merged, after)
	before := PolicyOf(in.Base, ProvisionerOf(in.Base, after.Identity()))
	if before == nil {
		before = FirstPolicy(merged)
	}
	return Loosenings(before, merged)
}

// setPolicies sets the policies of both plans. Neither side loosens the policy in force for its own
// changes, and the merge does not loosen that of the base.
func (in *PreviewInput) setPolicies(base, merged *PlanInput) {
	base.Policy, merged.Policy = PolicyOf(in.Base, base.Provisioner), PolicyOf(in.Merged, merged.Provisioner)
	if in.Applied != nil && base.Status.PolicyInForce() != "" {
		decls := in.Applied(base.Status.PolicyInForce())
		base.AppliedPolicy = PolicyOf(decls, ProvisionerOf(decls, merged.Provisioner.Identity()))
	}
	if merged.AppliedPolicy = base.Policy; base.AppliedPolicy != nil {
		merged.AppliedPolicy = Stricter(base.AppliedPolicy, base.Policy)
	}
}

// unavailableReason returns why a merge cannot be previewed; "" if it can.
func unavailableReason(before, after *schema.Provisioner, snapshot *Snapshot) string {
	switch {
	case after == nil && before == nil:
		return "the provisioner is not declared"
	case snapshot != nil && snapshot.Identity != "" && before != nil && snapshot.Identity != before.Identity():
		return fmt.Sprintf("the snapshot is of %s, not of %s", snapshot.Identity, before.Identity())
	}
	return ""
}

// notComparedReason returns why the declarations of a merge are not compared with the directory; ""
// if they are. A preview uses the connection of the base: a changed connection is used only after
// the merge.
func notComparedReason(before, after *schema.Provisioner) string {
	switch {
	case after == nil:
		return "the provisioner is removed"
	case before == nil:
		return "the provisioner is new, and nothing is sent to an endpoint before the merge"
	case before.Endpoint != after.Endpoint:
		return "the endpoint changes, and nothing is sent to an endpoint before the merge"
	case !sameAuth(before.Auth, after.Auth):
		return "`auth` changes, and nothing is sent with it before the merge"
	case before.Key != after.Key:
		return "the provisioner has another key"
	}
	return ""
}

// sameAuth reports whether two auths have the same references to secrets, in any position.
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

// desiredSide computes the desired state of one side, and which of its users exist if everything
// was applied: those whose validity has begun.
func desiredSide(d *schema.Declarations, p *schema.Provisioner, now time.Time) (*Desired, map[string]bool, error) {
	if p == nil {
		return &Desired{
			Users:      map[string]*DesiredUser{},
			Groups:     map[string]*DesiredGroup{},
			Membership: d.Membership(now),
		}, nil, nil
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

// compare sets the changes that the merge makes: new effects, and effects of the base that are
// held, waiting or released differently.
func (p *Preview) compare(base, merged *Plan) {
	p.Mode, p.Releases = merged.Mode, newReleases(merged.Releases, base.Releases)
	p.Changes = newEffects(merged.Changes, base.Changes)
	remaining := normalizedEffects(merged.Changes)
	for _, c := range base.Changes {
		if part, ok := c.without(remaining); ok {
			p.NoLongerNeeded = append(p.NoLongerNeeded, part)
		}
	}
	for _, n := range merged.Notices {
		if !slices.Contains(base.Notices, n) {
			p.Notices = append(p.Notices, n)
		}
	}
	p.Pending = len(base.Changes)
	for _, v := range merged.Violations {
		if !slices.ContainsFunc(base.Violations, func(have Violation) bool { return have.String() == v.String() }) {
			p.Violations = append(p.Violations, v)
		}
	}
}

// newEffects returns the parts of changes whose effects others do not have, or have with another
// status: waiting, held or released.
func newEffects(changes, others []Change) []Change {
	status := func(c *Change) string {
		switch {
		case c.Waiting() != "":
			return "waiting"
		case len(c.Held()) > 0:
			return "held"
		}
		return "released"
	}
	byStatus := map[string]map[effect]bool{"waiting": {}, "held": {}, "released": {}}
	for i := range others {
		for _, e := range others[i].normalizedEffects() {
			byStatus[status(&others[i])][e] = true
		}
	}
	out := []Change{}
	for _, c := range changes {
		if part, ok := c.without(byStatus[status(&c)]); ok {
			out = append(out, part)
		}
	}
	return out
}

// SameConnection reports whether two declarations of a provisioner have the same endpoint and auth.
func SameConnection(a, b *schema.Provisioner) bool {
	return a.Endpoint == b.Endpoint && sameAuth(a.Auth, b.Auth)
}
