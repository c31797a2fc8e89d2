package awssim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestTokens(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	second, err := s.CreateToken(awssim.Token{Secret: "second", Expires: start().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateToken(awssim.Token{}); !errors.Is(err, awssim.ErrTokenLimit) {
		t.Errorf("a third token: %v", err)
	}
	s.want(200, s.call("GET", "/Users", ""))
	if s.agentless("GET", "/Users", "second").status != 200 || s.agentless("GET", "/Users", "third").status != 401 {
		t.Error("the second token is not good, or a third is")
	}
	if s.Token() != "second" {
		t.Errorf("the newest token is %q", s.Token())
	}
	s.AdvanceClock(time.Hour)
	if s.agentless("GET", "/Users", "second").status != 401 || s.Token() != "secret" {
		t.Error("an expired token is good")
	}
	if err := s.DeleteToken(second.ID); err != nil {
		t.Fatal(err)
	}
	s.AdvanceClock(365 * 24 * time.Hour)
	s.want(401, s.call("GET", "/Users", ""))
	if s.Token() != "" {
		t.Error("there is a token after a year")
	}
	for _, text := range []string{fmt.Sprint(second), fmt.Sprintf("%+v %#v", second, second)} {
		if strings.Contains(text, "second") {
			t.Errorf("a token shows its secret: %s", text)
		}
	}
}
