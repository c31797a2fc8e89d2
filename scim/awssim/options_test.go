package awssim_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestOptions proves of each option that it changes an answer: the stricter one is the zero value.
func TestOptions(t *testing.T) {
	users := func(s *server) (string, string) { return s.addUser("alice"), s.addUser("bob") }
	rows := map[string]struct {
		value string
		// probe returns what can be told apart.
		probe           func(s *server) any
		strict, relaxed any
	}{
		"ActiveByDefault": {"true", func(s *server) any {
			return s.call("POST", "/Users", with(`"active":true,`, ``)).body["active"]
		}, false, true},
		"PutKeepsOmitted": {"true", func(s *server) any {
			id := s.addUser("alice")
			a := s.call("PUT", "/Users/"+id, `{"userName":"alice","displayName":"D","name":{"familyName":"F","givenName":"G"}}`)
			return fmt.Sprint(a.body["externalId"], a.body["active"])
		}, "<nil> false", "x-alicetrue"},
		"RequireEmail": {"true", func(s *server) any {
			return s.call("POST", "/Users", with(`,"emails":[{"value":"alice@example.com","type":"work","primary":true}]`, "")).status
		}, 201, 400},
		"AllowSpecialChars": {"true", func(s *server) any { return s.call("POST", "/Users", with("Given", "a:b")).status }, 400, 201},
		"CaseSensitiveNames": {"true", func(s *server) any {
			s.addGroup("sre")
			return s.call("POST", "/Groups", `{"displayName":"SRE"}`).status
		}, 409, 201},
		"FilterIgnoresCase": {"true", func(s *server) any {
			s.addUser("alice")
			return len(s.call("GET", "/Users"+filter(`userName eq "ALICE"`), "").resources())
		}, 0, 1},
		"UnknownGroupStatus": {"404", func(s *server) any { return s.call("GET", "/Users"+filter(`groups.value eq "none"`), "").status }, 200, 404},
		"ClampCount":         {"true", func(s *server) any { return s.call("GET", "/Users?count=1000", "").status }, 400, 200},
		"CountMayChange":     {"true", func(s *server) any { return secondPage(s, "1", 0) }, 400, 200},
		"CursorLifetime":     {"1h", func(s *server) any { return secondPage(s, "2", 10*time.Minute) }, 400, 200},
		"PutGroupStatus":     {"405", func(s *server) any { return s.call("PUT", "/Groups/"+s.addGroup("sre"), `{}`).status }, 400, 405},
		"UnsupportedStatus":  {"405", func(s *server) any { return s.call("DELETE", "/Users", "").status }, 400, 405},
		"UnknownMemberStatus": {"204", func(s *server) any {
			return s.call("POST", "/Groups", `{"displayName":"a","members":[{"value":"none"}]}`).status
		}, 400, 201},
		"MemberPathFilter": {"true", func(s *server) any {
			alice, bob := users(s)
			return s.call("PATCH", "/Groups/"+s.addGroup("sre", alice, bob), patch(`{"op":"remove","path":"members[value eq \"`+bob+`\"]"}`)).status
		}, 400, 204},
		"RejectNonMember": {"true", func(s *server) any {
			alice, bob := users(s)
			return s.call("PATCH", "/Groups/"+s.addGroup("sre", alice), patch(`{"op":"remove","path":"members","value":`+values(bob)+`}`)).status
		}, 204, 400},
		"RemoveAllMembers": {"true", func(s *server) any {
			alice, bob := users(s)
			return s.call("PATCH", "/Groups/"+s.addGroup("sre", alice, bob), patch(`{"op":"remove","path":"members","value":`+values(alice, bob)+`}`)).status
		}, 400, 204},
		"PartialPatch": {"true", func(s *server) any {
			alice, bob := users(s)
			s.call("PATCH", "/Groups/"+s.addGroup("sre", alice), patch(`{"op":"add","path":"members","value":`+values(bob)+`}`, `{"op":"add","path":"members","value":`+values("none")+`}`))
			s.call("PATCH", "/Users/"+alice, patch(`{"op":"add","path":"title","value":"T"}`, `{"op":"add","path":"nickName","value":""}`))
			u, _ := s.State().User("alice")
			return fmt.Sprint(s.State().MemberNames("sre"), u.Title)
		}, "[alice]", "[alice bob]T"},
		"LegacyMemberReplace": {"true", func(s *server) any {
			return s.call("PATCH", "/Groups/"+s.addGroup("sre"), patch(`{"op":"replace","path":"members","value":[]}`)).status
		}, 400, 204},
		"AllowMissingUserAgent": {"true", func(s *server) any { return s.agentless("PATCH", "/Users/none").status }, 400, 404},
		"PlainErrors":           {"true", func(s *server) any { return s.agentless("GET", "/Users/", "wrong").body["schemas"] != nil }, true, false},
		"IDPrefix": {"0123456789", func(s *server) any {
			return regexp.MustCompile(`^0123456789-[0-9a-f]{8}-`).MatchString(s.addUser("alice"))
		}, false, true},
		"MaxUsers":  {"1", func(s *server) any { s.addUser("alice"); return s.call("POST", "/Users", userJSON("bob")).status }, 201, 400},
		"MaxGroups": {"1", func(s *server) any { s.addGroup("a"); return s.call("POST", "/Groups", `{"displayName":"b"}`).status }, 201, 400},
		"QuotaStatus": {"402", func(s *server) any {
			s.inject(awssim.Fault{Name: awssim.FaultQuota})
			return s.call("POST", "/Users", userJSON("bob")).status
		}, 400, 402},
		"Throttle.Unlimited":  {"true", func(s *server) any { return burst(s, 30) }, 20, 30},
		"Throttle.PerSecond":  {"5", func(s *server) any { return burst(s, 30) }, 20, 5},
		"Throttle.Burst":      {"7", func(s *server) any { return burst(s, 30) }, 20, 7},
		"Throttle.RetryAfter": {"1500ms", func(s *server) any { burst(s, 25); return s.call("GET", "/Users", "").header.Get("Retry-After") }, "", "2"},
		"Latency.Fixed":       {"30ms", func(s *server) any { return slow(s) }, false, true},
		"Latency.Median":      {"60ms", func(s *server) any { return slow(s) }, false, true},
		"Latency.P99":         {"1s", func(s *server) any { return s.Options.Latency.P99 }, time.Duration(0), time.Second},
		"Seed":                {"7", func(s *server) any { return s.Options.Seed == 7 && s.addUser("alice") == again(s) }, false, true},
	}
	for _, name := range awssim.OptionNames() {
		row, ok := rows[name]
		if !ok {
			t.Errorf("no test of the option %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			var opt awssim.Options
			if got := row.probe(serveExactly(t, awssim.ProfileAWS, opt)); got != row.strict {
				t.Errorf("without it: %v, want %v", got, row.strict)
			}
			if err := opt.Set(strings.ToLower(name), row.value); err != nil {
				t.Fatal(err)
			}
			if got := row.probe(serveExactly(t, awssim.ProfileAWS, opt)); got != row.relaxed {
				t.Errorf("with it: %v, want %v", got, row.relaxed)
			}
		})
	}
}

// again is the id of the first user in another server with the same seed.
func again(s *server) string {
	other := serveExactly(s.t, awssim.ProfileAWS, s.Options)
	return other.addUser("alice")
}

// burst is how many of n calls at one moment are let through.
func burst(s *server, n int) int {
	through := 0
	for range n {
		if s.call("GET", "/Users/none", "").status == 404 {
			through++
		}
	}
	return through
}

// slow is whether a call takes at least 10 ms.
func slow(s *server) bool { return s.durations(1)[0] >= 10*time.Millisecond }

// secondPage is the status of the second page of a listing of count a page, asked for with count 2
// a while later.
func secondPage(s *server, count string, later time.Duration) int {
	for _, name := range []string{"a", "b", "c"} {
		s.addUser(name)
	}
	next := s.call("GET", "/Users?cursor&count="+count, "").str("nextCursor")
	s.AdvanceClock(later)
	return s.call("GET", "/Users"+query("cursor", next, "count", "2"), "").status
}

func TestSetRefuses(t *testing.T) {
	var opt awssim.Options
	for name, value := range map[string]string{"NoSuchOption": "1", "PutKeepsOmitted": "perhaps", "Throttle.Burst": "-1", "CursorLifetime": "5", "Latency.Fixed": "-1s", "Throttle": "1"} {
		if err := opt.Set(name, value); err == nil {
			t.Errorf("%s=%s is accepted", name, value)
		}
	}
	if !slices.IsSorted(awssim.OptionNames()) || reflect.ValueOf(opt).FieldByName("PutKeepsOmitted").Bool() {
		t.Error("an option was set, or the names are not sorted")
	}
}
