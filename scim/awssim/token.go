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

// tokenLifetime is how long a token is good for: a year, says the user guide.
const tokenLifetime = 365 * 24 * time.Hour

// maxTokens is how many tokens a directory may have at a time, for rotation.
const maxTokens = 2

// ErrTokenLimit says that there are two tokens already.
var ErrTokenLimit = errors.New("there are two access tokens: delete one first")

// Token is an access token for the endpoint.
type Token struct {
	ID      string    `json:"id"`
	Secret  string    `json:"-"` // what goes behind "Bearer"
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// String does not show the secret.
func (t Token) String() string {
	return fmt.Sprintf("token %s, expires %s", t.ID, t.Expires.UTC().Format(time.DateOnly))
}

// GoString does not show the secret.
func (t Token) GoString() string { return t.String() }

// tokenStore keeps the tokens.
type tokenStore struct {
	random *random

	mu   sync.Mutex
	list []Token
}

func (v *tokenStore) start(list []Token, now time.Time, r *random) {
	v.random = r
	for _, t := range list[:min(len(list), maxTokens)] {
		v.list = append(v.list, v.complete(t, now))
	}
	if len(v.list) == 0 {
		v.list = append(v.list, v.complete(Token{}, now))
	}
}

// complete fills in what a token lacks. A secret is some 530 characters, as the service's are.
func (v *tokenStore) complete(t Token, now time.Time) Token {
	if t.ID == "" {
		t.ID = v.random.uuid()
	}
	if t.Secret == "" {
		b := make([]byte, 400)
		v.random.fill(b)
		t.Secret = base64.StdEncoding.EncodeToString(b)
	}
	t.Created = cmp.Or(t.Created, now)
	t.Expires = cmp.Or(t.Expires, t.Created.Add(tokenLifetime))
	return t
}

// check returns the id of the token with this secret.
func (v *tokenStore) check(secret string, now time.Time) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.list {
		if subtle.ConstantTimeCompare([]byte(t.Secret), []byte(secret)) == 1 {
			if !now.Before(t.Expires) {
				return t.ID, unauthorized("the token has expired")
			}
			return t.ID, nil
		}
	}
	return "", unauthorized("the token is not one of this endpoint's")
}

func (v *tokenStore) all() []Token {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.list)
}

func (v *tokenStore) create(now time.Time, t Token) (Token, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.list) >= maxTokens {
		return Token{}, ErrTokenLimit
	}
	t = v.complete(t, now)
	v.list = append(v.list, t)
	return t, nil
}

func (v *tokenStore) delete(id string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.list)
	v.list = slices.DeleteFunc(v.list, func(t Token) bool { return t.ID == id })
	if len(v.list) == n {
		return fmt.Errorf("delete token %s: %w", id, fs.ErrNotExist)
	}
	return nil
}

// Token is the secret of a token that is good now, the newest; "" if there is none.
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

// AccessTokens are the tokens there are, in the order of their creation, with their secrets.
func (s *Server) AccessTokens() []Token {
	s.init()
	return s.tokens.all()
}

// CreateToken makes a second token, to rotate to. What t leaves zero is made up. With two there it fails with [ErrTokenLimit].
func (s *Server) CreateToken(t Token) (Token, error) {
	s.init()
	made, err := s.tokens.create(s.clock.now(), t)
	if err != nil {
		return made, fmt.Errorf("create token: %w", err)
	}
	return made, s.saveTokens()
}

// DeleteToken revokes a token by its id. An unknown one is [fs.ErrNotExist].
func (s *Server) DeleteToken(id string) error {
	s.init()
	if err := s.tokens.delete(id); err != nil {
		return err
	}
	return s.saveTokens()
}
