package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/schema"
)

func TestLimiterIsSharedUntilTheRateChanges(t *testing.T) {
	var d Directories
	first := d.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 15, Concurrency: 5}})
	second := d.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 15, Concurrency: 5}})
	if second != first {
		t.Error("two runs at one endpoint do not share a limiter: together they would exceed the rate")
	}
	slower := d.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 4, Concurrency: 2}})
	if slower.PerSecond != 4 || slower.Concurrency != 2 {
		t.Errorf("after a commit changed the rate to 4 per second and 2 at once, the limiter has %v and %d",
			slower.PerSecond, slower.Concurrency)
	}
}

func TestRunsShareConnections(t *testing.T) {
	var c connections
	if c.client(false, nil).Transport != c.client(false, nil).Transport {
		t.Error("each run opens its own connections")
	}
}

// A token from an authorization server is checked like every other token.
func TestTheTokenOfAnAuthorizationServerIsChecked(t *testing.T) {
	var token string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	}))
	defer server.Close()
	for text, want := range map[string]string{
		`"acc-ess"`: "in quotes", "Bearer acc-ess": "begins with", "acc-\ness": "that no token may have",
		"\ufeffacc-ess": "that no token may have", "acc-ess": "",
	} {
		token = text
		settings := Settings{Policy: secret.Policy{Loopback: true}}
		d := &Directories{settings: settings, stateDir: t.TempDir()}
		auth := schema.OAuth2{Grant: "clientCredentials", TokenURL: server.URL + "/token", ClientID: "roster"}
		p := &schema.Provisioner{Key: "aws", Endpoint: server.URL + "/t/scim/v2", Auth: schema.Auth{OAuth2: &auth}}
		_, err := d.client(t.Context(), p, true)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "acc-") {
			t.Errorf("%q: the error is %v, want %q without the token", text, err, want)
		}
	}
}
