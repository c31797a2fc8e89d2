package records

import "github.com/seed-d64a251c/roster/schema/internal/declaration"

// keepUnchanged replaces the records of a file that was read again by those of the earlier content
// of the file that are the same at the same position. So a Load knows which records changed.
func (r *fileResult) keepUnchanged(earlier *fileResult) {
	keepSame(r.users, earlier.users, (*declaration.User).Same)
	keepSame(r.groups, earlier.groups, (*declaration.Group).Same)
	keepSame(r.memberLists, earlier.memberLists, (*declaration.Group).Same)
}

// keepSame compares the records at the same index, because another number of records before them
// also changes their positions.
func keepSame[V any](now, earlier []*V, same func(a, b *V) bool) {
	for i := range min(len(now), len(earlier)) {
		if same(now[i], earlier[i]) {
			now[i] = earlier[i]
		}
	}
}
