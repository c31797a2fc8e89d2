package reconcile

import "slices"

// GateOutOfReach is the gate that holds changes while Git is out of reach.
const GateOutOfReach = "outOfReach"

// correctable are the kinds of drift that are corrected while Git is out of reach: they take access
// from nobody, and need no key in a published intent.
var correctable = []Kind{ActivateUser, RenameUser, UpdateUser, RenameGroup, UpdateGroup, AddMember,
	TemporaryRenameUser, TemporaryRenameGroup}

// holdOutOfReach holds all changes except drift that can be corrected by what is known. A newer
// commit may already allow the access that the others would take, or not allow what they would
// give.
func holdOutOfReach(in *gateInput, _ limit) map[int]string {
	if in.outOfReach == "" {
		return nil
	}
	return in.where(func(c *Change) bool { return c.Origin != Drift || !slices.Contains(correctable, c.Kind) },
		outOfReachReason(in.outOfReach))
}
