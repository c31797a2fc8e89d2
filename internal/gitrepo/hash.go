package gitrepo

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Hash names a Git object: the SHA-1 of its content. The zero Hash names
// nothing and stands for "absent" wherever one is expected.
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

// Short returns the first seven digits, as people write them.
func (h Hash) Short() string { return h.String()[:7] }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes the 40 digits.
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

// isHashPrefix reports whether s could abbreviate a hash: Git asks for four
// digits at least.
func isHashPrefix(s string) bool {
	return len(s) >= 4 && len(s) <= 40 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
