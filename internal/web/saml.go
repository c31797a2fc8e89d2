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

// Metadata is a SAML metadata file as it is served.
type Metadata struct {
	XML []byte
	// Expires is when a fresh one is to be fetched.
	Expires time.Time
}

// MetadataOf returns the identity provider's metadata for a domain of an app. fs.ErrNotExist says that there is no such app or domain.
type MetadataOf func(ctx context.Context, app, domain string) (*Metadata, error)

// mostCached is how long a cache may keep metadata: a rollover of certificates is seen within it.
const mostCached = time.Hour

// ServeHTTP serves /saml/{app}/{domain}/metadata.xml. The content type is that of saml-metadata-2.0-os, 4.1.1.
func (of MetadataOf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, err := of(r.Context(), r.PathValue("app"), r.PathValue("domain"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "no app publishes metadata for that domain", http.StatusNotFound)
		return
	case err != nil: // whoever runs the daemon finds the reason in its log
		w.Header().Set("Retry-After", "60")
		http.Error(w, "the metadata cannot be rendered at the moment", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/samlmetadata+xml")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(m.XML)))
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(max(0, min(mostCached, time.Until(m.Expires))).Seconds())))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.XML))
}
