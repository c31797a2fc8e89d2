package awssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// cursor is the position at which a listing continues. Its text is signed, so that no client can
// make one up. The text contains characters that must be escaped in a query.
type cursor struct {
	after  uint64 // the number of the last object before the page
	count  uint16
	issued time.Time
}

const (
	cursorSize    = 8 + 2 + 8 // of the fields
	signatureSize = 16
)

// encodeCursor returns the text of a cursor. It is valid for one scope: an operation and a filter.
func (s *Server) encodeCursor(c cursor, scope string) string {
	b := make([]byte, cursorSize, cursorSize+signatureSize)
	binary.BigEndian.PutUint64(b, c.after)
	binary.BigEndian.PutUint16(b[8:], c.count)
	binary.BigEndian.PutUint64(b[10:], uint64(c.issued.Unix()))
	return base64.StdEncoding.EncodeToString(append(b, s.signCursor(b, scope)...))
}

// decodeCursor reports false for a text that is not a cursor, or a cursor of another scope.
func (s *Server) decodeCursor(text, scope string) (cursor, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != cursorSize+signatureSize {
		return cursor{}, false
	}
	if !hmac.Equal(b[cursorSize:], s.signCursor(b[:cursorSize], scope)) {
		return cursor{}, false
	}
	return cursor{
		after:  binary.BigEndian.Uint64(b),
		count:  binary.BigEndian.Uint16(b[8:]),
		issued: time.Unix(int64(binary.BigEndian.Uint64(b[10:])), 0),
	}, true
}

func (s *Server) signCursor(b []byte, scope string) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(b)
	mac.Write([]byte(scope))
	return mac.Sum(nil)[:signatureSize]
}

// cursorScope returns the scope of a cursor of this call.
func (c *call) cursorScope(filter string) string { return c.op.path + "\x00" + filter }
