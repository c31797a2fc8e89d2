package gitobject

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash identifies a Git object: the SHA-1 of its type, length and content. The zero Hash identifies
// no object. Where a Hash is optional, zero means "none".
type Hash [20]byte

// ParseHash reads the 40 hexadecimal digits of a full hash.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) {
		return Hash{}, fmt.Errorf("parse hash %q: want 40 hexadecimal digits", s)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("parse hash %q: want 40 hexadecimal digits", s)
	}
	return h, nil
}

// String returns the 40 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short returns the first seven digits, for messages.
func (h Hash) Short() string { return h.String()[:7] }

// IsZero reports whether h is the zero Hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText returns the 40 digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the 40 digits.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// IsHashPrefix reports whether s can abbreviate a hash. Git requires at least four digits.
func IsHashPrefix(s string) bool {
	return len(s) >= 4 && len(s) <= 40 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
