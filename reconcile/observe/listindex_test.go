package observe

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestTheIndexOfAViewIsThatOfItsList changes views of successive runs at random. Each view finds
// what its list has, and the views of earlier runs find what they had.
func TestTheIndexOfAViewIsThatOfItsList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cached := emptyCache("x")
	next := 0
	for run := range 60 {
		before := newView(cached)
		had := len(cached.Observed.Users)
		v := newView(cached.copy(time.Time{}))
		changes, done := r.IntN(80), func() {}
		if run%4 == 3 { // a run that adds many
			changes, done = 400, v.indexOfUsers().addMany(400)
		}
		for range changes {
			switch n := len(v.Observed.Users); {
			case n == 0 || r.IntN(3) > 0:
				v.putUser(reconcile.RemoteUser{ID: fmt.Sprint(next)})
				next++
			case r.IntN(20) == 0:
				v.dropUser(v.Observed.Users[r.IntN(n)].ID)
			default:
				v.putUser(reconcile.RemoteUser{ID: v.Observed.Users[r.IntN(n)].ID, Created: time.Unix(int64(next), 0)})
			}
		}
		done()
		for _, view := range []*View{before, v} {
			found := 0
			for id := range next {
				if u := view.user(fmt.Sprint(id)); u != nil {
					if found++; u.ID != fmt.Sprint(id) {
						t.Fatalf("run %d: user %d is %s", run, id, u.ID)
					}
				}
			}
			if found != len(view.Observed.Users) {
				t.Fatalf("run %d: the view finds %d of %d users", run, found, len(view.Observed.Users))
			}
		}
		if len(before.Observed.Users) != had {
			t.Fatalf("run %d changed the cached directory", run)
		}
		cached = v.CachedDirectory
	}
}

func TestAViewBuildsItsIndexOnce(t *testing.T) {
	cached := emptyCache("x")
	for i := range 1000 {
		cached.Observed.Users = append(cached.Observed.Users, reconcile.RemoteUser{ID: fmt.Sprint(i)})
	}
	v := newView(cached.copy(time.Time{}))
	v.user("1")
	again := newView(v.CachedDirectory.copy(time.Time{}))
	if n := testing.AllocsPerRun(10, func() { again.user("2") }); n > 0 {
		t.Errorf("the next run allocates %v times to find a user", n)
	}
}

// A first synchronization adds all users to an empty directory.
func TestAddingManyObjectsCopiesTheirPositionsOnce(t *testing.T) {
	const n = 20_000
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("id-", i)
	}
	allocations := testing.AllocsPerRun(3, func() {
		x := newListIndex[string](nil, nil)
		done := x.addMany(n)
		for i, id := range ids {
			x.add(id, i)
		}
		done()
	})
	if most := 1000.0; allocations > most {
		t.Errorf("adding %d objects makes %.0f allocations, want at most %.0f", n, allocations, most)
	}
}
