package reconcile

import (
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// TestWhyInactive names the reason for which a user is to be inactive.
func TestWhyInactive(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	past := &schema.Date{Text: "2026-11-01", Start: now.AddDate(0, 0, -28), End: now.AddDate(0, 0, -27)}
	future := &schema.Date{Text: "2027-03-01", Start: now.AddDate(0, 3, 1), End: now.AddDate(0, 3, 2)}
	for _, c := range []struct {
		name string
		user schema.User
		want string
	}{
		{"the state is INACTIVE", schema.User{State: schema.Inactive}, "declared inactive"},
		{"the state is INACTIVE, and the last day is over", schema.User{State: schema.Inactive, ValidUntil: past},
			"declared inactive"},
		{"the state is LOCKED", schema.User{State: schema.Locked}, "declared LOCKED"},
		{"the last day is over", schema.User{State: schema.Active, ValidUntil: past}, "valid until 2026-11-01"},
		{"the first day is to come", schema.User{State: schema.Active, ValidFrom: future}, "valid from 2027-03-01"},
		{"the first day is over", schema.User{State: schema.Active, ValidFrom: past},
			"declared ACTIVE, but the mapping sets active to false"},
		{"the mapping decides", schema.User{State: schema.Active},
			"declared ACTIVE, but the mapping sets active to false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mapped := schema.Mapped{Attributes: schema.Attributes{{Path: "active", Value: "false"}}}
			user := desiredUser(&c.user, mapped, now)
			if got := user.whyInactive(); got != c.want {
				t.Errorf("the reason is %q, want %q", got, c.want)
			}
			if user.sameAs(&DesiredUser{Attributes: mapped.Attributes, Until: user.Until}) {
				t.Error("a user with another state is the same")
			}
		})
	}
}
