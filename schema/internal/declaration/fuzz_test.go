package declaration

import (
	"testing"
	"time"
)

// A date ends after it begins, and at most a day and a change of the clock later.
func FuzzNewDate(f *testing.F) {
	for _, text := range []string{"2026-12-31", "2026-09-05", "2026-12-31T18:00:00Z", "0000-01-01", "9999-12-31", "x"} {
		f.Add(text, "America/Santiago")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			return
		}
		d := NewDate(text, zone)
		if d == nil {
			return
		}
		if length := d.End.Sub(d.Start); length < 0 || length > 26*time.Hour {
			t.Errorf("%s in %s begins at %s and ends at %s", text, name, d.Start, d.End)
		}
	})
}

// A slash at the end of an endpoint makes no other endpoint, and a rejected one has a message.
func FuzzParseEndpoint(f *testing.F) {
	for _, text := range []string{
		"https://scim.eu-central-1.amazonaws.com/AbC1fdecb43-083d-4307-b59f-ef4a9eb90ca6/scim/v2",
		"https://scim.cn-north-1.amazonaws.com.cn/x/scim/v2/", "http://127.0.0.1:8740/x/scim/v2", "https://", "%", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, invalid := ParseEndpoint(text)
		if invalid != nil {
			if invalid.Message == "" {
				t.Error("the error has no message")
			}
			return
		}
		if again, invalid := ParseEndpoint(text + "/"); invalid != nil || again != first || again.Identity == "" {
			t.Errorf("%q is %+v, with a slash it is %+v (%v)", text, first, again, invalid)
		}
	})
}
