package reconcile

import (
	"maps"
	"slices"
)

// maxConfirming is how many objects are searched for one that confirms the initial adoption.
const maxConfirming = 20

// confirmAdoption looks for an object that confirms an unproved status which says that the initial
// adoption was decided. Such an object is owned, has its declared key as externalId, and there is
// evidence that roster created it, or adopted it with an approval in Git. A writer of the audit
// branch can forge reports and the ledger, but neither an object in the directory nor an approval.
// confirmAdoption lists the objects whose evidence must be searched first.
func (l *Linking) confirmAdoption(in PlanInput) {
	if in.Status == nil || !in.Status.AdoptionUnconfirmed {
		return
	}
	searched := 0
	l.AdoptionConfirmed = in.Evidence.Assumed
	check := func(kind, key, id, externalID string, notOwned bool) {
		if notOwned || externalID != key || l.AdoptionConfirmed {
			return
		}
		if searched++; searched > maxConfirming {
			return
		}
		found, known := in.Evidence.ByID[id]
		if !known {
			l.adoptionEvidence = append(l.adoptionEvidence, id)
			return
		}
		_, contradicted := l.Contradicted[kind+"/"+key]
		l.AdoptionConfirmed = !contradicted && slices.ContainsFunc(found, Provenance.confirmsAdoption)
	}
	for _, key := range slices.Sorted(maps.Keys(l.State.Users)) {
		u := l.State.Users[key]
		check("user", key, u.ID, u.ExternalID(), u.NotOwned)
	}
	for _, key := range slices.Sorted(maps.Keys(l.State.Groups)) {
		g := l.State.Groups[key]
		check("group", key, g.ID, g.ExternalID, g.NotOwned)
	}
}

// confirmsAdoption reports whether a provenance is a creation, or an adoption with an approval in
// Git.
func (p Provenance) confirmsAdoption() bool {
	action := p.Kind.Action()
	return action == ActionCreate || action == ActionAdopt && p.ApprovalDeclared
}
