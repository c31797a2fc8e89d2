//go:build e2e

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cluster is a real etcd and kube-apiserver on loopback.
type cluster struct {
	*testing.T
	dir, etcdURL, port string
	server             *exec.Cmd
	client             *http.Client

	mu     sync.Mutex
	events []leaseEvent
	notify func() // called at each event
}

// leaseEvent is a version of a Lease.
type leaseEvent struct {
	name, holder string
	acquired     time.Time
	seen         time.Time
}

const clusterAdmin = canary + "admin"

// startCluster starts a cluster with the namespace and the service account of roster, which has no
// permissions yet. ROSTER_KUBERNETES is the folder of the programs; make e2e-kubernetes sets it.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	programs := os.Getenv("ROSTER_KUBERNETES")
	if programs == "" {
		t.Fatal("ROSTER_KUBERNETES is not set: run this test with make e2e-kubernetes, which builds Kubernetes")
	}
	c := &cluster{T: t, dir: t.TempDir(), port: freePort(t), notify: func() {},
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	etcd, peer := freePort(t), "http://127.0.0.1:"+freePort(t)
	c.etcdURL = "http://127.0.0.1:" + etcd
	c.run(filepath.Join(programs, "server"), "--data-dir", filepath.Join(c.dir, "etcd"), "--listen-client-urls",
		c.etcdURL, "--advertise-client-urls", c.etcdURL, "--listen-peer-urls", peer, "--initial-advertise-peer-urls",
		peer, "--initial-cluster", "default="+peer)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.file("accounts.pem", string(pem.EncodeToMemory(
		&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	c.file("tokens.csv", clusterAdmin+",admin,admin,system:masters\n")
	c.startServer()
	c.create("/api/v1/namespaces", "{apiVersion: v1, kind: Namespace, metadata: {name: ops}}")
	c.create("/api/v1/namespaces/ops/serviceaccounts",
		"{apiVersion: v1, kind: ServiceAccount, metadata: {name: roster}}")
	return c
}

// run starts a program, which is killed at the end of the test.
func (c *cluster) run(program string, args ...string) *exec.Cmd {
	c.Helper()
	name := filepath.Join(c.dir, filepath.Base(program)+".log")
	log, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		c.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(name); c.Failed() && err == nil {
			c.Logf("the end of the log of %s:\n%s", program, text[max(0, len(text)-5000):])
		}
	})
	return cmd
}

// startServer starts the API server, and waits until it is ready.
func (c *cluster) startServer() {
	c.Helper()
	keys := filepath.Join(c.dir, "accounts.pem")
	c.server = c.run(filepath.Join(os.Getenv("ROSTER_KUBERNETES"), "kube-apiserver"), "--etcd-servers", c.etcdURL,
		"--bind-address", "127.0.0.1", "--secure-port", c.port, "--cert-dir", filepath.Join(c.dir, "certs"),
		"--token-auth-file", filepath.Join(c.dir, "tokens.csv"), "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", keys,
		"--service-account-signing-key-file", keys, "--service-cluster-ip-range", "10.0.0.0/24",
		"--endpoint-reconciler-type", "none")
	eventually(c.T, "kube-apiserver is ready", func() bool {
		status, _ := c.call(http.MethodGet, "/readyz", "")
		return status == http.StatusOK
	})
}

// killServer kills the API server.
func (c *cluster) killServer() {
	c.Helper()
	if err := c.server.Process.Kill(); err != nil {
		c.Fatal(err)
	}
	_ = c.server.Wait()
}

func (c *cluster) file(name, content string) string {
	c.Helper()
	name = filepath.Join(c.dir, name)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		c.Fatal(err)
	}
	return name
}

// call sends a request of the administrator. It returns status 0 if there is no answer.
func (c *cluster) call(method, path, yaml string) (int, []byte) {
	c.Helper()
	req, err := http.NewRequest(method, "https://127.0.0.1:"+c.port+path, strings.NewReader(yaml))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+clusterAdmin)
	req.Header.Set("Content-Type", "application/yaml")
	req.Header.Set("Accept", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, body
}

func (c *cluster) create(path, yaml string) []byte {
	c.Helper()
	status, body := c.call(http.MethodPost, path, yaml)
	if status != http.StatusCreated {
		c.Fatalf("create %s: status %d: %s", path, status, body)
	}
	return body
}

// grant gives the service account the Role of docs/standby.md.
func (c *cluster) grant() {
	c.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "standby.md"))
	if err != nil {
		c.Fatal(err)
	}
	_, role, _ := strings.Cut(string(page), "```yaml\n")
	role, _, _ = strings.Cut(role, "```")
	if !strings.Contains(role, "kind: Role\n") {
		c.Fatalf("the first YAML of docs/standby.md is not the Role:\n%s", role)
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/ops"
	c.create(rbac+"/roles", role)
	c.create(rbac+"/rolebindings", `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding,
metadata: {name: roster}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: roster},
subjects: [{kind: ServiceAccount, name: roster, namespace: ops}]}`)
}

// kubeconfig writes a file for the service account, with the API server at a port.
func (c *cluster) kubeconfig(replica, port string) string {
	c.Helper()
	var answer struct{ Status struct{ Token string } }
	body := c.create("/api/v1/namespaces/ops/serviceaccounts/roster/token",
		"{apiVersion: authentication.k8s.io/v1, kind: TokenRequest, spec: {expirationSeconds: 7200}}")
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status.Token == "" {
		c.Fatalf("the token is missing: %v", err)
	}
	return c.file("kubeconfig-"+replica, fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:%s", certificate-authority: certs/apiserver.crt}}]
users: [{name: roster, user: {tokenFile: %s}}]
contexts: [{name: test, context: {cluster: test, user: roster}}]
current-context: test
`, port, c.file("token-"+replica, answer.Status.Token)))
}

// watchLeases records each version of each Lease until the test ends.
func (c *cluster) watchLeases(notify func()) {
	c.Helper()
	c.notify = notify
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	c.Cleanup(func() { cancel(); watching.Wait() })
	watching.Go(func() {
		for ctx.Err() == nil {
			c.watchOnce(ctx)
			select { // the API server may be down
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
}

func (c *cluster) watchOnce(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:"+c.port+
		"/apis/coordination.k8s.io/v1/namespaces/ops/leases?watch=true", nil)
	if err != nil {
		c.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+clusterAdmin)
	res, err := c.client.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		var event struct {
			Object struct {
				Metadata struct{ Name string }
				Spec     struct {
					HolderIdentity string
					AcquireTime    time.Time
				}
			}
		}
		if err := json.NewDecoder(bytes.NewReader(lines.Bytes())).Decode(&event); err != nil || res.StatusCode != 200 {
			return
		}
		lease := event.Object
		c.mu.Lock()
		c.events = append(c.events, leaseEvent{lease.Metadata.Name, lease.Spec.HolderIdentity, lease.Spec.AcquireTime,
			time.Now()})
		c.mu.Unlock()
		c.notify()
	}
}

// holder returns who held the Lease of a provisioner at a time; "" if nobody did. The time when it
// was acquired is in the Lease.
func (c *cluster) holder(provisioner string, at time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	holder := ""
	for _, e := range c.events {
		if e.name == "roster-"+provisioner && !e.acquired.After(at) {
			holder = e.holder
		}
	}
	return holder
}

// acquiredAfter returns when another process than the given one was seen to hold the Lease of a
// provisioner, after a time.
func (c *cluster) acquiredAfter(provisioner, other string, at time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e.name == "roster-"+provisioner && e.acquired.After(at) && e.holder != "" && e.holder != other {
			return e.seen, true
		}
	}
	return time.Time{}, false
}

// proxy is a TCP proxy in front of the API server. It can stop to forward, as a network does that
// loses all packets.
type proxy struct {
	port, target string

	mu     sync.Mutex
	silent bool
	conns  []net.Conn
}

func (c *cluster) proxy() *proxy {
	c.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p := &proxy{port: port, target: "127.0.0.1:" + c.port}
	c.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, conn := range p.conns {
			_ = conn.Close()
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

// serve forwards a connection. A connection that was silent once is never forwarded again.
func (p *proxy) serve(conn net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, conn)
	silent := p.silent
	p.mu.Unlock()
	if silent {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = conn.Close()
		return
	}
	copyTo := func(to, from net.Conn) {
		b := make([]byte, 32<<10)
		for {
			n, err := from.Read(b)
			p.mu.Lock()
			silent = silent || p.silent
			drop := silent
			p.mu.Unlock()
			if drop {
				return // the connection stays open
			}
			if n > 0 {
				_, _ = to.Write(b[:n])
			}
			if err != nil {
				_ = to.Close()
				return
			}
		}
	}
	go copyTo(server, conn)
	copyTo(conn, server)
}

func (p *proxy) set(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = silent
}
