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

// Webhooks hears forges say that something happened. All that follows is a sooner look: nothing in a delivery is believed or used, so a
// forged or replayed one costs a poll at most.
//
// It serves POST /webhooks/github, /webhooks/gitlab and /webhooks/gitea (Forgejo too).
type Webhooks struct {
	// Secrets are what deliveries are signed with (GitHub, Gitea: HMAC-SHA-256) or carry (GitLab); several while one is replaced.
	// Without any, every delivery is refused.
	Secrets [][]byte
	// Wake is told at once of a delivery, and of those within Quiet after it once more at its end. It must not block.
	Wake func()
	// Quiet is how often Wake is called at the most; 0 means two seconds.
	Quiet time.Duration
	// Log, if set, is told of refused deliveries.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	once   sync.Once
	budget *rate.Limiter

	mu      sync.Mutex
	seen    map[[sha256.Size]byte]bool
	order   [][sha256.Size]byte // of seen, the oldest first
	last    time.Time           // when Wake was called
	waiting bool                // it will be called again
}

const (
	// maxDelivery bounds a delivery. GitHub's limit is 25 MB, but what it says is not read; a longer one waits for the next poll.
	maxDelivery = 5 << 20
	// maxSeen is how many deliveries are remembered.
	maxSeen = 1024
	// Deliveries beyond these are turned away before they are read.
	deliveriesPerSecond, deliveriesAtOnce = 10, 50
)

// ServeHTTP takes one delivery: 202 if it is heard, 200 if it was before.
func (w *Webhooks) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	w.once.Do(func() {
		w.budget = rate.NewLimiter(deliveriesPerSecond, deliveriesAtOnce)
		w.seen = map[[sha256.Size]byte]bool{}
	})
	kind := Kind(strings.TrimPrefix(req.URL.Path, "/webhooks/"))
	check := map[Kind]func(http.Header, []byte, []byte) bool{KindGitHub: signedGitHub, KindGitLab: carriesToken, KindGitea: signedGitea}[kind]
	switch {
	case check == nil:
		http.NotFound(rw, req)
		return
	case req.Method != http.MethodPost:
		rw.Header().Set("Allow", "POST")
		http.Error(rw, "want POST", http.StatusMethodNotAllowed)
		return
	case !w.budget.AllowN(w.now(), 1):
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
		http.Error(rw, "the delivery was cut off", http.StatusBadRequest)
		return
	case !w.genuine(check, req.Header, body):
		if w.Log != nil {
			w.Log.Warn("webhook refused: wrong or missing signature", "forge", kind, "from", req.RemoteAddr)
		}
		http.Error(rw, "wrong or missing signature", http.StatusUnauthorized)
		return
	case !w.fresh(kind, body):
		_, _ = io.WriteString(rw, "heard before\n")
		return
	}
	w.wake()
	rw.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(rw, "heard\n")
}

func (w *Webhooks) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

// genuine tries all secrets, whichever fits, so that the time it takes tells nothing.
func (w *Webhooks) genuine(check func(http.Header, []byte, []byte) bool, h http.Header, body []byte) bool {
	ok := false
	for _, secret := range w.Secrets {
		if len(secret) > 0 && check(h, body, secret) {
			ok = true
		}
	}
	return ok
}

// signedGitHub checks "sha256=" and the HMAC in hexadecimal.
func signedGitHub(h http.Header, body, secret []byte) bool {
	digits, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	return ok && signed(digits, body, secret)
}

// signedGitea checks the HMAC in hexadecimal. Forgejo sends it under its own name as well.
func signedGitea(h http.Header, body, secret []byte) bool {
	digits := h.Get("X-Gitea-Signature")
	if digits == "" {
		digits = h.Get("X-Forgejo-Signature")
	}
	return signed(digits, body, secret)
}

func signed(digits string, body, secret []byte) bool {
	have, err := hex.DecodeString(digits)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(have, mac.Sum(nil))
}

// carriesToken compares digests: their length does not depend on the secret's.
func carriesToken(h http.Header, _, secret []byte) bool {
	have, want := sha256.Sum256([]byte(h.Get("X-Gitlab-Token"))), sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(have[:], want[:]) == 1
}

// fresh reports whether a delivery is heard for the first time. Its body tells, not its id: ids are not signed.
func (w *Webhooks) fresh(kind Kind, body []byte) bool {
	key := sha256.Sum256(append([]byte(kind+"\x00"), body...))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[key] {
		return false
	}
	w.seen[key] = true
	w.order = append(w.order, key)
	if len(w.order) > maxSeen {
		delete(w.seen, w.order[0])
		w.order = w.order[1:]
	}
	return true
}

// wake tells at once, or once more when the quiet time is over.
func (w *Webhooks) wake() {
	quiet := w.Quiet
	if quiet == 0 {
		quiet = 2 * time.Second
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	wait := quiet - now.Sub(w.last)
	switch {
	case w.waiting:
	case w.last.IsZero() || wait <= 0:
		w.last = now
		w.Wake()
	default:
		w.waiting = true
		time.AfterFunc(wait, func() {
			w.mu.Lock()
			w.waiting, w.last = false, w.now()
			w.mu.Unlock()
			w.Wake()
		})
	}
}
