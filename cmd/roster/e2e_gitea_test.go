//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// gitea is a Gitea server on loopback, with its repositories in a folder of the test.
type gitea struct {
	t      *testing.T
	url    string
	binary string
	config string
	tokens map[string]string
}

const giteaConfig = `
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = @dir@
[server]
STATIC_ROOT_PATH = @static@
HTTP_ADDR = 127.0.0.1
HTTP_PORT = @port@
ROOT_URL = http://127.0.0.1:@port@/
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = @dir@/gitea.db
SQLITE_TIMEOUT = 30000
SQLITE_JOURNAL_MODE = WAL
[repository]
ROOT = @dir@/repositories
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2_v1
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
LEVEL = Warn
[service]
DISABLE_REGISTRATION = true
[mailer]
ENABLED = false
`

// startGitea starts Gitea. ROSTER_GITEA is the program and ROSTER_GITEA_STATIC the folder of its
// module; make e2e-forge sets both.
func startGitea(t *testing.T, users ...string) *gitea {
	binary, static := os.Getenv("ROSTER_GITEA"), os.Getenv("ROSTER_GITEA_STATIC")
	if binary == "" || static == "" {
		t.Fatal("ROSTER_GITEA is not set: run this test with make e2e-forge, which builds Gitea")
	}
	dir, port := t.TempDir(), freePort(t)
	g := &gitea{t: t, url: "http://127.0.0.1:" + port, binary: binary, config: filepath.Join(dir, "app.ini"),
		tokens: map[string]string{}}
	text := strings.NewReplacer("@dir@", dir, "@static@", static, "@port@", port).Replace(giteaConfig)
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.admin("migrate")
	for i, name := range users {
		args := []string{"admin", "user", "create", "--username", name, "--password", canary + "password", "--email",
			name + "@example.com", "--must-change-password=false"}
		if i == 0 {
			args = append(args, "--admin")
		}
		g.admin(args...)
		lines := strings.Fields(g.admin("admin", "user", "generate-access-token", "--username", name, "--token-name",
			"test", "--scopes", "all", "--raw"))
		g.tokens[name] = lines[len(lines)-1]
	}
	var log bytes.Buffer
	server := exec.Command(binary, "web", "--config", g.config)
	server.Env = g.serverEnv()
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the log of Gitea:\n%s", log.String())
		}
	})
	eventually(t, "Gitea responds", func() bool {
		res, err := http.Get(g.url + "/api/v1/version")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode == 200 {
			t.Logf("Gitea %s", strings.TrimSpace(string(body)))
		}
		return res.StatusCode == 200
	})
	return g
}

// serverEnv is the environment of Gitea, with a home of its own and without the configuration of
// git of the tests: Gitea writes the global configuration. TestMain makes that /dev/null, and git
// would replace the device by a file if root runs the tests.
func (g *gitea) serverEnv() []string {
	out := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_CONFIG") })
	return append(out, "HOME="+filepath.Dir(g.config))
}

func (g *gitea) admin(args ...string) string {
	g.t.Helper()
	cmd := exec.Command(g.binary, append(args, "--config", g.config)...)
	cmd.Env = g.serverEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("gitea %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// call sends a request to the API as a user and requires success. It retries while the status is
// one of retryable.
func (g *gitea) call(as, method, path string, body, result any, retryable ...int) {
	g.t.Helper()
	eventually(g.t, method+" "+path, func() bool {
		var sent bytes.Buffer
		if body != nil {
			if err := json.NewEncoder(&sent).Encode(body); err != nil {
				g.t.Fatal(err)
			}
		}
		req, err := http.NewRequest(method, g.url+"/api/v1"+path, &sent)
		if err != nil {
			g.t.Fatal(err)
		}
		req.Header.Set("Authorization", "token "+g.tokens[as])
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			g.t.Fatal(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			g.t.Fatal(err)
		}
		for _, status := range retryable {
			if res.StatusCode == status {
				return false
			}
		}
		if res.StatusCode/100 != 2 {
			g.t.Fatalf("%s %s as %s: %s\n%s", method, path, as, res.Status, data)
		}
		if result != nil {
			if err := json.Unmarshal(data, result); err != nil {
				g.t.Fatalf("%s %s: %v\n%s", method, path, err, data)
			}
		}
		return true
	})
}

// eventually waits for a condition that another process causes.
func eventually(t *testing.T, description string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", description)
		}
		<-time.After(200 * time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	_, port, _ := net.SplitHostPort(freeAddress(t))
	return port
}
