package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestArrangeMovesChangesByTheirIndexes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 50 {
		list, changes, want := make([]int32, n), make([]Change, n), make([]Change, n)
		for i, from := range random.Perm(n) {
			list[i], changes[from] = int32(from), Change{Key: fmt.Sprint(from)}
			want[i] = changes[from]
		}
		if arrange(changes, list); !slices.EqualFunc(changes, want, func(a, b Change) bool { return a.Key == b.Key }) {
			t.Fatalf("%d changes are in the wrong order", n)
		}
	}
}
