package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestIdentity(t *testing.T) {
	const tenant = "F6a1c2d0fff-7b3e-4c55-9a81-2d0e5b6f7c18"
	for endpoint, want := range map[string]string{
		"https://scim.us-east-1.amazonaws.com/" + tenant + "/scim/v2":             "us-east-1/" + strings.ToLower(tenant),
		"https://scim.us-east-1.amazonaws.com/" + tenant + "/scim/v2/":            "us-east-1/" + strings.ToLower(tenant),
		"https://scim.us-east-1.api.aws/" + tenant + "/scim/v2":                   "us-east-1/" + strings.ToLower(tenant),
		"https://SCIM.us-gov-west-1.amazonaws.com/" + tenant + "/scim/v2":         "us-gov-west-1/" + strings.ToLower(tenant),
		"https://scim.cn-northwest-1.amazonaws.com.cn/" + tenant + "/scim/v2":     "cn-northwest-1/" + strings.ToLower(tenant),
		"http://127.0.0.1:8740/tenant/scim/v2":                                    "127.0.0.1:8740/tenant",
		"http://[::1]:8740/tenant/scim/v2":                                        "[::1]:8740/tenant",
		"http://localhost/Tenant/scim/v2":                                         "localhost:80/Tenant",
		"https://scim.example.com/tenant/scim/v2":                                 "scim.example.com:443/tenant",
		"https://scim.us-east-1.amazonaws.com.example.com/" + tenant + "/scim/v2": "",
	} {
		d, err := Load(withProvisioner(t, fmt.Sprintf(`endpoint: %q, auth: token: {env: "T"}`, endpoint)))
		switch {
		case want == "" && err == nil:
			t.Errorf("%s was taken", endpoint)
		case want != "" && err != nil:
			t.Errorf("%s: %v", endpoint, err)
		case want != "" && d.Provisioners["p"].Identity() != want:
			t.Errorf("%s: got %s, want %s", endpoint, d.Provisioners["p"].Identity(), want)
		}
	}
}

func withProvisioner(t testing.TB, fields string) fstest.MapFS {
	files := base(t)
	files["case.cue"] = &fstest.MapFile{Data: []byte("package roster\n\nprovisioners: p: {app: \"aws\", mapping: \"aws\", groups: [\"all\"], " + fields + "}\n")}
	return files
}

// TestSecretsAreNeverShown writes a secret wherever somebody might, and looks for it in what Load says.
func TestSecretsAreNeverShown(t *testing.T) {
	const canary = "hunter2canary"
	endpoint := `endpoint: "http://127.0.0.1:9000/t/scim/v2", `
	for name, fields := range map[string]string{
		"in place of the reference":          endpoint + `auth: token: "hunter2canary"`,
		"in place of auth":                   endpoint + `auth: "hunter2canary"`,
		"as the name of a variable":          endpoint + `auth: token: env: "hunter2canary !"`,
		"as a list":                          endpoint + `auth: token: ["hunter2canary"]`,
		"under another name":                 endpoint + `auth: token: value: "hunter2canary"`,
		"under a misspelt name":              endpoint + `auth: tokn: "hunter2canary"`,
		"beside auth":                        endpoint + `token: "hunter2canary", auth: token: env: "T"`,
		"computed":                           endpoint + `auth: token: "hunter2" + "canary"`,
		"interpolated":                       endpoint + `auth: token: "\(_a)canary"`,
		"as one of two":                      endpoint + `auth: token: "hunter2canary", auth: token: env: "T"`,
		"twice":                              endpoint + `auth: token: "hunter2canary"}, provisioners: p: {auth: token: "hunter2canary2"`,
		"as a default":                       endpoint + `auth: token: *"hunter2canary" | "hunter2canary2"`,
		"as a reference to a hidden field":   endpoint + `auth: token: _b`,
		"as the secret of a client":          endpoint + `auth: oauth2: {tokenURL: "https://x", clientID: "x", clientSecret: "hunter2canary"}`,
		"in the token endpoint's user":       endpoint + `auth: oauth2: {tokenURL: "https://u:hunter2canary@x/t", clientID: "x", clientSecret: env: "T"}`,
		"in a plain token endpoint's user":   endpoint + `auth: oauth2: {tokenURL: "http://u:hunter2canary@x/t", clientID: "x", clientSecret: env: "T"}`,
		"in the token endpoint's query":      endpoint + `auth: oauth2: {tokenURL: "https://x/t?client_secret=hunter2canary", clientID: "x", clientSecret: env: "T"}`,
		"in the authorization endpoint":      endpoint + `auth: oauth2: {grant: "authorizationCode", tokenURL: "https://x/t", authorizeURL: "https://u:hunter2canary@x", clientID: "x"}`,
		"as an argument of too many":         endpoint + `auth: token: {env: "T", exec: ["hunter2canary"]}`,
		"as an argument in the wrong form":   endpoint + `auth: token: exec: "hunter2canary"`,
		"in the endpoint's user":             `endpoint: "https://u:hunter2canary@scim.us-east-1.amazonaws.com/t/scim/v2", auth: token: env: "T"`,
		"in the endpoint's query":            `endpoint: "https://scim.us-east-1.amazonaws.com/t/scim/v2?token=hunter2canary", auth: token: env: "T"`,
		"in an endpoint that cannot be read": `endpoint: "https://u:hunter2canary%zz@x/t/scim/v2", auth: token: env: "T"`,
		"as a number":                        endpoint + `auth: token: 5, auth: token: env: "hunter2canary"`,
	} {
		t.Run(name, func(t *testing.T) {
			files := withProvisioner(t, fields)
			files["hidden.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n_a: \"hunter2\"\n_b: \"hunter2canary\"\n")}
			_, err := Load(files)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want problems", err)
			}
			for _, p := range problems {
				if strings.Contains(fmt.Sprintf("%+v %s", p, p), canary) {
					t.Errorf("the secret is in %+v", p)
				}
			}
		})
	}
}

func TestSchedules(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSchedule("30 6 * * 1-5", amsterdam)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Next(time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)) // Friday, half past six is over in Amsterdam
	if want := time.Date(2026, 11, 30, 5, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, spec := range []string{"TZ=0", "TZ=", "CRON_TZ=UTC * * * * *", "0 0 31 2 *", "* * * * * *", "@every 1s", "@reboot", "", "*/0 * * * *", "0 */24 * * *", "60 * * * *"} {
		if err := CheckSchedule(spec); err == nil {
			t.Errorf("%q was taken", spec)
		}
	}
}

// FuzzSchedule looks for schedules that break the parser or never come.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"* * * * *", "TZ=0", "*/70 * * * *", "@daily", "0 0 29 2 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if s, err := ParseSchedule(spec, time.UTC); err == nil && s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
			t.Errorf("%q never comes", spec)
		}
	})
}
