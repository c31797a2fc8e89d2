package hostile

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/oauth"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/scim"
)

func TestHostileMetadataGetsTheirAnswer(t *testing.T) {
	run(t, corpus(t).Metadata, func(t *testing.T, c *Case) string {
		data, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		switch c.Call {
		case "sp":
			_, err = samlmeta.ParseServiceProvider("hostile.xml", data)
		case "idp":
			_, err = samlmeta.ParseIdentityProvider("hostile.xml", data, nil)
		case "certificate":
			_, err = samlmeta.ParseCertificate("hostile.crt", data)
		default:
			t.Fatalf("unknown call %q", c.Call)
		}
		return answerOf(err)
	})
}

func TestHostileSCIMResponsesGetTheirAnswer(t *testing.T) {
	run(t, corpus(t).SCIM, func(t *testing.T, c *Case) string {
		s := serve(t, c, nil)
		client := &scim.Client{Endpoint: s.URL, Token: scim.StaticToken("hostile-scim-token"), MaxObjects: 1000,
			Retry: scim.Retry{Attempts: 2},
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
		var err error
		switch c.Call {
		case "list users by index":
			client.Profile = scim.RFC
			fallthrough
		case "list users":
			for _, failed := range client.Users(t.Context(), scim.Filter{}) {
				err = failed
			}
		case "get user":
			_, err = client.GetUser(t.Context(), "1")
		case "create user":
			_, err = client.CreateUser(t.Context(), &scim.User{UserName: "u", ExternalID: "x", DisplayName: "U",
				Name: scim.Name{GivenName: "U", FamilyName: "V"}})
		case "config":
			_, err = client.ServiceProviderConfig(t.Context())
		default:
			t.Fatalf("unknown call %q", c.Call)
		}
		have := answerOf(err)
		if strings.Contains(have, "hostile-scim-token") {
			t.Errorf("the answer has the token: %s", have)
		}
		return have
	})
}

func TestHostileTokenEndpointsGetTheirAnswer(t *testing.T) {
	run(t, corpus(t).OAuth, func(t *testing.T, c *Case) string {
		s := serve(t, c, nil)
		client := &oauth.Client{Grant: oauth.ClientCredentials, TokenURL: s.URL, ClientID: "roster",
			Secret: func(context.Context) (string, error) { return "hostile-client-secret", nil }}
		_, err := client.Token(t.Context())
		have := answerOf(err)
		if strings.Contains(have, "hostile-client-secret") {
			t.Errorf("the answer has the secret: %s", have)
		}
		return have
	})
}

func TestHostileForgesGetTheirAnswer(t *testing.T) {
	run(t, corpus(t).Forges, func(t *testing.T, c *Case) string {
		s := serve(t, c, func(w http.ResponseWriter, r *http.Request) bool {
			isUser := strings.HasSuffix(r.URL.Path, "/user")
			if isUser {
				_, _ = w.Write([]byte(`{"id":1,"login":"roster","username":"roster"}`))
			}
			return isUser
		})
		kind, call, _ := strings.Cut(c.Call, " ")
		f, err := forge.Open(forge.Config{Kind: forge.Kind(kind), Repository: s.URL + "/owner/name", API: s.URL,
			Token: "hostile-forge-token"})
		if err != nil {
			t.Fatal(err)
		}
		switch call {
		case "pulls":
			_, err = f.PullRequests(t.Context(), "main")
		case "comment":
			err = f.Comment(t.Context(), 1, "text")
		default:
			t.Fatalf("unknown call %q", c.Call)
		}
		have := answerOf(err)
		if strings.Contains(have, "hostile-forge-token") {
			t.Errorf("the answer has the token: %s", have)
		}
		return have
	})
}
