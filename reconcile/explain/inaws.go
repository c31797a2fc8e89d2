package explain

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Presence is whether AWS has a user or group, as last known.
type Presence string

// The presences of an object.
const (
	Unknown   Presence = "unknown"   // no run has compared AWS with declarations that have the object
	Absent    Presence = "absent"    // AWS does not have it
	Managed   Presence = "managed"   // AWS has it, and the ledger lists it
	Unmanaged Presence = "unmanaged" // AWS has it, and the ledger does not list it
	// Unconfirmed: roster sent its creation or adoption, and got no valid response.
	Unconfirmed Presence = "unconfirmed"
	// Contradicted: the ledger lists it, but AWS does not show it as owned.
	Contradicted Presence = "contradicted"
)

// InAWS is what is last known of a user or group in AWS. It never is what the declarations want.
type InAWS struct {
	Presence Presence `json:"presence"`
	// MaySignIn is whether a user is active; nil if it is not known, and for groups.
	MaySignIn *bool  `json:"maySignIn,omitempty"`
	ID        string `json:"id,omitempty"`
	// Groups are the keys of the managed groups that have the user, sorted.
	Groups []string `json:"groups,omitempty"`
	// At is when it was last read, and Source what says so: "run" and the id, or "cached view".
	At     time.Time `json:"at,omitzero"`
	Source string    `json:"source,omitempty"`
}

// CachedObject is a user or group in the cached view of AWS.
type CachedObject struct {
	Found      bool
	ID         string
	Name       string // userName or displayName
	ExternalID string
	Active     bool
	Groups     []string // keys of the managed groups that have the user, sorted
	ReadAt     time.Time
}

// isActive reports whether AWS lets the user sign in.
func (a *InAWS) isActive() bool { return a.MaySignIn != nil && *a.MaySignIn }

// isInactive reports whether AWS is known not to let the user sign in.
func (a *InAWS) isInactive() bool { return a.MaySignIn != nil && !*a.MaySignIn }

// isPresent reports whether AWS has the object.
func (a *InAWS) isPresent() bool {
	return a.Presence == Managed || a.Presence == Unmanaged || a.Presence == Contradicted
}

// complete returns the newest complete report; nil if there is none.
func (x *explainer) complete() *reconcile.Report {
	if n := len(x.Recent); n > 0 && IsComplete(x.Recent[n-1].Report) {
		return x.Recent[n-1].Report
	}
	return nil
}

// latest returns the newest result of a change of one of some kinds; nil if no recent report has
// one. member is the user of a membership; "" for other changes.
func (x *explainer) latest(key, member string, kinds ...reconcile.Kind) *reconcile.Done {
	for _, r := range x.Recent {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			if d.Key == key && d.Member == member && slices.Contains(kinds, d.Kind) {
				return d
			}
		}
	}
	return nil
}

// open returns what latest returns if the change did not take effect.
func (x *explainer) open(key, member string, kinds ...reconcile.Kind) *reconcile.Done {
	if d := x.latest(key, member, kinds...); d != nil && d.Result != reconcile.ResultDone {
		return d
	}
	return nil
}

// done reports whether the newest change of these kinds took effect. It also searches the last
// report that names the object.
func (x *explainer) done(kinds ...reconcile.Kind) bool {
	if d := x.latest(x.Key, "", kinds...); d != nil {
		return d.Result == reconcile.ResultDone
	}
	if x.Earlier == nil {
		return false
	}
	return slices.ContainsFunc(x.Earlier.Report.Changes, func(d reconcile.Done) bool {
		return d.Key == x.Key && slices.Contains(kinds, d.Kind) && d.Result == reconcile.ResultDone
	})
}

// owned returns the ledger's entry of the object, under an earlier key if the new one is not in AWS
// yet.
func (x *explainer) owned() (entry reconcile.Owned, managed bool) {
	entries := x.Ledger.Users
	if x.Kind == "group" {
		entries = x.Ledger.Groups
	}
	for _, key := range x.Declared.Keys(x.Key) {
		if entry, managed = entries[key]; managed {
			return entry, true
		}
	}
	return reconcile.Owned{}, false
}

// observe sets what is last known in AWS.
func (x *explainer) observe(create, adopt, remove, release reconcile.Kind) {
	a := &x.out.InAWS
	owned, managed := x.owned()
	a.ID = owned.ID
	_, unconfirmed := x.Ledger.Unconfirmed[x.ref()]
	complete := x.complete()
	if complete != nil {
		a.At, a.Source = complete.ObservedSince(), "run "+complete.Run
	}
	switch {
	case x.contradiction() != "":
		a.Presence = Contradicted
	case x.Cached != nil:
		a.At, a.Source = x.Cached.ReadAt, "cached view"
		a.Presence, a.ID = x.cachedPresence(managed, unconfirmed), x.Cached.ID
	case managed && (x.open(x.Key, "", create) != nil || owned.MissedAt != nil):
		a.Presence = Absent
	case managed:
		a.Presence = Managed
	case unconfirmed:
		a.Presence = Unconfirmed
	case x.open(x.Key, "", adopt) != nil:
		a.Presence, a.ID = Unmanaged, x.open(x.Key, "", adopt).ID
	case x.open(x.Key, "", create) != nil, x.done(remove):
		a.Presence = Absent
	case x.done(release):
		a.Presence = Unmanaged
	case complete == nil:
		a.Presence = Unknown
	default:
		a.Presence = x.unlistedPresence(complete)
	}
}

func (x *explainer) cachedPresence(managed, unconfirmed bool) Presence {
	switch {
	case x.Cached.Found && managed:
		return Managed
	case x.Cached.Found:
		return Unmanaged
	case unconfirmed:
		return Unconfirmed
	}
	return Absent
}

// unlistedPresence returns the presence of an object that neither the ledger nor a change of a
// complete report names. An object that the run wanted and did not create was there: it is
// unmanaged, and equals what is declared.
func (x *explainer) unlistedPresence(complete *reconcile.Report) Presence {
	wanted, active := x.wantedAt(x.AtRun, complete.Started)
	switch {
	case x.AtRun == nil:
		return Unknown
	case wanted && active:
		return Unmanaged
	case wanted && complete.Counts.Adoptable == 0, !wanted && complete.Counts.Unmanaged == 0:
		return Absent
	}
	return Unknown
}

// wantedAt reports whether declarations want the object in AWS, and active if it is a user.
func (x *explainer) wantedAt(d *Declared, at time.Time) (wanted, active bool) {
	if d == nil {
		return false, false
	}
	p := d.Organization.Provisioners[x.Provisioner.Key]
	switch {
	case p == nil:
		return false, false
	case x.Kind == "group":
		pushed := d.Group != nil && pushes(p, x.Key)
		return pushed, pushed
	case d.User == nil || !inScope(p, d.memberships(at)):
		return false, false
	}
	return true, d.User.Mapped[p.Key].Active
}

func (x *explainer) ref() string {
	if x.Kind == "group" {
		return reconcile.GroupRef(x.Key)
	}
	return reconcile.UserRef(x.Key)
}

// observeActive sets whether AWS lets the user sign in: as a recent change has it, or else as it
// was wanted at the complete report, because the report has no difference.
func (x *explainer) observeActive() {
	a := &x.out.InAWS
	owned, managed := x.owned()
	switch {
	case !a.isPresent(), a.Presence == Contradicted && x.Cached == nil:
		return
	case x.Cached != nil && x.Cached.Found:
		a.MaySignIn = &x.Cached.Active
		return
	}
	if active, known := x.reportedActive(); known {
		a.MaySignIn = active
		return
	}
	wanted, active := false, false
	if complete := x.complete(); complete != nil {
		wanted, active = x.wantedAt(x.AtRun, complete.Started)
	}
	switch {
	case wanted:
		a.MaySignIn = &active
	case managed:
		active = owned.LeftScopeAt == nil && owned.InactiveSince == nil
		a.MaySignIn = &active
	}
}

// reportedActive returns what the newest change of the attribute active says. It is nil if the
// change was sent without a response.
func (x *explainer) reportedActive() (active *bool, known bool) {
	for _, r := range x.reports() {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			if d.Key != x.Key || !d.Kind.OfUser() {
				continue
			}
			for _, a := range d.Attributes {
				if a.Path != "active" {
					continue
				}
				value := a.New
				switch d.Result {
				case reconcile.ResultDone:
				case reconcile.ResultUnknown:
					return nil, true
				default:
					value = a.Old
				}
				is := value == "true"
				return &is, true
			}
		}
	}
	return nil, false
}

// reports returns the recent reports. For an object that roster has released, it adds the report
// of the release: no later run compares the object.
func (x *explainer) reports() []RunReport {
	if _, managed := x.owned(); managed || x.Earlier == nil {
		return x.Recent
	}
	return append(slices.Clone(x.Recent), *x.Earlier)
}

// observeGroups sets the managed groups that have the user.
func (x *explainer) observeGroups() {
	a := &x.out.InAWS
	if !a.isPresent() || a.Presence == Contradicted && x.Cached == nil {
		return
	}
	if x.Cached != nil {
		a.Groups = x.Cached.Groups
		return
	}
	in := map[string]bool{}
	if complete := x.complete(); complete != nil && x.AtRun != nil {
		if p := x.AtRun.Organization.Provisioners[x.Provisioner.Key]; p != nil {
			for _, m := range x.AtRun.memberships(complete.Started) {
				in[m.group] = pushes(p, m.group)
			}
		}
	}
	for _, r := range slices.Backward(x.Recent) {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			if d.Member != x.Key {
				continue
			}
			adds, took := d.Kind == reconcile.AddMember, d.Result == reconcile.ResultDone
			in[d.Key] = adds == took
		}
	}
	for group, member := range in {
		if _, managed := x.Ledger.Groups[group]; member && managed {
			a.Groups = append(a.Groups, group)
		}
	}
	slices.SortFunc(a.Groups, strings.Compare)
}
