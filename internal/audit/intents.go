package audit

import (
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// intents is the file with a provisioner's intents that have no report: that of the run with the
// lease, and those of runs that lost the lease.
type intents struct {
	Version   int                `json:"version"`
	Lease     *lease             `json:"lease,omitempty"`
	Abandoned []reconcile.Intent `json:"abandoned,omitempty"` // oldest first
}

// lease allows one run to write to a provisioner's directory.
type lease struct {
	Intent     reconcile.Intent `json:"intent"`
	BaseCommit string           `json:"baseCommit"` // the head of the branch before the intent; "" if there was none
	// Holder is the id of the holder's state directory; "" if it has none.
	Holder string `json:"holder,omitempty"`
	// Election is the election whose leader the holder was; "" if there was none.
	Election  string    `json:"election,omitempty"`
	RenewedAt time.Time `json:"renewedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// maxLease is the longest lease that counts. A longer one would keep all runs waiting.
const maxLease = 24 * time.Hour

func readIntents(files fs.FS, provisioner string) (*intents, error) {
	in := &intents{}
	if _, err := readFile(files, intentsPath(provisioner), in); err != nil {
		return nil, err
	}
	in.Version = version
	if l := in.Lease; l != nil && l.ExpiresAt.Sub(l.RenewedAt) > maxLease {
		return nil, &MalformedError{File: intentsPath(provisioner),
			Err: fmt.Errorf("it has a lease until %s that was renewed at %s; a lease lasts at most %s",
				l.ExpiresAt.Format(time.RFC3339), l.RenewedAt.Format(time.RFC3339), maxLease)}
	}
	for _, i := range in.except("") {
		if i.Provisioner != provisioner {
			return nil, &MalformedError{File: intentsPath(provisioner),
				Err: fmt.Errorf("it has an intent of provisioner %q", i.Provisioner)}
		}
	}
	return in, nil
}

// encode returns the content of the file; nil (no file) if there is no intent.
func (in *intents) encode() ([]byte, error) {
	if in.Lease == nil && len(in.Abandoned) == 0 {
		return nil, nil
	}
	return encode(in)
}

func (in *intents) commitInput(provisioner, message string) (commitInput, error) {
	content, err := in.encode()
	return commitInput{files: map[string][]byte{intentsPath(provisioner): content}, message: message}, err
}

// claim is what a run claims a lease with. It has the provisioner's lock in its state directory, so
// no other run of the same holder is active.
type claim struct{ run, holder, election string }

// owns reports whether a lease is that of the claim.
func (c claim) owns(l *lease) bool {
	return l.Intent.Run == c.run || c.holder != "" && l.Holder == c.holder ||
		c.election != "" && l.Election == c.election
}

// checkLease returns a LeaseError if another holder has a lease that has not expired. A lease that
// was renewed in the future is not one: it would never expire.
func (in *intents) checkLease(c claim, now time.Time) error {
	if l := in.leasedTo(c, now); l != nil {
		return l
	}
	return nil
}

// leasedTo returns the live lease of another holder; nil if there is none.
func (in *intents) leasedTo(c claim, now time.Time) *reconcile.LeaseError {
	if in.Lease == nil || c.owns(in.Lease) || !now.Before(in.Lease.ExpiresAt) ||
		in.Lease.RenewedAt.After(now.Add(maxLease)) {
		return nil
	}
	holder := in.Lease.Intent
	return &reconcile.LeaseError{Provisioner: holder.Provisioner, Run: holder.Run, Host: holder.Host,
		Since: holder.Started, Until: in.Lease.ExpiresAt}
}

// grantLease gives the lease to a run. The intent of the previous holder becomes abandoned.
func (in *intents) grantLease(l *lease) {
	if in.Lease != nil && in.Lease.Intent.Run != l.Intent.Run {
		in.Abandoned = append(in.Abandoned, in.Lease.Intent)
	}
	in.Lease = l
}

// remove removes the intent of a run.
func (in *intents) remove(run string) {
	if in.Lease != nil && in.Lease.Intent.Run == run {
		in.Lease = nil
	}
	in.Abandoned = slices.DeleteFunc(in.Abandoned, func(i reconcile.Intent) bool { return i.Run == run })
}

// except returns all intents except that of one run: the abandoned ones, then that of the lease.
func (in *intents) except(run string) []reconcile.Intent {
	out := slices.DeleteFunc(slices.Clone(in.Abandoned), func(i reconcile.Intent) bool { return i.Run == run })
	if in.Lease != nil && in.Lease.Intent.Run != run {
		out = append(out, in.Lease.Intent)
	}
	return out
}
