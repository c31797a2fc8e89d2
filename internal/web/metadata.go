package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

// Metadata is a SAML metadata file.
type Metadata struct {
	XML []byte
	// Expires is the time until which clients may cache the file.
	Expires time.Time
}

// MetadataFunc returns the identity provider's metadata for a domain of an app. The error is
// fs.ErrNotExist if the app or domain does not exist.
type MetadataFunc func(ctx context.Context, app, domain string) (*Metadata, error)

// maxCacheAge is the maximum time that clients may cache metadata. It bounds the delay of a
// certificate rollover.
const maxCacheAge = time.Hour

// ServeHTTP serves /saml/{app}/{domain}/metadata.xml. The content type is that of
// saml-metadata-2.0-os, 4.1.1.
func (f MetadataFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := f(r.Context(), r.PathValue("app"), r.PathValue("domain"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "no app publishes metadata for that domain", http.StatusNotFound)
		return
	case err != nil: // the reason is in the daemon's log
		w.Header().Set("Retry-After", "60")
		http.Error(w, "the metadata is temporarily unavailable", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/samlmetadata+xml")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(m.XML)))
	h.Set("Cache-Control",
		fmt.Sprintf("public, max-age=%d", int(max(0, min(maxCacheAge, time.Until(m.Expires))).Seconds())))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.XML))
}
