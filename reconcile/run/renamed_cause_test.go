package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// A commit that renames a key is not the cause of a change that an earlier commit brought: the
// looser policy of that earlier commit must not judge it.
func TestARenamedKeyDoesNotRenewTheCauseOfAChange(t *testing.T) {
	const loose = `enabled: true, limits: memberRemovals: {off: true, reason: "test"}`
	emptied := people(2) + "groups: g: displayName: \"Group\"\n"
	for _, row := range []struct{ name, renamed, held string }{
		{"of a user", strings.Replace(emptied, `users: "u1": {`, `users: "k1": {previously: "u1": {}, `, 1),
			"remove-member g k1: held by memberRemovals"},
		{"of a group", people(2) + "groups: h: {displayName: \"Group\", previously: g: {}}\n",
			"remove-member h u1: held by memberRemovals"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(2)+group("g", "Group", 1, 1))
			w.Apply(reconcile.RunApplied)
			w.Commit(loose, emptied)
			w.Apply(reconcile.RunHeld)
			w.Commit(loose, row.renamed)
			lines := strings.Join(summary(w.Apply(reconcile.RunHeld)), "\n")
			if !strings.Contains(lines, row.held) {
				t.Errorf("the run did:\n%s\nwant %q", lines, row.held)
			}
		})
	}
}

// A commit that only changes what happens to users who leave is not the cause of their departure.
func TestAnotherDeprovisionDoesNotRenewTheCauseOfADeparture(t *testing.T) {
	w := newEnv(t)
	w.Commit(`enabled: true, protect: users: u2: {}`, people(2))
	w.Apply(reconcile.RunApplied)
	for _, mode := range []string{"deactivate", "delete", "deactivate"} {
		w.Commit(`enabled: true, deprovision: mode: "`+mode+`"`, people(1))
		w.Apply(reconcile.RunHeld)
	}
	if u, ok := w.Sim.State().User("name2@example.com"); !ok || !u.Active {
		t.Error("the user, who was protected, lost access")
	}
}

// A commit that changes another attribute of a user is not the cause of the user's deactivation.
func TestAnotherAttributeDoesNotRenewTheCauseOfADeactivation(t *testing.T) {
	w := newEnv(t)
	w.Commit(`enabled: true, protect: users: u2: {}`, people(2))
	w.Apply(reconcile.RunApplied)
	for _, name := range []string{"name2", "other"} {
		w.Commit(`enabled: true`, people(1)+`users: u2: {userId: "`+name+
			`", firstName: "A", lastName: "B", email: "name2@example.com", state: "INACTIVE"}`+"\n")
		w.Apply(reconcile.RunHeld)
	}
	if u, _ := w.Sim.State().User("name2@example.com"); !u.Active {
		t.Error("the user, who was protected, lost access")
	}
}
