package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
)

// exampleApps are apps in each state.
func exampleApps(context.Context) ([]App, error) {
	endpoints := []AppEndpoint{{Kind: "HTTP-POST", Address: "https://idp.example/<post>"}}
	return []App{
		{Key: "aws", Name: "AWS access", NameID: "email", Position: "apps/aws.cue:3:1", Provider: &AppProvider{
			EntityID: "https://idp.example/{domain}", Endpoints: endpoints, Domains: []string{"example.com"},
			LifetimeDays: 365, SignedWith: "meta", Uploaded: noon},
			Service: &AppService{File: "saml/aws.xml", EntityID: "https://eu.signin.aws", Region: "eu-west-1",
				NameIDFormats: []string{"emailAddress"}, ValidUntil: noon.AddDate(1, 0, 0), Endpoints: endpoints},
			Certificates: []AppCertificate{{Name: "2026", Phase: "active", Algorithm: "RSA 2048", Fingerprint: "ab12",
				NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(0, 0, 20)},
				{Name: "2027", Phase: "next", NotBefore: noon.AddDate(0, 1, 0), NotAfter: noon.AddDate(2, 0, 0)},
				{Name: "CN=AWS", NotBefore: noon, NotAfter: noon.AddDate(0, 0, -1)}}},
		{Key: "broken", Name: "Broken", Problems: []string{"saml/x.xml:1:1: not metadata"}},
		{Key: "none", Name: "None", Provider: &AppProvider{}},
	}, nil
}

func TestThePageOfAnAppSaysUntilWhenUsersCanSignIn(t *testing.T) {
	s := richServer(t)
	state := s.State()
	state.AllDeadlines = []deadline.Deadline{
		{Kind: deadline.Certificate, Owner: "aws", Subject: "certificate 2026", EndsAt: noon.AddDate(0, 0, 20)},
		{Kind: deadline.Token, Owner: "aws", Subject: "a token", EndsAt: noon.AddDate(0, 0, 1)}}
	s.State = func() daemon.State { return state }
	_, text := getPage(t, s, "/apps")
	for _, want := range []string{"3 apps with sign-in settings; the next end is in 20 days", "ends soon",
		"invalid file", "none active", `href="/apps/aws"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the list has no %q", want)
		}
	}
	_, text = getPage(t, s, "/apps/aws")
	for _, want := range []string{"<h1>The active certificate 2026 ends in 20 days", "not valid yet", ">ended</span>",
		"https://idp.example/&lt;post&gt;", "signed with meta", "saml/aws.xml", "apps/aws.cue:3:1",
		"certificate 2026"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(text, "a token") {
		t.Error("the page of the app has a deadline of a provisioner")
	}
	if _, text := getPage(t, s, "/apps/broken"); !strings.Contains(text, "saml/x.xml:1:1: not metadata") {
		t.Error("the page does not say which file is invalid")
	}
	if code, _ := getPage(t, s, "/apps/other"); code != http.StatusNotFound {
		t.Errorf("an app that is not declared has the status %d", code)
	}
	s.Apps = func(context.Context) ([]App, error) { return nil, errors.New("no commit") }
	if code, _ := getPage(t, s, "/apps"); code != http.StatusServiceUnavailable {
		t.Errorf("without a commit the status is %d", code)
	}
}
