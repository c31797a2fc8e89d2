package webauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// sealer encrypts and authenticates the values of cookies. Its key is in memory only, so a restart
// of the daemon ends all sessions; a browser that is still signed in at the identity provider gets
// a new one without a question.
type sealer struct{ aead cipher.AEAD }

func newSealer() (*sealer, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// seal encodes a value for the cookie of a name. It cannot be used under another name.
func (s *sealer) seal(name string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(name))), nil
}

// open decodes a cookie of a request. ok is false if it is missing, altered, or of another key.
func (s *sealer) open(r *http.Request, name string, v any) (ok bool) {
	cookie, err := r.Cookie(name)
	if err != nil {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return false
	}
	plain, err := s.aead.Open(nil, nil, sealed, []byte(name))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// revocations are the sessions that ended before their time, until then.
type revocations map[string]time.Time

// maxRevocations bounds the memory.
const maxRevocations = 1000

// add adds a session. If there are too many, it removes the one that ends first.
func (r revocations) add(id string, until, now time.Time) {
	first := ""
	for other, end := range r {
		if !now.Before(end) {
			delete(r, other)
		} else if first == "" || end.Before(r[first]) {
			first = other
		}
	}
	if len(r) >= maxRevocations {
		delete(r, first)
	}
	r[id] = until
}
