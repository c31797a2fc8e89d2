package schema

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestWarnSaysWhatTheClockSays(t *testing.T) {
	files := base(t)
	files["case.cue"] = &fstest.MapFile{Data: []byte(`package roster

timezone: "Asia/Tokyo"
users: "u-3": {userId: "c", firstName: "C", lastName: "D", email: "c@example.com", validUntil: "2026-12-01"}
users: "u-4": {userId: "d", firstName: "C", lastName: "D", email: "d@example.com", validUntil: "2027-12-01"}
groups: all: members: {"u-3": {until: "2026-11-23"}, "u-4": {until: "2026-11-24"}}
provisioners: old: {
	app: "aws", mapping: "aws", groups: ["all"], endpoint: "http://127.0.0.1:9000/t/scim/v2"
	auth: token: {env: "T"}, tokenExpires: "2026-11-24T15:00:00+09:00"
	paused: {reason: "a move", until: "2026-01-01"}
}
provisioners: new: {app: "aws", mapping: "aws", groups: ["all"], endpoint: "http://127.0.0.1:9001/t/scim/v2", auth: token: {env: "T"}, tokenExpires: "2028-11-24", review: "required"}
approvals: "sha256:0000000000000000000000000000000000000000000000000000000000000000": {reason: "x", expires: "2026-11-01"}
approvals: "sha256:0000000000000000000000000000000000000000000000000000000000000001": {reason: "x", expires: "2026-11-25"}
`)}
	d, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	// In Tokyo it is the 24th already.
	got := d.Warn(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)).Error() + "\n"
	want := `case.cue:4:8: W2002: users."u-3": the validity of "u-3" ends in 7 days (got "2026-12-01"); extend it, or set the state to INACTIVE
case.cue:6:24: W2001: groups.all.members."u-3": the membership of "u-3" in "all" has ended (got "2026-11-23"); extend it, or remove it
case.cue:6:54: W2001: groups.all.members."u-4": the membership of "u-4" in "all" ends within a day (got "2026-11-24"); extend it, or remove it
case.cue:7:15: W4002: provisioners.old.tokenExpires: the token of "old" ends within a day (got "2026-11-24T15:00:00+09:00"); create a second token in AWS's console, store it, and change tokenExpires
case.cue:10:2: W4004: provisioners.old.paused: the pause of "old" has ended (got "2026-01-01"); remove it, or extend it
case.cue:12:15: W4002: provisioners.new.tokenExpires: the token of "new" is said to expire more than a year from now (got "2028-11-24"); create a second token in AWS's console, store it, and change tokenExpires
case.cue:12:15: W4006: provisioners.new.review: only what was approved is applied by "new": where no forge is asked, every intended change is held; run the daemon with --forge
case.cue:13:12: W4005: approvals."sha256:0000000000000000000000000000000000000000000000000000000000000000": the approval has ended (got "2026-11-01"); remove it
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
