package samlmeta

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// goldenRenderings returns the inputs of the golden files, by file name.
func goldenRenderings(t testing.TB) map[string]Rendering {
	other := rendering(t, Upload, "")
	other.Domain, other.Only, other.LifetimeDays = "login.example.org", "2027", 730
	bare := rendering(t, Upload, "")
	bare.Provider.SingleSignOnRedirect, bare.Provider.CacheDuration = "", ""
	return map[string]Rendering{
		"upload.xml":           rendering(t, Upload, ""),
		"upload-rsa.xml":       rendering(t, Upload, "2026"),
		"upload-ecdsa.xml":     rendering(t, Upload, "2027"),
		"upload-other.xml":     other,
		"upload-bare.xml":      bare,
		"published.xml":        rendering(t, Published, ""),
		"published-signed.xml": rendering(t, Published, "2026"),
	}
}

func TestGoldenFiles(t *testing.T) {
	for name, r := range goldenRenderings(t) {
		t.Run(name, func(t *testing.T) {
			golden(t, name, render(t, r).XML)
		})
	}
}

func TestRender(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(*Rendering)
		want string // part of the error; "" for none
	}{
		{"the minimum lifetime", func(r *Rendering) { r.LifetimeDays = 2 }, ""},
		{"a lifetime of a day", func(r *Rendering) { r.LifetimeDays = 1 }, "it must be 2 to 730"},
		{"a lifetime of more than two years", func(r *Rendering) { r.LifetimeDays = 731 }, "it must be 2 to 730"},
		{"an undeclared domain", func(r *Rendering) { r.Domain = "evil.example" },
			`no domain "evil.example"; it has login.example.com, login.example.org`},
		{"an undeclared certificate", func(r *Rendering) { r.Only = "2030" }, `no signing certificate "2030"`},
		{"an unknown profile", func(r *Rendering) { r.Profile = "short" }, `unknown profile "short"`},
		{"no time", func(r *Rendering) { r.Now = time.Time{} }, "the time is not set"},
		{"a signature without a key", func(r *Rendering) { r.Provider.SignMetadataWith = "2026" },
			"a key is required if signMetadataWith is set"},
		{"a key without a signature", func(r *Rendering) { _, r.Key = keyPair(t, "rsa") },
			"a key is required if signMetadataWith is set"},
		{"nothing published", func(r *Rendering) { r.Certificates = nil }, "no signing certificate is published"},
		{"text that XML must escape", func(r *Rendering) { r.Provider.EntityID = `https://{domain}/<idp>?a="b"&c='d'` },
			""},
		{"too long for AWS", func(r *Rendering) {
			r.Provider.SingleSignOnPost = "https://{domain}/" + strings.Repeat("a", 75000)
		}, "AWS accepts 75000"},
		{"an invalid URL", func(r *Rendering) { r.Provider.SingleSignOnPost = "javascript:alert(1)" },
			"parse the rendered metadata"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rendering(t, Upload, "")
			test.edit(&r)
			f, err := r.Render()
			if (err == nil) != (test.want == "") || !strings.Contains(errorText(err), test.want) {
				t.Fatalf("got %v; want %q", err, test.want)
			}
			if err != nil {
				return
			}
			read, err := ParseIdentityProvider("m.xml", f.XML, nil)
			if err != nil || read.EntityID != r.expand(r.Provider.EntityID) {
				t.Errorf("parsed as %+v, %v", read, err)
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, test := range []struct {
		name, now           string
		profile             Profile
		lifetime            int
		validUntil, changes string
	}{
		{"an upload is valid from now", "2026-11-25T12:30:15Z", Upload, 365, "2027-11-25T12:30:15Z", ""},
		{"an upload with the maximum lifetime", "2026-11-25T23:30:15+01:00", Upload, 730, "2028-11-24T22:30:15Z", ""},
		{"a published file is valid from midnight", "2026-11-25T12:30:15Z", Published, 365, "2026-12-02T00:00:00Z",
			"2026-11-26T00:00:00Z"},
		{"a published file is the same all day", "2026-11-25T23:59:59Z", Published, 365, "2026-12-02T00:00:00Z",
			"2026-11-26T00:00:00Z"},
		{"a published file changes on the next day", "2026-11-26T00:00:00Z", Published, 365, "2026-12-03T00:00:00Z",
			"2026-11-27T00:00:00Z"},
		{"a short lifetime is not extended", "2026-11-25T12:30:15Z", Published, 2, "2026-11-27T00:00:00Z",
			"2026-11-26T00:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rendering(t, test.profile, "2027")
			r.Now, r.LifetimeDays = at(test.now), test.lifetime
			f := render(t, r)
			if !f.ValidUntil.Equal(at(test.validUntil)) {
				t.Errorf("valid until %s; want %s", f.ValidUntil, test.validUntil)
			}
			if test.changes == "" != f.NextChange.IsZero() || test.changes != "" &&
				!f.NextChange.Equal(at(test.changes)) {
				t.Errorf("next change at %s; want %s", f.NextChange, test.changes)
			}
			if again := render(t, r); !bytes.Equal(f.XML, again.XML) {
				t.Error("the same rendering gives different bytes")
			}
			read, err := ParseIdentityProvider("m.xml", f.XML, nil)
			if err != nil || read.CacheDuration > f.ValidUntil.Sub(r.Now)+day {
				t.Errorf("may be cached for %s, %v", read.CacheDuration, err)
			}
		})
	}
}

func TestActiveCertificateIsFirst(t *testing.T) {
	r := rendering(t, Upload, "")
	for _, test := range []struct{ a, b, c, want string }{
		{"active", "next", "retired", "2026 2027"},
		{"active", "uploaded", "retired", "2026 2027"},
		{"previous", "active", "retired", "2027 2026"},
		{"previous", "active", "next", "2027 long-ago 2026"},
		{"retired", "active", "uploaded", "2027 long-ago"},
	} {
		signing := r.Provider.Signing
		signing["2026"].Phase, signing["2027"].Phase, signing["long-ago"].Phase = test.a, test.b, test.c
		if have := strings.Join(render(t, r).Certificates, " "); have != test.want {
			t.Errorf("%s, %s, %s: got %s; want %s", test.a, test.b, test.c, have, test.want)
		}
	}
}
