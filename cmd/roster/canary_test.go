package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/internal/secret/scrubtest"
)

// secretKind is a kind of secret, and how roster gets it.
type secretKind struct {
	name     string
	variable string // that has it; "" if it is in a file
	flag     string // that names the file
}

// secretKinds are the kinds of secrets that a roster in these tests has.
var secretKinds = []secretKind{
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
	{"OAuth access token", "", ""},                                       // of the provisioner "access"
	{"OAuth refresh token", "", ""},                                      // of the provisioner "refresh"
	{"password of a remote", "", ""},                                     // in the configuration of a working copy
	{"client secret of OpenID Connect", "ROSTER_OIDC_CLIENT_SECRET", ""}, // known to the daemon only
	{"API token", "ROSTER_API_TOKEN", ""},                                // of a caller of the daemon; the last one
}

// shared is the number of the kinds of secrets that every process knows from the start.
const shared = 12

// Each flag that names a variable with a secret has its kind of secret in these tests.
func TestEveryFlagOfASecretHasACanary(t *testing.T) {
	found := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.HasSuffix(f.Name, "-env") || f.Name == "allow-env" { // the latter is a policy for declarations
				return
			}
			for _, variable := range strings.Split(strings.Trim(f.DefValue, "[]"), ",") {
				found++
				known := func(k secretKind) bool { return k.variable == variable }
				if !slices.ContainsFunc(secretKinds, known) {
					t.Errorf("--%s of %s: no test searches for the secret in %s", f.Name, cmd.CommandPath(), variable)
				}
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&cli{env: emptyEnv}).rootCommand())
	if found < 8 {
		t.Errorf("found %d flags", found)
	}
}

// canaries are the secrets of one test, and a hostile peer that knows all of them.
type canaries struct {
	t       *testing.T
	home    string
	secrets map[string]string // by kind
	finder  *scrubtest.Finder
	flags   []string
	sealed  []byte // the SCIM token, encrypted for the age identity
	server  *httptest.Server

	requests     atomic.Int64
	discoverable atomic.Bool                                // the peer describes its OpenID Connect endpoints
	echo         atomic.Pointer[func(request int64) string] // what the peer repeats
}

func newCanaries(t *testing.T) *canaries {
	t.Helper()
	c := &canaries{t: t, home: t.TempDir(), secrets: map[string]string{}}
	for _, kind := range secretKinds {
		sum := sha256.Sum256([]byte(kind.name + t.Name()))
		c.secrets[kind.name] = base64.StdEncoding.EncodeToString(sum[:18]) + `/+\&` // characters that are escaped
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
		if kind.variable != "" {
			t.Setenv(kind.variable, c.secrets[kind.name])
		}
		if kind.flag == "" {
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
	c.finder = scrubtest.NewFinder(c.secrets)
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
	other := secretKinds[turn%shared].name
	w := scrubtest.Ways[way%len(scrubtest.Ways)]
	return strings.ReplaceAll(w.Write(c.secrets[kind])+" and "+w.Write(c.secrets[other]), "\n", "")
}

// ServeHTTP repeats the secrets in each part of a response: in the status line, in headers, in a
// redirect, and in the body as JSON, HTML or text.
func (c *canaries) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") == "authorization_code" && !strings.HasPrefix(r.URL.Path, "/oidc/") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": c.secrets["OAuth access token"],
			"refresh_token": c.secrets["OAuth refresh token"], "token_type": "Bearer",
			"expires_in": map[string]int{"/token/access": 3600, "/token/refresh": 1}[r.URL.Path]})
		return
	}
	if r.URL.Path == "/oidc/.well-known/openid-configuration" && c.discoverable.Load() {
		issuer := c.server.URL + "/oidc"
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer,
			"authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
			"jwks_uri": issuer + "/keys"})
		return
	}
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
	code := `oauth2: {grant: "authorizationCode", authorizeURL: "` + c.server.URL +
		`/authorize", clientID: "roster", clientSecret: {env: "ROSTER_SECRET_CLIENT"}, tokenURL: "`
	for key, auth := range map[string]string{
		"scim":  `token: {env: "ROSTER_SECRET_AWS"}`,
		"names": `token: {env: "ROSTER_SECRET_AWS"}`,
		"age":   `token: {age: "token.age"}`,
		"aws":   `token: {aws: {secretsManager: "roster/aws"}}`,
		"oauth": `oauth2: {tokenURL: "` + c.server.URL +
			`/token", clientID: "roster", clientSecret: {env: "ROSTER_SECRET_CLIENT"}}`,
		"access":  code + c.server.URL + `/token/access"}`,
		"refresh": code + c.server.URL + `/token/refresh"}`,
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

// authorize gets the access token and the refresh token for a provisioner.
func (c *canaries) authorize(dir, provisioner string) {
	c.t.Helper()
	stdin, paste := io.Pipe()
	messages, stderr := io.Pipe()
	done := make(chan exitCode, 1)
	go func() {
		code := execute(c.t.Context(), []string{"authorize", provisioner, "-C", dir, "--listen", "127.0.0.1:0",
			"--state-dir", c.stateDir()}, os.LookupEnv, stdin, io.Discard, stderr)
		_ = stderr.Close()
		done <- exitCode(code)
	}()
	for lines := bufio.NewScanner(messages); lines.Scan(); {
		address, err := url.Parse(lines.Text())
		if err != nil || !strings.HasPrefix(address.Scheme, "http") {
			continue
		}
		q := address.Query()
		redirect := q.Get("redirect_uri") + "?code=a-code-for-roster&state=" + url.QueryEscape(q.Get("state"))
		go func() { _, _ = io.WriteString(paste, redirect+"\n") }()
	}
	if code := <-done; code != exitDone {
		c.t.Fatalf("roster authorize %s ends with %d", provisioner, code)
	}
}

// remote is the URL of a repository of the peer, with a password.
func (c *canaries) remote() string {
	password := url.UserPassword("ann", c.secrets["password of a remote"]).String()
	return strings.Replace(c.server.URL, "://", "://"+password+"@", 1) + "/org/x.git"
}

func (c *canaries) stateDir() string { return filepath.Join(c.home, "state") }

// TestNoCommandPrintsASecretThatAPeerRepeats runs a command for each peer and each way to write a
// secret. The peer repeats its own credential and those of others.
func TestNoCommandPrintsASecretThatAPeerRepeats(t *testing.T) {
	c := newCanaries(t)
	dir := c.organization()
	c.authorize(dir, "access")
	c.authorize(dir, "refresh")
	clone := filepath.Join(c.home, "clone")
	git(t, c.home, "clone", "-q", dir, clone)
	git(t, clone, "remote", "set-url", "origin", c.remote())
	for peer, test := range map[string]struct {
		kind string
		args []string
	}{
		"SCIM":                     {"SCIM token", []string{"test", "scim", "-C", dir, "-v"}},
		"SCIM, as JSON":            {"SCIM token", []string{"test", "scim", "-C", dir, "--format", "json"}},
		"SCIM, with an age file":   {"age identity", []string{"plan", dir, "--provisioner", "age"}},
		"SCIM, names":              {"SCIM token", []string{"show", "names", "-C", dir}},
		"authorization server":     {"OAuth client secret", []string{"test", "oauth", "-C", dir, "-v"}},
		"SCIM, with OAuth":         {"OAuth access token", []string{"test", "access", "-C", dir, "-v"}},
		"server of refresh tokens": {"OAuth refresh token", []string{"test", "refresh", "-C", dir, "-v"}},
		"AWS Secrets Manager":      {"secret key of AWS", []string{"test", "aws", "-C", dir}},
		"Git":                      {"Git token", []string{"plan", "--repo", c.server.URL + "/org/x.git"}},
		"Git of a working copy": {"password of a remote", []string{"plan", clone, "--provisioner", "scim",
			"--allow-host", "loopback"}},
		"Git of the audit branch": {"Git token of the audit branch", []string{"audit", "log", "--repo", c.server.URL +
			"/org/x.git"}},
	} {
		t.Run(peer, func(t *testing.T) {
			replaced := 0
			for i, way := range scrubtest.Ways {
				c.repeat(func(int64) string { return c.pair(test.kind, i, i) })
				before := c.requests.Load()
				out, _ := c.run(&scrub.Scrubber{}, append(append(test.args[:len(test.args):len(test.args)], c.flags...),
					"--attempts", "1", "--state-dir", c.stateDir())...)
				if c.requests.Load() == before {
					t.Fatalf("the command sends no request:\n%s", out)
				}
				if leaks := c.finder.Find(out); len(leaks) > 0 {
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
		if len(c.finder.Find(out)) > 0 {
			found++
		} else {
			t.Logf("%s: no leak in\n%s", way.Name, out)
		}
	}
	if found < len(scrubtest.Ways) {
		t.Errorf("found secrets in %d of %d outputs", found, len(scrubtest.Ways))
	}
}

// simulate prints the token of the simulator, also in a shell where it is set already.
func TestSimulatePrintsItsToken(t *testing.T) {
	const token = "a-token-of-the-simulator-1"
	t.Setenv("ROSTER_SECRET_AWS", token)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &watchedBuffer{text: "export", found: interrupt}
	code := execute(ctx, []string{"simulate", "--listen", "127.0.0.1:0", "--manage", "", "--token", token},
		os.LookupEnv,
		strings.NewReader(""), out, io.Discard)
	if want := "export ROSTER_SECRET_AWS=" + token; code != 0 || !strings.Contains(out.String(), want) {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}

// TestTheDaemonShowsNoSecret runs the daemon with every kind of secret against peers that repeat
// them. No secret may be in its log, pages, metrics, comments, commits, files and arguments.
// Without the Scrubber, the same test finds them.
func TestTheDaemonShowsNoSecret(t *testing.T) {
	for _, test := range []struct {
		name   string
		env    []string
		leaked []string // where secrets are found
	}{
		{"as it is", nil, nil},
		{"without the Scrubber", []string{noScrubber + "=1"}, []string{"audit branch", "log", "page /",
			"page /api/v1/status"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCanaries(t)
			dir := c.organization()
			c.authorize(dir, "access")
			c.authorize(dir, "refresh")
			key := filepath.Join(c.home, "store", "sign")
			if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-f", key, "-N",
				c.secrets["passphrase of the audit branch's signing key"]).CombinedOutput(); err != nil {
				t.Fatalf("ssh-keygen: %v\n%s", err, out)
			}
			c.repeat(func(n int64) string { // without the last three, which the daemon does not have yet
				return c.pair(secretKinds[int(n)%(len(secretKinds)-3)].name, int(n/2), int(n/3))
			})
			d := &daemonProcess{t: t, home: c.home, work: dir, bare: filepath.Join(c.home, "bare.git"),
				env: append(test.env, "ROSTER_SECRET_AWS="+c.secrets["SCIM token"])}
			git(t, c.home, "clone", "-q", "--bare", dir, d.bare)
			tokens := filepath.Join(c.home, "tokens")
			c.write(tokens, fmt.Sprintf("caller read sha256:%x\n", sha256.Sum256([]byte(c.secrets["API token"]))))
			var log strings.Builder
			d.raw = &log
			address := freeAddress(t)
			d.start(append([]string{"--attempts", "1", "--audit-sign-key", key, "--forge", "gitea", "--forge-url",
				c.server.URL + "/acme/people", "--api-tokens", tokens, "--listen", address, "--public-url",
				"http://" + address, "--oidc-issuer", c.server.URL + "/oidc", "--oidc-client-id", "roster"},
				c.flags...)...)
			arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			c.browse(http.DefaultClient, d.address+"login") // the provider cannot be discovered
			c.discoverable.Store(true)
			c.page(d.address, "/") // from now on, the daemon knows the API token
			c.repeat(func(n int64) string {
				return c.pair(secretKinds[int(n)%shared].name, int(n/2), int(n/3)) + " " + c.secrets["API token"]
			})
			for range 4 { // provisioners; the others need an authorization, or wait
				d.waitForLog("run failed")
			}
			outputs := map[string]string{"arguments": string(arguments), "page /login": c.signIn(d.address)}
			for _, page := range []string{"/", "/metrics", "/readyz", "/api/v1/status", "/api/v1/explain/user/u-1",
				"/x"} {
				outputs["page "+page] = c.page(d.address, page)
			}
			d.stop()
			outputs["log"] = log.String()
			for name, content := range c.files() {
				outputs[name] = content
			}
			var leaked []string
			for name, text := range outputs {
				if found := c.finder.Find(text); len(found) > 0 {
					leaked = append(leaked, name)
					if test.leaked == nil {
						t.Errorf("%s has %q", name, found)
					}
				}
			}
			for _, name := range test.leaked {
				if !slices.Contains(leaked, name) {
					t.Errorf("no secret is in %s, only in %q", name, leaked)
				}
			}
		})
	}
}

// signIn signs in at the peer, which repeats the client secret in each way instead of an answer. It
// returns the pages that the browser gets from the daemon.
func (c *canaries) signIn(address string) string {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	var pages strings.Builder
	for i := range scrubtest.Ways {
		c.repeat(func(int64) string { return c.pair("client secret of OpenID Connect", i, i) })
		var to *url.URL
		for to == nil { // a failed discovery is remembered for some seconds
			res, page := c.browse(browser, address+"login")
			pages.WriteString(page)
			if res.StatusCode == http.StatusFound {
				to, err = res.Location()
				if err != nil {
					c.t.Fatal(err)
				}
				continue
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-c.t.Context().Done():
				c.t.Fatal("nobody can sign in")
			}
		}
		before := c.requests.Load()
		state := url.QueryEscape(to.Query().Get("state"))
		_, page := c.browse(browser, address+"login/callback?code=a-code&state="+state)
		pages.WriteString(page)
		if c.requests.Load() == before {
			c.t.Fatalf("the daemon did not send the client secret: %s", page)
		}
	}
	return pages.String()
}

// browse gets a page, without a token of the API, and returns the response and all of its text.
func (c *canaries) browse(browser *http.Client, address string) (*http.Response, string) {
	c.t.Helper()
	res, err := browser.Get(address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, fmt.Sprint(res.Status, res.Header, string(body))
}

// page returns the header and the body of a page.
func (c *canaries) page(address, path string) string {
	c.t.Helper()
	req, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(address, "/")+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.secrets["API token"])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		c.t.Errorf("%s: the daemon rejects the API token", path)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprint(res.Status, res.Header, string(body))
}

// files returns the contents of all files that are not the store of a secret, and of the audit
// branch.
func (c *canaries) files() map[string]string {
	c.t.Helper()
	all, err := allContents(c.t.Context(), c.home)
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[string]string{}
	for name, content := range all {
		rel, err := filepath.Rel(c.home, name)
		if err != nil {
			c.t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(rel, "store/"), strings.HasPrefix(rel, "state/oauth/"):
		case rel == "bare.git":
			out["audit branch"] = content
		default:
			out[rel] = content
		}
	}
	return out
}
