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
	status := func(token string) int { return s.callWithToken(token, "GET", "/Users").status }
	if status("second") != 200 || status("third") != 401 {
		t.Error("the second token was rejected, or an unknown one accepted")
	}
	if s.Token() != "second" {
		t.Errorf("the newest token is %q", s.Token())
	}
	s.AdvanceClock(time.Hour)
	if status("second") != 401 || s.Token() != "secret" {
		t.Error("an expired token was accepted")
	}
	if err := s.DeleteToken(second.ID); err != nil {
		t.Fatal(err)
	}
	s.AdvanceClock(365 * 24 * time.Hour)
	s.want(401, s.call("GET", "/Users", ""))
	if s.Token() != "" {
		t.Error("a token is valid after a year")
	}
	for _, text := range []string{fmt.Sprint(second), fmt.Sprintf("%+v %#v", second, second)} {
		if strings.Contains(text, "second") {
			t.Errorf("the text of a token contains its secret: %s", text)
		}
	}
}
