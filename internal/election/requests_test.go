package election

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// The message must name what a Role lacks, once and not with every request.
func TestAMissingPermissionIsNamed(t *testing.T) {
	for _, verb := range []string{"get", "create", "update"} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := newAPI()
				api.Forbidden = verb
				keys := keysOf(2)
				p := startPod(t, api, "pod-0", keys)
				defer endAll([]*pod{p})
				time.Sleep(time.Minute)
				if p.Leads(keys[0]) {
					t.Error("the process leads")
				}
				err := p.Problem(keys[0])
				if err == nil {
					t.Fatal("there is no problem")
				}
				for _, want := range []string{
					"Lease ops/roster-aws-0: ", "cannot " + verb, "a Role with get, create and update",
					"docs/standby.md",
				} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not contain %q", err, want)
					}
				}
				log := p.log.String()
				if !strings.Contains(log, "cannot "+verb) || strings.Count(log, "\n") > 1 {
					t.Errorf("the log is:\n%s", log)
				}
				api.Do(func() { api.Forbidden = "" })
				time.Sleep(time.Minute)
				if !p.Leads(keys[0]) || p.Problem(keys[0]) != nil {
					t.Errorf("with the permission, the problem is %v", p.Problem(keys[0]))
				}
			})
		})
	}
}

func TestAdviceAboutErrorsOfKubernetes(t *testing.T) {
	leaseResource := schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
	for _, row := range []struct {
		name, want string
		err        error
	}{
		{"a permission is missing", "a Role with get, create and update",
			apierrors.NewForbidden(leaseResource, "a", nil)},
		{"the token is not valid", "does not accept the credentials", apierrors.NewUnauthorized("no")},
		{"the namespace does not exist", "does the namespace exist?", apierrors.NewNotFound(leaseResource, "ops")},
		{"any other error", "", errors.New("connection refused")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := advice(row.err); !strings.Contains(got, row.want) || row.want == "" && got != "" {
				t.Errorf("the advice is %q", got)
			}
		})
	}
}

// With client-go's limit of five requests a second, a hundred requests take 18 seconds.
func TestManyKeysAreNotLimitedToAFewRequestsASecond(t *testing.T) {
	_, config := newFake(t)
	e := replica(t, config, "pod-a")
	ctx, cancel := context.WithTimeout(t.Context(), renewDeadline)
	defer cancel()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			_, err := e.client.Leases("ops").Get(ctx, fmt.Sprint("roster-", i), metav1.GetOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// A connection of HTTP/2 whose peer is lost would delay the requests for all keys.
func TestRequestsDoNotShareAConnectionOfHTTP2(t *testing.T) {
	api := newAPI()
	server := httptest.NewUnstartedServer(api)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	config.CAData = pemOf(server.Certificate())
	e := replica(t, config, "pod-a")
	if _, err := e.client.Leases("ops").Get(t.Context(), "roster", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the answer is %v", err)
	}
	if api.Protocols["HTTP/1.1"] != 1 || len(api.Protocols) != 1 {
		t.Errorf("the requests use %v", api.Protocols)
	}
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	dir := t.TempDir()
	file := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, row := range []struct{ name, lease, kubeconfig, want string }{
		{"no slash", "roster", "", `"roster" is not NAMESPACE/NAME with lower-case names of Kubernetes`},
		{"no namespace", "/roster", "", "NAMESPACE/NAME"},
		{"no name", "ops/", "", "NAMESPACE/NAME"},
		{"two slashes", "ops/roster/aws", "", "NAMESPACE/NAME"},
		{"an upper-case namespace", "Ops/roster", "", "NAMESPACE/NAME"},
		{"a namespace with a dot", "a.b/roster", "", "NAMESPACE/NAME"},
		{"a name that is too long", "ops/" + strings.Repeat("a", 254), "", "NAMESPACE/NAME"},
		{"outside a pod without a kubeconfig", "ops/roster", "",
			"find the API server of Kubernetes (outside a pod, set --kubeconfig)"},
		{"a kubeconfig that does not exist", "ops/roster", filepath.Join(dir, "none"), "none: stat "},
		{"a kubeconfig that is no YAML", "ops/roster", file("bad", "{"),
			"read kubeconfig " + filepath.Join(dir, "bad")},
		{"a kubeconfig without a server", "ops/roster", file("empty", "apiVersion: v1\nkind: Config\n"),
			"it names no server, or its current context does not exist"},
		{"a context that does not exist", "ops/roster",
			file("context", "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"),
			"context was not found for specified context: prod"},
		{"a certificate that does not exist", "ops/roster", file("ca", `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1", certificate-authority: /none/ca.crt}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
`), "/none/ca.crt"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Open(row.lease, row.kubeconfig, "pod-a", slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v; want %q", err, row.want)
			}
		})
	}
}
