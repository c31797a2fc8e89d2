package forge

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
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
//
// Anyone may connect. A request without a well-formed signature is rejected before its body is
// read. Bodies are hashed while they arrive, and are never in memory.
type Webhooks struct {
	// Secrets authenticate deliveries: GitHub and Gitea sign with HMAC-SHA-256, GitLab sends the
	// secret as a token. During a rotation there are several. Without a secret, every delivery is
	// rejected.
	Secrets [][]byte
	// Trigger is called immediately for a delivery. Further deliveries within MinInterval cause one
	// more call at its end. It must not block.
	Trigger func()
	// MinInterval is the minimum time between two calls of Trigger; 0 means 100 milliseconds. A
	// forge sends several deliveries for one merge, and a poll that finds nothing costs little.
	MinInterval time.Duration
	// Renew, if set, is called like Trigger, but with two seconds between two calls: it is for work
	// that costs calls to the forge.
	Renew func()
	// BodyTimeout is the maximum time that a body may take; 0 means ten seconds.
	BodyTimeout time.Duration
	// Log, if set, receives warnings for rejected deliveries, at a limited rate.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	once      sync.Once
	authentic *rate.Limiter // deliveries with a valid signature
	warnings  *rate.Limiter // log messages about others
	uploads   uploads
	triggered debouncer
	renewed   debouncer

	mu          sync.Mutex
	digests     map[[sha256.Size]byte]bool // of the last deliveries
	digestOrder [][sha256.Size]byte        // the keys of digests, oldest first
	unlogged    int                        // rejected deliveries since the last warning
}

// The times between two calls of Webhooks.Trigger and Webhooks.Renew.
const minTriggerInterval, minRenewInterval = 100 * time.Millisecond, 2 * time.Second

const (
	// maxDelivery is the maximum size of a delivery. GitHub's own limit is 25 MB, but the content
	// is not used. A longer delivery is rejected, and its change is found by the next poll.
	maxDelivery = 5 << 20
	// maxUploads is the number of bodies that arrive at once. One more ends the oldest of them, so
	// slow senders cannot keep deliveries of the forge waiting.
	maxUploads = 32
	// maxDigests is the number of deliveries that are recognized when they are repeated.
	maxDigests = 1024
	// Authentic deliveries beyond this rate are rejected.
	deliveriesPerSecond, deliveryBurst = 10, 50
	// Warnings beyond this rate are only counted.
	warningsPerSecond, warningBurst = 0.1, 10
)

// ServeHTTP handles one delivery. The status is 202 for a new delivery and 200 for a repeated one.
func (w *Webhooks) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	w.once.Do(func() {
		w.authentic = rate.NewLimiter(deliveriesPerSecond, deliveryBurst)
		w.warnings = rate.NewLimiter(warningsPerSecond, warningBurst)
		w.digests = map[[sha256.Size]byte]bool{}
	})
	kind := Kind(strings.TrimPrefix(req.URL.Path, "/webhooks/"))
	credential, known := credentials[kind]
	switch {
	case !known:
		http.NotFound(rw, req)
		return
	case req.Method != http.MethodPost:
		rw.Header().Set("Allow", "POST")
		http.Error(rw, "use POST", http.StatusMethodNotAllowed)
		return
	}
	signature, ok := credential(req.Header)
	if !ok || kind == KindGitLab && !w.hasToken(signature) {
		w.reject(rw, req, kind)
		return
	}
	if req.ContentLength > maxDelivery {
		rw.Header().Set("Connection", "close")
		http.Error(rw, "the delivery is too long", http.StatusRequestEntityTooLarge)
		return
	}
	macs := w.macs(kind)
	digest, err := w.read(rw, req, kind, macs)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		http.Error(rw, "the delivery is too long", http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(rw, "the delivery is incomplete", http.StatusBadRequest)
	case kind != KindGitLab && !matchesAny(signature, macs):
		w.reject(rw, req, kind)
	default:
		w.accept(rw, digest)
	}
}

// accept handles an authentic delivery. Only new, authentic deliveries count toward the rate, so
// other senders cannot use it up.
func (w *Webhooks) accept(rw http.ResponseWriter, digest [sha256.Size]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.digests[digest]:
		_, _ = io.WriteString(rw, "already received\n")
	case !w.authentic.AllowN(w.now(), 1):
		rw.Header().Set("Retry-After", "5")
		http.Error(rw, "too many deliveries", http.StatusTooManyRequests)
	default:
		w.remember(digest)
		w.triggered.event(w.now(), cmp.Or(w.MinInterval, minTriggerInterval), w.Trigger)
		if w.Renew != nil {
			w.renewed.event(w.now(), minRenewInterval, w.Renew)
		}
		rw.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(rw, "accepted\n")
	}
}

// remember stores the digest of a delivery, so that a repetition of it is recognized. It is the
// digest of the body, because the ids of deliveries are not signed.
func (w *Webhooks) remember(digest [sha256.Size]byte) {
	w.digests[digest] = true
	w.digestOrder = append(w.digestOrder, digest)
	if len(w.digestOrder) > maxDigests {
		delete(w.digests, w.digestOrder[0])
		w.digestOrder = w.digestOrder[1:]
	}
}

// reject answers a delivery that is not authentic. The connection is closed, because the server
// would read the rest of the body to keep it.
func (w *Webhooks) reject(rw http.ResponseWriter, req *http.Request, kind Kind) {
	rw.Header().Set("Connection", "close")
	http.Error(rw, "wrong or missing signature", http.StatusUnauthorized)
	if w.Log == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.warnings.AllowN(w.now(), 1) {
		w.unlogged++
		return
	}
	w.Log.Warn("webhook rejected: wrong or missing signature", "forge", kind, "from", req.RemoteAddr,
		"rejectedBefore", w.unlogged)
	w.unlogged = 0
}

func (w *Webhooks) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

// credentials return what authenticates a delivery: the HMAC, or GitLab's token. ok is false if it
// is missing or malformed.
var credentials = map[Kind]func(http.Header) (credential []byte, ok bool){
	KindGitHub: func(h http.Header) ([]byte, bool) {
		digits, ok := strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
		mac, valid := parseMAC(digits)
		return mac, ok && valid
	},
	// Forgejo sends the signature in a header of its own too.
	KindGitea: func(h http.Header) ([]byte, bool) {
		digits := h.Get("X-Gitea-Signature")
		if digits == "" {
			digits = h.Get("X-Forgejo-Signature")
		}
		return parseMAC(digits)
	},
	KindGitLab: func(h http.Header) ([]byte, bool) {
		token := h.Get("X-Gitlab-Token")
		return []byte(token), token != ""
	},
}

// parseMAC parses an HMAC-SHA-256 in hexadecimal.
func parseMAC(digits string) (mac []byte, ok bool) {
	mac, err := hex.DecodeString(digits)
	return mac, err == nil && len(mac) == sha256.Size
}

// hasToken compares digests of the token and the secrets, because the comparison's duration must
// not depend on a secret's length. It tries every secret, so that the duration does not reveal
// which one matched.
func (w *Webhooks) hasToken(token []byte) bool {
	ok := false
	have := sha256.Sum256(token)
	for _, secret := range w.Secrets {
		want := sha256.Sum256(secret)
		if len(secret) > 0 && subtle.ConstantTimeCompare(have[:], want[:]) == 1 {
			ok = true
		}
	}
	return ok
}

// macs returns an HMAC for each secret of a forge that signs the body.
func (w *Webhooks) macs(kind Kind) []hash.Hash {
	var macs []hash.Hash
	for _, secret := range w.Secrets {
		if len(secret) > 0 && kind != KindGitLab {
			macs = append(macs, hmac.New(sha256.New, secret))
		}
	}
	return macs
}

// matchesAny tries every HMAC, as hasToken does.
func matchesAny(signature []byte, macs []hash.Hash) bool {
	ok := false
	for _, mac := range macs {
		if hmac.Equal(signature, mac.Sum(nil)) {
			ok = true
		}
	}
	return ok
}

// bodyBuffer is the part of a body that is in memory.
const bodyBuffer = 4 << 10

// read hashes the body, and returns the digest of the forge and the body.
func (w *Webhooks) read(rw http.ResponseWriter, req *http.Request, kind Kind, macs []hash.Hash) (
	digest [sha256.Size]byte, err error,
) {
	timeout := w.BodyTimeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	defer cancel()
	defer w.uploads.add(cancel)()
	connection := http.NewResponseController(rw)
	stop := context.AfterFunc(ctx, func() {
		_ = connection.SetReadDeadline(time.Unix(1, 0)) // it ends a read that waits
	})
	defer stop()
	sum := sha256.New()
	sum.Write([]byte(kind + "\x00"))
	out := []io.Writer{sum}
	for _, mac := range macs {
		out = append(out, mac)
	}
	body := struct{ io.Reader }{http.MaxBytesReader(rw, req.Body, maxDelivery)} // without WriteTo
	if _, err = io.CopyBuffer(io.MultiWriter(out...), body, make([]byte, bodyBuffer)); err != nil {
		rw.Header().Set("Connection", "close")
	}
	return [sha256.Size]byte(sum.Sum(nil)), err
}

// uploads are the bodies that arrive at the moment, oldest first.
type uploads struct {
	mu      sync.Mutex
	current []*upload
}

// upload is one body. cancel ends it.
type upload struct{ cancel context.CancelFunc }

// add adds an upload, and ends the oldest one if there are too many. The returned function removes
// the upload.
func (u *uploads) add(cancel context.CancelFunc) (remove func()) {
	added := &upload{cancel}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current = append(u.current, added)
	if len(u.current) > maxUploads {
		u.current[0].cancel()
		u.current = u.current[1:]
	}
	return func() { u.remove(added) }
}

func (u *uploads) remove(ended *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, other := range u.current {
		if other == ended {
			u.current = append(u.current[:i:i], u.current[i+1:]...)
			return
		}
	}
}
