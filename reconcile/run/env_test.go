package run_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
)

// env is the simulated environment with the helpers that several tests use.
type env struct{ *reconciletest.Env }

func newEnv(t testing.TB) *env { return &env{reconciletest.NewEnv(t)} }

func people(n int) string { return reconciletest.People(n) }

func user(key, name string) string { return reconciletest.User(key, name) }

func group(key, name string, from, to int) string { return reconciletest.Group(key, name, from, to) }
