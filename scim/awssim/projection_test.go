package awssim_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestRFCProjection(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	id := s.want(201, s.call("POST", "/Users", rfcJSON("alice",
		`,"title":"Boss","name":{"familyName":"F","givenName":"G"},"emails":[{"value":"a@b","type":"work"}],`+
			`"`+enterprise+`":{"department":"Ops","division":"D"}`))).str("id")
	for _, c := range []struct{ query, want string }{
		{"?attributes=userName", `"userName":"alice"}`},
		{"?attributes=name.familyName,emails.type", `"name":{"familyName":"F"},"emails":[{"type":"work"}]}`},
		{"?attributes=" + enterprise + ":department", `"` + enterprise + `":{"department":"Ops"}}`},
		{"?attributes=" + coreUser + ":title", `"title":"Boss"}`},
		{"?excludedAttributes=meta,name,emails.value," + enterprise,
			`"userName":"alice","title":"Boss","emails":[{"type":"work"}]}`},
	} {
		a := s.want(200, s.call("GET", "/Users/"+id+c.query, ""))
		want := `{"id":"` + id + `","schemas":["` + coreUser + `","` + enterprise + `"],` + c.want
		if a.text != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.query, a.text, want)
		}
	}
	a := s.want(200, s.call("POST", "/Users/.search", `{"schemas":["`+searchRequest+`"],`+
		`"filter":"title pr","attributes":["title"],"startIndex":1,"count":5}`))
	if len(a.resources()) != 1 || a.resources()[0]["title"] != "Boss" || a.resources()[0]["userName"] != nil {
		t.Errorf("search: %s", a.text)
	}
}
