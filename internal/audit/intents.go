package audit

import (
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// intents is what stands open on a provisioner: the run that has the lease, and
// runs that lost theirs without ever leaving a report.
type intents struct {
	Version   int                `json:"version"`
	Lease     *lease             `json:"lease,omitempty"`
	Abandoned []reconcile.Intent `json:"abandoned,omitempty"` // oldest first
}

// lease is the right of a run to be the only one at work on a provisioner.
type lease struct {
	Intent  reconcile.Intent `json:"intent"`
	Base    string           `json:"base"` // the branch's head below the intent; "" when it began the branch
	Renewed time.Time        `json:"renewed"`
	Until   time.Time        `json:"until"`
}

// LeaseError says who is at work on a provisioner. errors.Is(err,
// reconcile.ErrLeased) holds.
type LeaseError struct {
	Provisioner string
	Run, Host   string    // of the holder; empty when only the lock on this machine is known
	Since       time.Time // zero: unknown
	Until       time.Time // when the lease ends unless it is renewed
	Lock        string    // what holds the lock on this machine
}

func (e *LeaseError) Error() string {
	if e.Lock != "" {
		return fmt.Sprintf("%s: %v: %s on this machine", e.Provisioner, reconcile.ErrLeased, e.Lock)
	}
	return fmt.Sprintf("%s: %v: run %s on %s since %s; its lease ends at %s unless it is renewed", e.Provisioner, reconcile.ErrLeased,
		e.Run, e.Host, e.Since.Format(time.RFC3339), e.Until.Format(time.RFC3339))
}

// Is makes a LeaseError a reconcile.ErrLeased.
func (e *LeaseError) Is(target error) bool { return target == reconcile.ErrLeased }

func readIntents(files fs.FS, provisioner string) (*intents, error) {
	in := &intents{}
	if _, err := readFile(files, intentsPath(provisioner), in); err != nil {
		return nil, err
	}
	in.Version = version
	return in, nil
}

// encode is the file's content, nil (no file) when nothing stands open.
func (in *intents) encode() ([]byte, error) {
	if in.Lease == nil && len(in.Abandoned) == 0 {
		return nil, nil
	}
	return encode(in)
}

// alive returns the error of meeting another run's live lease, or nil.
func (in *intents) alive(run string, now time.Time) error {
	if in.Lease == nil || in.Lease.Intent.Run == run || !now.Before(in.Lease.Until) {
		return nil
	}
	held := in.Lease.Intent
	return &LeaseError{Provisioner: held.Provisioner, Run: held.Run, Host: held.Host, Since: held.Started, Until: in.Lease.Until}
}

// open gives the lease to a run. One that another held is abandoned, not
// forgotten.
func (in *intents) open(l *lease) {
	if in.Lease != nil && in.Lease.Intent.Run != l.Intent.Run {
		in.Abandoned = append(in.Abandoned, in.Lease.Intent)
	}
	in.Lease = l
}

// close removes a run.
func (in *intents) close(run string) {
	if in.Lease != nil && in.Lease.Intent.Run == run {
		in.Lease = nil
	}
	in.Abandoned = slices.DeleteFunc(in.Abandoned, func(i reconcile.Intent) bool { return i.Run == run })
}

// foreign returns the intents that have no report, but for one run; the
// abandoned first, then the one that has the lease.
func (in *intents) foreign(run string) []reconcile.Intent {
	out := slices.DeleteFunc(slices.Clone(in.Abandoned), func(i reconcile.Intent) bool { return i.Run == run })
	if in.Lease != nil && in.Lease.Intent.Run != run {
		out = append(out, in.Lease.Intent)
	}
	return out
}
