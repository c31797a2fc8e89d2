package forge

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Webhooks receives deliveries of forges. A delivery only triggers an immediate poll: its content
// is not used, so a forged or replayed delivery costs at most a poll.
//
// It serves POST /webhooks/github, /webhooks/gitlab and /webhooks/gitea (Forgejo too).
type Webhooks struct {
	// Secrets authenticate deliveries: GitHub and Gitea sign with HMAC-SHA-256, GitLab sends the
	// secret as a token. During a rotation there are several. Without a secret, every delivery is
	// rejected.
	Secrets [][]byte
	// Trigger is called immediately for a delivery. Further deliveries within MinInterval cause one
	// more call at its end. It must not block.
	Trigger func()
	// MinInterval is the minimum time between two calls of Trigger; 0 means two seconds.
	MinInterval time.Duration
	// Log, if set, receives a warning for each rejected delivery.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	once    sync.Once
	limiter *rate.Limiter

	mu          sync.Mutex
	digests     map[[sha256.Size]byte]bool // of the last deliveries
	digestOrder [][sha256.Size]byte        // the keys of digests, oldest first
	lastTrigger time.Time
	pending     bool // a call of Trigger is scheduled
}

const (
	// maxDelivery is the maximum size of a delivery. GitHub's own limit is 25 MB, but the content
	// is not used. A longer delivery is rejected, and its change is found by the next poll.
	maxDelivery = 5 << 20
	// maxDigests is the number of deliveries that are recognized when they are repeated.
	maxDigests = 1024
	// Deliveries beyond this rate are rejected before they are read.
	deliveriesPerSecond, deliveryBurst = 10, 50
)

// ServeHTTP handles one delivery. The status is 202 for a new delivery and 200 for a repeated one.
func (w *Webhooks) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	w.once.Do(func() {
		w.limiter = rate.NewLimiter(deliveriesPerSecond, deliveryBurst)
		w.digests = map[[sha256.Size]byte]bool{}
	})
	kind := Kind(strings.TrimPrefix(req.URL.Path, "/webhooks/"))
	check := map[Kind]func(http.Header, []byte, []byte) bool{
		KindGitHub: verifyGitHub, KindGitLab: verifyGitLab, KindGitea: verifyGitea}[kind]
	switch {
	case check == nil:
		http.NotFound(rw, req)
		return
	case req.Method != http.MethodPost:
		rw.Header().Set("Allow", "POST")
		http.Error(rw, "use POST", http.StatusMethodNotAllowed)
		return
	case !w.limiter.AllowN(w.now(), 1):
		rw.Header().Set("Retry-After", "5")
		http.Error(rw, "too many deliveries", http.StatusTooManyRequests)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, req.Body, maxDelivery))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		http.Error(rw, "the delivery is too long", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(rw, "the delivery is incomplete", http.StatusBadRequest)
		return
	case !w.authentic(check, req.Header, body):
		if w.Log != nil {
			w.Log.Warn("webhook rejected: wrong or missing signature", "forge", kind, "from", req.RemoteAddr)
		}
		http.Error(rw, "wrong or missing signature", http.StatusUnauthorized)
		return
	case !w.firstDelivery(kind, body):
		_, _ = io.WriteString(rw, "already received\n")
		return
	}
	w.notify()
	rw.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(rw, "accepted\n")
}

func (w *Webhooks) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

// authentic tries every secret, even after a match, so that its duration does not reveal which one
// matched.
func (w *Webhooks) authentic(check func(http.Header, []byte, []byte) bool, h http.Header, body []byte) bool {
	ok := false
	for _, secret := range w.Secrets {
		if len(secret) > 0 && check(h, body, secret) {
			ok = true
		}
	}
	return ok
}

// verifyGitHub checks the signature "sha256=" with the HMAC in hexadecimal.
func verifyGitHub(h http.Header, body, secret []byte) bool {
	digits, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	return ok && verifyMAC(digits, body, secret)
}

// verifyGitea checks the HMAC in hexadecimal. Forgejo sends it in a header of its own too.
func verifyGitea(h http.Header, body, secret []byte) bool {
	digits := h.Get("X-Gitea-Signature")
	if digits == "" {
		digits = h.Get("X-Forgejo-Signature")
	}
	return verifyMAC(digits, body, secret)
}

func verifyMAC(digits string, body, secret []byte) bool {
	have, err := hex.DecodeString(digits)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(have, mac.Sum(nil))
}

// verifyGitLab compares digests of the token and the secret, because the comparison's duration must
// not depend on the secret's length.
func verifyGitLab(h http.Header, _, secret []byte) bool {
	have, want := sha256.Sum256([]byte(h.Get("X-Gitlab-Token"))), sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

// firstDelivery reports whether this delivery was not received before. It compares bodies, because
// the ids of deliveries are not signed.
func (w *Webhooks) firstDelivery(kind Kind, body []byte) bool {
	key := sha256.Sum256(append([]byte(kind+"\x00"), body...))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.digests[key] {
		return false
	}
	w.digests[key] = true
	w.digestOrder = append(w.digestOrder, key)
	if len(w.digestOrder) > maxDigests {
		delete(w.digests, w.digestOrder[0])
		w.digestOrder = w.digestOrder[1:]
	}
	return true
}

// notify calls Trigger now or, within MinInterval after the last call, once at the end of it.
func (w *Webhooks) notify() {
	interval := w.MinInterval
	if interval == 0 {
		interval = 2 * time.Second
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	wait := interval - now.Sub(w.lastTrigger)
	switch {
	case w.pending:
	case w.lastTrigger.IsZero() || wait <= 0:
		w.lastTrigger = now
		w.Trigger()
	default:
		w.pending = true
		time.AfterFunc(wait, func() {
			w.mu.Lock()
			w.pending, w.lastTrigger = false, w.now()
			w.mu.Unlock()
			w.Trigger()
		})
	}
}
