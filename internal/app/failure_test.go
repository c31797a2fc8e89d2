package app

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

func TestDescribe(t *testing.T) {
	advised := &reconcile.AdvisedError{Err: reconcile.ErrUnauthorized, Advice: "Make a token."}
	for _, tt := range []struct {
		name string
		err  error
		want Failure
	}{
		{"invalid declarations are described by the first problem",
			fmt.Errorf("load: %w", schema.Problems{{Code: "R2001", Message: "unknown group", Advice: "declare it",
				Pos: schema.Pos{File: "a.cue", Line: 3, Column: 7}}, {Code: "R1101"}}),
			Failure{"R2001", "unknown group", "a.cue:3:7", "declare it"}},
		{"a problem of the whole configuration has no place", schema.Problems{{Code: "R1014", Message: "nothing"}},
			Failure{"R1014", "nothing", "", ""}},
		{"advice is not repeated in the message", fmt.Errorf("aws: %w", advised),
			Failure{"unauthorized", "aws: the directory rejects the credentials", "", "Make a token."}},
		{"a call that AWS forbids", &scim.Error{Op: "create user", Method: "POST", Path: "/Users", Status: 403},
			Failure{"forbidden", "create user: POST /Users: 403 Forbidden", "", ""}},
		{"a server of Git is named", &gitrepo.RemoteError{URL: "https://git.example.com/x", Message: "no answer"},
			Failure{"git-unreachable", "https://git.example.com/x: no answer", "https://git.example.com/x", ""}},
		{"a position in a message is the place", errors.New("connect: provisioners/aws.cue:9:8: variable X is empty"),
			Failure{"error", "connect: provisioners/aws.cue:9:8: variable X is empty", "provisioners/aws.cue:9:8", ""}},
		{"a mistake of the command line", UsageError{errors.New("no such flag")},
			Failure{"usage", "no such flag", "", "see roster --help"}},
		{"anything else", errors.New("disk on fire"), Failure{"error", "disk on fire", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Describe(tt.err); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestEveryFailureCodeIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1])
	}
	codes := FailureCodes()
	slices.Sort(codes)
	slices.Sort(documented)
	if !slices.Equal(codes, documented) {
		t.Errorf("documented are %q, want %q", documented, codes)
	}
}
