package awssim

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// tokenLifetime is one year, as the user guide documents.
const tokenLifetime = 365 * 24 * time.Hour

// maxTokens is the number of tokens that a directory may have at a time, for rotation.
const maxTokens = 2

// ErrTokenLimit is the error of a create while there are two tokens.
var ErrTokenLimit = errors.New("the directory already has two access tokens; delete one first")

// Token is an access token for the endpoint.
type Token struct {
	ID      string    `json:"id"`
	Secret  string    `json:"-"` // the bearer token itself
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// String omits the secret.
func (t Token) String() string {
	return fmt.Sprintf("token %s, expires %s", t.ID, t.Expires.UTC().Format(time.DateOnly))
}

// GoString omits the secret.
func (t Token) GoString() string { return t.String() }

// tokenStore holds the tokens.
type tokenStore struct {
	random *random

	mu   sync.Mutex
	list []Token
}

// init stores the first two tokens of list, or a new one if the list is empty.
func (ts *tokenStore) init(list []Token, now time.Time, r *random) {
	ts.random = r
	for _, t := range list[:min(len(list), maxTokens)] {
		ts.list = append(ts.list, ts.withDefaults(t, now))
	}
	if len(ts.list) == 0 {
		ts.list = append(ts.list, ts.withDefaults(Token{}, now))
	}
}

// withDefaults sets the fields of a token that are zero. A new secret has about 530 characters,
// like those of the service.
func (ts *tokenStore) withDefaults(t Token, now time.Time) Token {
	if t.ID == "" {
		t.ID = ts.random.uuid()
	}
	if t.Secret == "" {
		b := make([]byte, 400)
		ts.random.fill(b)
		t.Secret = base64.StdEncoding.EncodeToString(b)
	}
	t.Created = cmp.Or(t.Created, now)
	t.Expires = cmp.Or(t.Expires, t.Created.Add(tokenLifetime))
	return t
}

// check returns the id of the token with this secret. It fails if there is none, or if it has
// expired.
func (ts *tokenStore) check(secret string, now time.Time) (string, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.list {
		if subtle.ConstantTimeCompare([]byte(t.Secret), []byte(secret)) == 1 {
			if !now.Before(t.Expires) {
				return t.ID, unauthorized("the token has expired")
			}
			return t.ID, nil
		}
	}
	return "", unauthorized("unknown token")
}

func (ts *tokenStore) all() []Token {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Clone(ts.list)
}

func (ts *tokenStore) create(now time.Time, t Token) (Token, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.list) >= maxTokens {
		return Token{}, ErrTokenLimit
	}
	if err := cmp.Or(validateTime("created", t.Created), validateTime("expires", t.Expires)); err != nil {
		return Token{}, err
	}
	if slices.ContainsFunc(ts.list, func(other Token) bool { return t.ID != "" && other.ID == t.ID }) {
		return Token{}, fmt.Errorf("token %s: %w", t.ID, fs.ErrExist)
	}
	t = ts.withDefaults(t, now)
	ts.list = append(ts.list, t)
	return t, nil
}

func (ts *tokenStore) delete(id string) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	n := len(ts.list)
	ts.list = slices.DeleteFunc(ts.list, func(t Token) bool { return t.ID == id })
	if len(ts.list) == n {
		return &absentError{"token " + id}
	}
	return nil
}

// Token returns the secret of the newest token that has not expired, or "" if there is none.
func (s *Server) Token() string {
	s.init()
	now := s.clock.now()
	list := s.tokens.all()
	for _, t := range slices.Backward(list) {
		if now.Before(t.Expires) {
			return t.Secret
		}
	}
	return ""
}

// AccessTokens returns the tokens with their secrets, in the order of their creation.
func (s *Server) AccessTokens() []Token {
	s.init()
	return s.tokens.all()
}

// CreateToken creates a second token, for a rotation. It generates the fields that are zero in t.
// If there are two tokens already, it fails with [ErrTokenLimit].
func (s *Server) CreateToken(t Token) (Token, error) {
	s.init()
	created, err := s.tokens.create(s.clock.now(), t)
	if err != nil {
		return created, fmt.Errorf("create token: %w", err)
	}
	return created, s.saveTokens()
}

// DeleteToken revokes a token by its id. It fails with [fs.ErrNotExist] if the id is unknown.
func (s *Server) DeleteToken(id string) error {
	s.init()
	if err := s.tokens.delete(id); err != nil {
		return err
	}
	return s.saveTokens()
}
