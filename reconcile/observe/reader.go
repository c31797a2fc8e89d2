package observe

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// DirectoryReader reads the directory of one provisioner for one run.
type Reader struct {
	Directory   reconcile.Directory
	Provisioner *schema.Provisioner
	// Cached is what is remembered of the directory; nil: all of it is read.
	Cached  *CachedDirectory
	Started time.Time // of the run: all that it reads counts as read then
	Trigger string    // of the run
	// Progress, if set, follows the reads of each phase.
	Progress func(phase string, done, total int)
}

func (r *Reader) progress(phase string) func(done, total int) {
	if r.Progress == nil {
		return nil
	}
	return func(done, total int) { r.Progress(phase, done, total) }
}

// ReadMembers returns what runs remember of a directory, with the members of the groups that they have no use for; without a memory all of it is read.
func (r *Reader) ReadMembers(ctx context.Context) (*reconcile.Observed, error) {
	p, memory := r.Provisioner, r.Cached
	look := Options{Groups: p.PushGroups, Concurrency: p.Rate.Concurrency}
	if memory == nil || len(memory.Unverified) > 0 || p.PushGroups && memory.GroupsReadAt.IsZero() {
		return Read(ctx, r.Directory, look, r.Started)
	}
	o := *memory.Observed
	o.ReadAt, o.Members = memory.oldest(), maps.Clone(o.Members)
	var unread []string
	for _, g := range o.Groups {
		if _, read := o.Members[g.ID]; !read {
			unread = append(unread, g.ID)
		}
	}
	err := each(ctx, unread, look, func(ctx context.Context, id string) ([]string, error) { return collect(r.Directory.Members(ctx, id)) },
		func(id string, members []string) { slices.Sort(members); o.Members[id] = members })
	return &o, err
}
