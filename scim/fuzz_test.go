package scim

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// seeds are responses of the Developer Guide, and invalid ones.
var seeds = []string{
	`{"id":"9067729b3d-94f1e0b3-c394-48d5-8ab1-2c122a167074","externalId":"701984","meta":{"resourceType":"User","created":"2020-04-07T16:48:54Z","lastModified":"2020-04-07T16:48:54Z"},"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"bjensen","name":{"formatted":"Ms. Barbara J Jensen","familyName":"Jensen","givenName":"Barbara","middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"},"displayName":"Babs Jensen","active":"TRUE","emails":[{"value":"bjensen@example.com","type":"work","primary":"true"}],"addresses":[{"streetAddress":"100 Universal City Plaza","country":"USA","primary":true}],"phoneNumbers":[{"value":"555-555-5555","type":"work"}],"roles":[{"value":"r"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","manager":{"value":"9067","$ref":"../Users/9067","displayName":"x"}}}`,
	`{"id":"1","members":[{"value":"u1","type":"User","$ref":"x","display":"d"},{"value":"u1"},{}],"displayName":"Group","meta":{"created":"yesterday"}}`,
	`{"itemsPerPage":1,"nextCursor":"a+/=","schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[{"id":"1","members":[]}]}`,
	`{"totalResults":0,"startIndex":1}`,
	`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],"filter":{"supported":true,"maxResults":50},"authenticationSchemes":[{"type":"oauthbearertoken","primary":true}]}`,
	`{"detail":"Refused to create a new, duplicate resource.","status":"409","exceptionRequestId":"59370c32","schema":[]}`,
	"<html>Authorization: Bearer t0p/secret+token==</html>",
	`{"detail":"t0p/secret+token=="}`, `null`, `[]`, `{"Resources":null}`, "", "\xff",
}

func FuzzUser(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		u, err := decodeBody([]byte(data), decodeUser)
		if (u == nil) == (err == nil) {
			t.Fatalf("user %v, error %v", u, err)
		}
		if err != nil {
			return
		}
		// The user can be written, and reads the same.
		body, err := userBody(u, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeBody(body, decodeUser)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		again.Meta = u.Meta // never written
		if !reflect.DeepEqual(u, again) {
			t.Errorf("read %+v, then %+v", u, again)
		}
		if ops, put := AWS.UserOps(u, again); len(ops) != 0 || put {
			t.Errorf("equal users differ by %v", ops)
		}
	})
}

func FuzzGroup(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		aws, errAWS := decodeBody([]byte(data), AWS.decodeGroup)
		rfc, errRFC := decodeBody([]byte(data), RFC.decodeGroup)
		if (errAWS == nil) != (errRFC == nil) {
			t.Fatalf("errors %v and %v", errAWS, errRFC)
		}
		if errAWS != nil {
			return
		}
		if aws.Members != nil || rfc.Members == nil {
			t.Errorf("members on AWS are %v, elsewhere %v", aws.Members, rfc.Members)
		}
		seen := map[string]bool{}
		for _, m := range rfc.Members {
			if m.Value == "" || seen[m.Value] {
				t.Errorf("member %q is empty or there twice", m.Value)
			}
			seen[m.Value] = true
		}
	})
}

func FuzzListing(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		p, ids, err := decodePage([]byte(data), decodeID)
		if err != nil {
			return
		}
		if !p.hasResources && (p.TotalResults == nil || *p.TotalResults != 0) {
			t.Errorf("%q passes for an empty listing", data)
		}
		for _, profile := range []Profile{AWS, RFC} {
			l := listing[User]{c: &Client{Profile: profile}, cursors: map[string]bool{}, ids: map[string]bool{}}
			n := len(ids)
			for i := range n {
				l.ids[string(rune(i))] = true
			}
			cursor, done, err := l.next(p, n)
			if err == nil && done == (cursor != "") && !l.indexed {
				t.Errorf("%q: cursor %q, done %v", data, cursor, done)
			}
			if done && err == nil && p.TotalResults != nil && *p.TotalResults > n {
				t.Errorf("%q: done with %d", data, n)
			}
		}
	})
}

func FuzzServer(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		if c, err := decodeConfig([]byte(data)); (c == nil) == (err == nil) {
			t.Errorf("config %v, error %v", c, err)
		}
		var s Schema
		var r ResourceType
		_, _ = json.Unmarshal([]byte(data), &s), json.Unmarshal([]byte(data), &r)
	})
}

func FuzzErrorBody(f *testing.F) {
	const token = "t0p/secret+token=="
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		e := &Error{Op: "get user", Method: "GET", Path: "/Users/1", Status: 400}
		e.readBody([]byte(data), token)
		text := e.Error()
		switch {
		case strings.Contains(text, token):
			t.Errorf("the token shows: %q", text)
		case len(text) > 4*maxDetail:
			t.Errorf("%d bytes", len(text))
		case strings.ContainsAny(text, "\r\n\x1b\x00"):
			t.Errorf("control characters: %q", text)
		case utf8.ValidString(data) && !utf8.ValidString(text):
			t.Errorf("broken characters: %q", text)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for _, s := range []string{
		"7", "0.5", "-1", "1e300", "NaN", "Inf", "", "soon",
		"Thu, 01 Oct 2026 12:01:00 GMT", "Thu, 01 Oct 1926 12:01:00 GMT",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, now); d < 0 {
			t.Errorf("%q asks for %v", value, d)
		}
	})
}

func FuzzFilterQuoting(f *testing.F) {
	for _, s := range []string{"a", `"`, `\`, "\t", "é", "a and b eq \"c\"", "\xff", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var back string
		if err := json.Unmarshal([]byte(quote(value)), &back); err != nil {
			t.Fatal(err)
		}
		if back != strings.ToValidUTF8(value, "\ufffd") && utf8.ValidString(value) {
			t.Errorf("%q became %q", value, back)
		}
	})
}

func TestRetryAfterValues(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	rows := map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "0.5": 500 * time.Millisecond,
		"0": 0, "-3": 0, "soon": 0, "": 0, "NaN": 0, "Inf": 0,
		"Thu, 01 Oct 2026 12:01:00 GMT": time.Minute, "Thu, 01 Oct 2026 11:00:00 GMT": 0,
	}
	for value, want := range rows {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
