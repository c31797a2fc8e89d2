package render

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// renamed returns a change that gives an object another name.
func renamed(kind reconcile.Kind, key, name, to string) reconcile.Done {
	path := "userName"
	if kind == reconcile.RenameGroup {
		path = "displayName"
	}
	return reconcile.Done{Change: &reconcile.Change{Kind: kind, Key: key, Name: name,
		Attributes: []reconcile.AttributeChange{{Path: path, Old: name, New: to}}}}
}

func TestTheFirstLineSaysWhoGetsTheAWSObjectOfAnother(t *testing.T) {
	swap := []reconcile.Done{
		renamed(reconcile.TemporaryRenameUser, "u-1", "ann@example.com", "moving@roster.invalid"),
		renamed(reconcile.RenameUser, "u-2", "bob@example.com", "Ann@example.com"),
		renamed(reconcile.RenameUser, "u-1", "ann@example.com", "bob@example.com"),
	}
	held := renamed(reconcile.RenameUser, "u-1", "ann@example.com", "bob@example.com")
	held.Decision = &reconcile.Decision{Held: []reconcile.Hold{{Gate: "signInNames", Reason: "too many"}}}
	waiting := renamed(reconcile.RenameUser, "u-2", "bob@example.com", "ann@example.com")
	waiting.Decision = &reconcile.Decision{Waiting: "the provisioner is paused"}
	var cycle []reconcile.Done
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		cycle = append(cycle, renamed(reconcile.RenameGroup, name, name, string(rune('a'+(name[0]-'a'+1)%5))))
	}
	tests := []struct {
		name    string
		changes []reconcile.Done
		want    string
		tone    Tone
	}{
		{"two people exchange their sign-in names", swap,
			"Ann@example.com gets the AWS user of bob@example.com, with its groups and account assignments; " +
				"bob@example.com gets the AWS user of ann@example.com, with its groups and account assignments; " +
				"sign-in names of ann@example.com and bob@example.com change; " +
				"ann@example.com has a temporary name for a moment", Alarm},
		{"a person gets the sign-in name of a deleted user", []reconcile.Done{
			{Change: &reconcile.Change{Kind: reconcile.DeleteUser, Key: "u-1", Name: "ann@example.com"}},
			renamed(reconcile.RenameUser, "u-2", "bob@example.com", "ann@example.com"),
		}, "ann@example.com gets the AWS user of bob@example.com, with its groups and account assignments; " +
			"ann@example.com loses all access, and the AWS user is deleted; " +
			"sign-in name of bob@example.com changes", Alarm},
		{"a person gets a new sign-in name", []reconcile.Done{
			renamed(reconcile.RenameUser, "u-2", "bob@example.com", "robert@example.com"),
		}, "sign-in name of bob@example.com changes", Caution},
		{"a user is activated under the sign-in name of another", []reconcile.Done{
			renamed(reconcile.ActivateUser, "u-1", "ann@example.com", "bob@example.com"),
			renamed(reconcile.RenameUser, "u-2", "bob@example.com", "bo@example.com"),
		}, "bob@example.com gets the AWS user of ann@example.com, with its groups and account assignments; " +
			"ann@example.com may sign in again; sign-in names of ann@example.com and bob@example.com change", Alarm},
		{"a group has the name of a person", []reconcile.Done{
			renamed(reconcile.RenameUser, "x", "dev", "ops"), renamed(reconcile.RenameGroup, "y", "old", "dev"),
		}, "sign-in name of dev changes; group old is renamed", Caution},
		{"five groups exchange their names", cycle,
			`group "b" gets the AWS group of "a", with its account assignments; ` +
				`group "c" gets the AWS group of "b", with its account assignments; ` +
				`group "d" gets the AWS group of "c", with its account assignments; ` +
				"2 more names get the AWS object of another; 5 groups are renamed", Alarm},
		{"the exchange is held, and waits", []reconcile.Done{held, waiting},
			"bob@example.com gets the AWS user of ann@example.com, with its groups and account assignments (held); " +
				"ann@example.com gets the AWS user of bob@example.com, with its groups and account " +
				"assignments (waiting); sign-in name of ann@example.com changes (held); " +
				"sign-in name of bob@example.com changes (waiting)", Caution},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, tone := line(reconcile.Effects(reconcile.Finished(tt.changes), nil), maxLine, inSync)
			if got != tt.want || tone != tt.tone {
				t.Errorf("the line is %q, tone %v\nwant %q, tone %v", got, tone, tt.want, tt.tone)
			}
		})
	}
}
