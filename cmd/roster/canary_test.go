package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/internal/secret/scrubtest"
)

// secretKinds are the kinds of secrets that a roster in these tests has, and how it gets each.
var secretKinds = []struct {
	name     string
	variable string // that has it; "" if it is in a file
	flag     string // that names the file
}{
	{"SCIM token", "ROSTER_SECRET_AWS", ""},
	{"OAuth client secret", "ROSTER_SECRET_CLIENT", ""},
	{"Git token", "ROSTER_GIT_TOKEN", ""},
	{"Git token of the audit branch", "ROSTER_AUDIT_GIT_TOKEN", ""},
	{"passphrase of the SSH key", "ROSTER_SSH_PASSPHRASE", ""},
	{"passphrase of the audit branch's SSH key", "ROSTER_AUDIT_SSH_PASSPHRASE", ""},
	{"passphrase of the audit branch's signing key", "ROSTER_AUDIT_SIGN_PASSPHRASE", ""},
	{"forge token", "ROSTER_FORGE_TOKEN", ""},
	{"webhook secret", "ROSTER_WEBHOOK_SECRET", ""},
	{"secret key of AWS", "AWS_SECRET_ACCESS_KEY", ""},
	{"age identity", "", "--age-identity"},
	{"key of the GitHub App", "", "--github-app-key"},
}

// canaries are the secrets of one test, and a hostile peer that knows all of them.
type canaries struct {
	t       *testing.T
	home    string
	secrets map[string]string // by kind
	flags   []string
	sealed  []byte // the SCIM token, encrypted for the age identity
	server  *httptest.Server

	requests atomic.Int64
	echo     atomic.Pointer[func(request int64) string] // what the peer repeats
}

func newCanaries(t *testing.T) *canaries {
	t.Helper()
	c := &canaries{t: t, home: t.TempDir(), secrets: map[string]string{}}
	for _, kind := range secretKinds {
		sum := sha256.Sum256([]byte(kind.name + t.Name()))
		c.secrets[kind.name] = base64.StdEncoding.EncodeToString(sum[:18]) + `/+"&` // characters that are escaped
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	c.secrets["age identity"] = identity.String()
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte(strings.Repeat(t.Name()+"key", 20))})
	c.secrets["key of the GitHub App"] = strings.Split(string(block), "\n")[1]
	c.secrets["secret key of AWS"] = strings.Repeat("wJalrXUt/", 4) // its characters are those of AWS
	for _, kind := range secretKinds {
		if kind.flag == "" {
			t.Setenv(kind.variable, c.secrets[kind.name])
			continue
		}
		content := c.secrets[kind.name] + "\n"
		if kind.flag == "--github-app-key" {
			content = string(block)
		}
		file := filepath.Join(c.home, "store", strings.Trim(kind.flag, "-"))
		c.write(file, content)
		c.flags = append(c.flags, kind.flag, file)
	}
	c.sealed = c.seal(identity.Recipient(), c.secrets["SCIM token"])
	c.repeat(func(int64) string { return "" })
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	t.Setenv("AWS_ENDPOINT_URL", c.server.URL+"/aws")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	return c
}

func (c *canaries) write(file, content string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *canaries) seal(to age.Recipient, text string) []byte {
	c.t.Helper()
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, to)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	for _, close := range []func() error{w.Close, armored.Close} {
		if err := close(); err != nil {
			c.t.Fatal(err)
		}
	}
	return out.Bytes()
}

// repeat sets what the peer repeats in each response.
func (c *canaries) repeat(echo func(request int64) string) { c.echo.Store(&echo) }

// pair returns two secrets in one way: that of one kind, and another that rotates.
func (c *canaries) pair(kind string, way, turn int) string {
	other := secretKinds[turn%len(secretKinds)].name
	w := scrubtest.Ways[way%len(scrubtest.Ways)]
	return strings.ReplaceAll(w.Write(c.secrets[kind])+" and "+w.Write(c.secrets[other]), "\n", "")
}

// ServeHTTP repeats the secrets in each part of a response: in the status line, in headers, in a
// redirect, and in the body as JSON, HTML or text.
func (c *canaries) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := c.requests.Add(1)
	echo := (*c.echo.Load())(n)
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		c.t.Error(err)
		return
	}
	defer conn.Close()
	quoted, _ := json.Marshal(echo)
	status, kind := []int{400, 401, 403, 302, 409}[n%5], "application/json"
	body := fmt.Sprintf(`{"detail": %[1]s, "message": %[1]s, "Message": %[1]s, "error": %[1]s,
"error_description": %[1]s}`, quoted)
	switch n % 3 {
	case 1:
		kind, body = "text/html", "<html><title>Error</title><body><p>"+echo+"</p></body></html>"
	case 2:
		kind, body = "text/plain", echo
	}
	if strings.HasPrefix(r.URL.Path, "/names/") { // a directory whose names are secrets
		status, kind = 200, "application/scim+json"
		body = `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "Resources": []}`
		if strings.HasSuffix(r.URL.Path, "/Users") {
			body = fmt.Sprintf(`{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 1,
"itemsPerPage": 1, "startIndex": 1, "Resources": [{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
	"id": "u-1",
"userName": %[1]s, "displayName": %[1]s, "active": true, "meta": {"resourceType": "User"}}]}`, quoted)
		}
	}
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n", status, echo,
		kind,
		len(body))
	for _, name := range []string{"X-Amzn-Requestid", "X-Amzn-Errortype", "Retry-After", "X-Detail"} {
		fmt.Fprintf(out, "%s: %s\r\n", name, echo)
	}
	fmt.Fprintf(out, "Www-Authenticate: Bearer error=\"%s\"\r\nLocation: http://elsewhere.example/?t=%s\r\n\r\n%s",
		echo, echo,
		body)
	_ = out.Flush()
}

// organization creates a repository with a provisioner for each kind of credential.
func (c *canaries) organization() (dir string) {
	c.t.Helper()
	dir = filepath.Join(c.home, "d")
	if out, code := c.run(&scrub.Scrubber{}, "init", dir); code != exitDone {
		c.t.Fatal(out)
	}
	for _, folder := range []string{"users", "groups", "apps", "saml", "organisation.cue", "mappings"} {
		if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
			c.t.Fatal(err)
		}
	}
	c.write(filepath.Join(dir, "token.age"), string(c.sealed))
	var cue strings.Builder
	cue.WriteString("package roster\n\napps: \"aws\": displayName: \"AWS\"\n" +
		"groups: \"staff\": {displayName: \"Staff\", where: state: [\"ACTIVE\"]}\n" +
		"users: \"u-1\": {userId: \"ann\", firstName: \"Ann\", lastName: \"Lee\", email: \"ann@example.com\"}\n" +
		"mappings: \"aws\": {user: _, scim: {userName: user.email, displayName: user.userId, active: true, " +
		"name: {givenName: user.firstName, familyName: user.lastName}, " +
		"emails: [{value: user.email, type: \"work\", primary: true}]}}\n")
	for key, auth := range map[string]string{
		"scim":  `token: {env: "ROSTER_SECRET_AWS"}`,
		"names": `token: {env: "ROSTER_SECRET_AWS"}`,
		"age":   `token: {age: "token.age"}`,
		"aws":   `token: {aws: {secretsManager: "roster/aws"}}`,
		"oauth": `oauth2: {tokenURL: "` + c.server.URL +
			`/token", clientID: "roster", clientSecret: {env: "ROSTER_SECRET_CLIENT"}}`,
	} {
		fmt.Fprintf(&cue, "provisioners: %q: {enabled: true, app: \"aws\", mapping: \"aws\", groups: [\"staff\"], "+
			"endpoint: \"%s/%s/scim/v2\", schedule: \"* * * * *\", auth: %s}\n", key, c.server.URL, key, auth)
	}
	c.write(filepath.Join(dir, "provisioners", "aws.cue"), cue.String())
	git(c.t, dir, "add", "-A")
	git(c.t, dir, "commit", "-q", "-m", "Connect to the peer")
	return dir
}

// run runs a command in this process and returns all of its output.
func (c *canaries) run(secrets *scrub.Scrubber, args ...string) (string, exitCode) {
	c.t.Helper()
	var out bytes.Buffer
	code := executeWith(c.t.Context(), secrets, args, os.LookupEnv, strings.NewReader(""), &out, &out)
	return out.String(), exitCode(code)
}

// leaks describes the secrets that are in a text.
func (c *canaries) leaks(text string) []string {
	var out []string
	for kind, secret := range c.secrets {
		if leak := scrubtest.Leak(text, secret); leak != "" {
			out = append(out, kind+" as "+leak)
		}
	}
	return out
}

// TestNoCommandPrintsASecretThatAPeerRepeats runs a command for each peer and each way to write a
// secret. The peer repeats its own credential and those of others.
func TestNoCommandPrintsASecretThatAPeerRepeats(t *testing.T) {
	c := newCanaries(t)
	dir := c.organization()
	for peer, test := range map[string]struct {
		kind string
		args []string
	}{
		"SCIM":                   {"SCIM token", []string{"test", "scim", "-C", dir, "-v"}},
		"SCIM, as JSON":          {"SCIM token", []string{"test", "scim", "-C", dir, "--format", "json"}},
		"SCIM, with an age file": {"age identity", []string{"plan", dir, "--provisioner", "age"}},
		"SCIM, names":            {"SCIM token", []string{"show", "names", "-C", dir}},
		"authorization server":   {"OAuth client secret", []string{"test", "oauth", "-C", dir, "-v"}},
		"AWS Secrets Manager":    {"secret key of AWS", []string{"test", "aws", "-C", dir}},
		"Git":                    {"Git token", []string{"plan", "--repo", c.server.URL + "/org/x.git"}},
		"Git of the audit branch": {"Git token of the audit branch", []string{"audit", "log", "--repo", c.server.URL +
			"/org/x.git"}},
	} {
		t.Run(peer, func(t *testing.T) {
			replaced := 0
			for i, way := range scrubtest.Ways {
				c.repeat(func(int64) string { return c.pair(test.kind, i, i) })
				before := c.requests.Load()
				out, _ := c.run(&scrub.Scrubber{}, append(append(test.args[:len(test.args):len(test.args)], c.flags...),
					"--attempts", "1", "--state-dir", filepath.Join(c.home, "state"))...)
				if c.requests.Load() == before {
					t.Fatalf("the command sends no request:\n%s", out)
				}
				if leaks := c.leaks(out); len(leaks) > 0 {
					t.Errorf("%s: the output has %q:\n%s", way.Name, leaks, out)
				}
				if strings.Contains(out, scrub.Placeholder) {
					replaced++
				}
			}
			t.Logf("the peer reached the output %d times of %d", replaced, len(scrubtest.Ways))
		})
	}
}

// Without the Scrubber, the same responses show the secrets: the test above would find them.
func TestWithoutTheScrubberCommandsPrintSecrets(t *testing.T) {
	c := newCanaries(t)
	dir := c.organization()
	found := 0
	for i, way := range scrubtest.Ways {
		c.repeat(func(int64) string { return c.pair("forge token", i, 0) })
		out, _ := c.run(nil, append([]string{"show", "names", "-C", dir, "--attempts", "1"}, c.flags...)...)
		if len(c.leaks(out)) > 0 {
			found++
		} else {
			t.Logf("%s: no leak in\n%s", way.Name, out)
		}
	}
	if found < len(scrubtest.Ways) {
		t.Errorf("found secrets in %d of %d outputs", found, len(scrubtest.Ways))
	}
}
