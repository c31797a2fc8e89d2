package forge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const canary = "canary-2f7d1c"

func hexMAC(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func deliver(w http.Handler, path, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest("POST", path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req)
	return rec
}

func TestOnlyAuthenticDeliveriesAreAccepted(t *testing.T) {
	const body = `{"ref":"refs/heads/main"}`
	// The example of docs.github.com, "Validating webhook deliveries".
	const example, exampleSecret = "Hello, World!", "It's a Secret to Everybody"
	const exampleSignature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	for _, test := range []struct {
		name, path, body string
		headers          []string
		want             int
	}{
		{"GitHub's own example", "/webhooks/github", example, []string{"X-Hub-Signature-256", exampleSignature}, 202},
		{"GitHub, signed", "/webhooks/github", body, []string{"X-Hub-Signature-256", "sha256=" + hexMAC(canary, body)},
			202},
		{"GitHub, signed with the old secret of a rotation", "/webhooks/github", body,
			[]string{"X-Hub-Signature-256", "sha256=" + hexMAC("old", body)}, 202},
		{"GitHub, signed with another secret", "/webhooks/github", body,
			[]string{"X-Hub-Signature-256", "sha256=" + hexMAC("guess", body)}, 401},
		{"GitHub, signature of another body", "/webhooks/github", body + " ",
			[]string{"X-Hub-Signature-256", "sha256=" + hexMAC(canary, body)}, 401},
		{"GitHub, only the obsolete SHA-1", "/webhooks/github", body,
			[]string{"X-Hub-Signature", "sha1=" + hexMAC(canary, body)}, 401},
		{"GitHub, no scheme", "/webhooks/github", body, []string{"X-Hub-Signature-256", hexMAC(canary, body)}, 401},
		{"GitHub, not hexadecimal", "/webhooks/github", body, []string{"X-Hub-Signature-256", "sha256=zz"}, 401},
		{"GitHub, a prefix of the signature", "/webhooks/github", body,
			[]string{"X-Hub-Signature-256", "sha256=" + hexMAC(canary, body)[:32]}, 401},
		{"GitHub, no signature", "/webhooks/github", body, nil, 401},
		{"signed with an empty secret", "/webhooks/github", body,
			[]string{"X-Hub-Signature-256", "sha256=" + hexMAC("", body)}, 401},
		{"GitLab, token", "/webhooks/gitlab", body, []string{"X-Gitlab-Token", canary}, 202},
		{"GitLab, wrong token", "/webhooks/gitlab", body, []string{"X-Gitlab-Token", canary + "x"}, 401},
		{"GitLab, empty token", "/webhooks/gitlab", body, []string{"X-Gitlab-Token", ""}, 401},
		{"GitLab, another forge's header", "/webhooks/gitlab", body,
			[]string{"X-Gitea-Signature", hexMAC(canary, body)}, 401},
		{"Gitea, signed", "/webhooks/gitea", body, []string{"X-Gitea-Signature", hexMAC(canary, body)}, 202},
		{"Forgejo, signed", "/webhooks/gitea", body, []string{"X-Forgejo-Signature", hexMAC(canary, body)}, 202},
		{"Gitea, wrong", "/webhooks/gitea", body, []string{"X-Gitea-Signature", hexMAC("guess", body)}, 401},
		{"an unknown forge", "/webhooks/svn", body, nil, 404},
		{"too long", "/webhooks/gitlab", strings.Repeat("x", maxDelivery+1), []string{"X-Gitlab-Token", canary}, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			triggered := 0
			w := &Webhooks{Secrets: [][]byte{[]byte(canary), []byte("old"), []byte(exampleSecret), nil},
				Trigger: func() { triggered++ }, Log: slog.New(slog.NewTextHandler(&log, nil))}
			rec := deliver(w, test.path, test.body, test.headers...)
			if rec.Code != test.want {
				t.Errorf("status %d, want %d", rec.Code, test.want)
			}
			if (triggered == 1) != (test.want == 202) {
				t.Errorf("triggered %d times at status %d", triggered, rec.Code)
			}
			if strings.Contains(log.String()+rec.Body.String(), canary) {
				t.Errorf("the secret is shown: %s %s", log.String(), rec.Body)
			}
		})
	}
}

func TestDeliveryWithoutSecretOrWithGETIsRejected(t *testing.T) {
	if rec := deliver(&Webhooks{Trigger: func() { t.Error("triggered") }}, "/webhooks/gitlab", "{}", "X-Gitlab-Token",
		""); rec.Code != 401 {
		t.Errorf("without a secret: status %d, want 401", rec.Code)
	}
	get := httptest.NewRecorder()
	(&Webhooks{}).ServeHTTP(get, httptest.NewRequest("GET", "/webhooks/github", nil))
	if get.Code != 405 {
		t.Errorf("GET: status %d, want 405", get.Code)
	}
}

func TestReplayedDeliveryDoesNotTrigger(t *testing.T) {
	triggered := 0
	w := &Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() { triggered++ }, MinInterval: time.Nanosecond}
	send := func(body, id string) int {
		return deliver(w, "/webhooks/github", body, "X-Hub-Signature-256", "sha256="+hexMAC("s", body),
			"X-GitHub-Delivery", id).Code
	}
	if a, b := send("one", "id-1"), send("one", "id-2"); a != 202 || b != 200 || triggered != 1 {
		t.Errorf("first %d, replayed with another id %d, triggered %d times; want 202, 200, once", a, b, triggered)
	}
}

func TestNumberOfDigestsIsLimited(t *testing.T) {
	w := &Webhooks{digests: map[[sha256.Size]byte]bool{}}
	for i := range 3 * maxDigests {
		w.remember(sha256.Sum256(fmt.Append(nil, i)))
	}
	if len(w.digests) != maxDigests || len(w.digestOrder) != maxDigests {
		t.Errorf("%d digests; want %d", len(w.digests), maxDigests)
	}
	if !w.digests[sha256.Sum256(fmt.Append(nil, 3*maxDigests-1))] {
		t.Error("the newest delivery is not recognized")
	}
}

// The first delivery acts at once. Those of the quiet time after it act once, at its end; a later
// one acts at once again. Previews, which cost calls to the forge, are renewed less often.
func TestDeliveriesAreDebouncedOnTheLeadingEdge(t *testing.T) {
	for _, tt := range []struct {
		name             string
		at               []time.Duration // of the deliveries
		triggers, renews []time.Duration
	}{
		{"one delivery", []time.Duration{0}, []time.Duration{0}, []time.Duration{0}},
		{"several for one merge", []time.Duration{0, 10, 20, 90}, []time.Duration{0, 100}, []time.Duration{0, 2000}},
		{"a second merge after the quiet time", []time.Duration{0, 500}, []time.Duration{0, 500},
			[]time.Duration{0, 2000}},
		{"deliveries all the time", []time.Duration{0, 50, 120, 180, 230, 290},
			[]time.Duration{0, 100, 200, 300}, []time.Duration{0, 2000}},
		{"a merge each three seconds", []time.Duration{0, 3000, 6000}, []time.Duration{0, 3000, 6000},
			[]time.Duration{0, 3000, 6000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var triggers, renews []time.Duration
				var mu sync.Mutex // of the lists
				since := func(list *[]time.Duration) func() {
					return func() {
						mu.Lock()
						defer mu.Unlock()
						*list = append(*list, time.Since(began)/time.Millisecond)
					}
				}
				w := &Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: since(&triggers), Renew: since(&renews)}
				for i, at := range tt.at {
					time.Sleep(at*time.Millisecond - time.Since(began))
					deliver(w, "/webhooks/gitlab", fmt.Sprint(i), "X-Gitlab-Token", "s")
				}
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(triggers, tt.triggers) || !slices.Equal(renews, tt.renews) {
					t.Errorf("polls at %d ms and renewals at %d ms; want %d and %d", triggers, renews, tt.triggers,
						tt.renews)
				}
			})
		})
	}
}

func TestDeliveriesAreCoalescedAndLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var triggered atomic.Int32
		w := &Webhooks{Secrets: [][]byte{[]byte("s")}, Trigger: func() { triggered.Add(1) }}
		codes := map[int]int{}
		for i := range 200 {
			codes[deliver(w, "/webhooks/gitlab", fmt.Sprint(i), "X-Gitlab-Token", "s").Code]++
		}
		if codes[http.StatusAccepted] != deliveryBurst || codes[http.StatusTooManyRequests] != 200-deliveryBurst {
			t.Errorf("of 200 at once: %v; want %d accepted", codes, deliveryBurst)
		}
		if n := triggered.Load(); n != 1 {
			t.Errorf("triggered %d times at once; want once", n)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := triggered.Load(); n != 2 {
			t.Errorf("triggered %d times after the interval; want twice", n)
		}
		time.Sleep(time.Minute)
		if n := triggered.Load(); n != 2 {
			t.Errorf("triggered %d times later; want twice", n)
		}
	})
}
