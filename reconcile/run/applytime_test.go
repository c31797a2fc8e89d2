package run

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestHowLongARunWritesAlthoughThereIsANewerCommit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  int
		planned time.Duration
		want    time.Duration
	}{
		{"the first run ends at once", 0, time.Minute, 0},
		{"the second run writes for as long as it planned", 1, 3 * time.Second, 3 * time.Second},
		{"the second run writes for at least a second", 1, time.Millisecond, time.Second},
		{"the third run writes for twice as long", 2, 3 * time.Second, 6 * time.Second},
		{"the sixth run writes for 32 times as long", 6, 3 * time.Second, 96 * time.Second},
		{"no run keeps a newer commit waiting for more than five minutes", 8, 3 * time.Second, 5 * time.Minute},
		{"not after a hundred runs either", 100, 3 * time.Second, 5 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				newer := make(chan struct{})
				close(newer)
				began := time.Now()
				ctx, release := Supersession{Newer: newer, Before: tt.before}.whileCurrent(t.Context(), tt.planned)
				<-ctx.Done()
				if took := time.Since(began); took != tt.want || !errors.Is(context.Cause(ctx), ErrSuperseded) {
					t.Errorf("the run was ended after %s by %v, want %s", took, context.Cause(ctx), tt.want)
				}
				release()
			})
		})
	}
}

func TestARunWithoutANewerCommitIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, release := Supersession{Newer: make(chan struct{}), Before: 3}.whileCurrent(t.Context(), time.Second)
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Errorf("the run was ended by %v", context.Cause(ctx))
		}
		release()
	})
}

func TestTwoRunsInARowAreNotReplaced(t *testing.T) {
	newer := make(chan struct{})
	for _, tt := range []struct {
		name     string
		s        Supersession
		replaced bool
	}{
		{"no newer commit", Supersession{Newer: newer}, false},
		{"a run that nobody supersedes", Supersession{}, false},
	} {
		if have := tt.s.replacesPlan(); have != tt.replaced {
			t.Errorf("%s: replaced %v", tt.name, have)
		}
	}
	close(newer)
	if !(Supersession{Newer: newer}).replacesPlan() {
		t.Error("the plan of an older commit is applied")
	}
	if (Supersession{Newer: newer, Before: 1}).replacesPlan() {
		t.Error("two runs in a row write nothing")
	}
}
