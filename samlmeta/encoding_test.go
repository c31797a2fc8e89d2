package samlmeta

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/testdata"
)

// inUTF16 encodes ASCII text, with the low byte of each character at an index.
func inUTF16(text []byte, low int) []byte {
	out := make([]byte, 2*len(text))
	for i, c := range text {
		out[2*i+low] = c
	}
	return out
}

// TestFilesInOtherEncodingsAreReadOrNamed reads a certificate and metadata as Windows programs save
// them.
func TestFilesInOtherEncodingsAreReadOrNamed(t *testing.T) {
	for name, parse := range map[string]func(string, []byte) error{
		"saml/idp-2026.crt": func(name string, data []byte) error {
			_,
				err := ParseCertificate(name, data)
			return err
		},
		"saml/aws-sp.xml": func(name string, data []byte) error {
			_,
				err := ParseServiceProvider(name, data)
			return err
		},
	} {
		data, err := fs.ReadFile(testdata.Example(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(name, append([]byte("\xef\xbb\xbf"), data...)); err != nil {
			t.Errorf("%s with a byte-order mark: %v", name, err)
		}
		for encoding, text := range map[string][]byte{
			"UTF-16": inUTF16(data, 0), "UTF-16, big end first": inUTF16(data, 1),
			"UTF-16 with a mark": append([]byte("\xff\xfe"), inUTF16(data, 0)...),
		} {
			if err := parse(name, text); err == nil || !strings.Contains(err.Error(), "is UTF-16, not UTF-8") {
				t.Errorf("%s in %s: %v", name, encoding, err)
			}
		}
	}
}

func TestKeysInOtherEncodingsAreReadOrNamed(t *testing.T) {
	certificate, _ := keyPair(t, "rsa")
	key := string(file(t, "rsa.key"))
	if _, err := certificate.ParseKey("\ufeff" + key); err != nil {
		t.Errorf("a key with a byte-order mark: %v", err)
	}
	if _, err := certificate.ParseKey(string(inUTF16([]byte(key), 0))); err == nil ||
		!strings.Contains(err.Error(), "is UTF-16, not UTF-8") || strings.Contains(err.Error(), key[40:60]) {
		t.Errorf("a key in UTF-16: %v", err)
	}
}
