package awssim_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// optionTest is the test of an option. probe returns a result that the option changes.
type optionTest struct {
	value           string
	probe           func(s *server) any
	strict, relaxed any
}

// status returns a probe for the status of a call.
func status(method, path, body string) func(s *server) any {
	return func(s *server) any { return s.call(method, path, body).status }
}

// patchTeam returns a probe for the status of a PATCH of a group with the member alice. op may
// contain ALICE and BOB for the ids.
func patchTeam(bobIsMember bool, op string) func(s *server) any {
	return func(s *server) any {
		alice, bob := s.addUser("alice"), s.addUser("bob")
		members := []string{alice}
		if bobIsMember {
			members = append(members, bob)
		}
		return s.patchGroup(s.addGroup("sre", members...), strings.NewReplacer("ALICE", alice, "BOB", bob).Replace(op))
	}
}

func userOptionTests() map[string]optionTest {
	return map[string]optionTest{
		"ActiveByDefault": {"true", func(s *server) any {
			return s.call("POST", "/Users", with(activePart+",", ``)).body["active"]
		}, false, true},
		"PutKeepsOmitted": {"true", func(s *server) any {
			id := s.addUser("alice")
			a := s.call("PUT", "/Users/"+id, minimalUser("alice", ""))
			return fmt.Sprint(a.body["externalId"], a.body["active"])
		}, "<nil> false", "x-alicetrue"},
		"RequireEmail":      {"true", status("POST", "/Users", with(`,"emails":`+emailsPart, "")), 201, 400},
		"AllowSpecialChars": {"true", status("POST", "/Users", with("Given", "a:b")), 400, 201},
		"FilterIgnoresCase": {"true", func(s *server) any {
			s.addUser("alice")
			return len(s.call("GET", "/Users"+filter(`userName eq "ALICE"`), "").resources())
		}, 0, 1},
		"UnknownGroupStatus": {"404", status("GET", "/Users"+filter(`groups.value eq "none"`), ""), 200, 404},
		"ClampCount":         {"true", status("GET", "/Users?count=1000", ""), 400, 200},
		"CountMayChange":     {"true", func(s *server) any { return secondPage(s, "1", 0) }, 400, 200},
		"CursorLifetime":     {"1h", func(s *server) any { return secondPage(s, "2", 10*time.Minute) }, 400, 200},
		"UnsupportedStatus":  {"405", status("DELETE", "/Users", ""), 400, 405},
		"AllowMissingUserAgent": {"true", func(s *server) any {
			return s.patchWithoutUserAgent("/Users/none")
		}, 400, 404},
		"PlainErrors": {"true", func(s *server) any {
			return s.callWithToken("wrong", "GET", "/Users/").body["schemas"] != nil
		}, true, false},
		"IDPrefix": {"0123456789", func(s *server) any {
			return regexp.MustCompile(`^0123456789-[0-9a-f]{8}-`).MatchString(s.addUser("alice"))
		}, false, true},
		"MaxUsers": {"1", func(s *server) any {
			s.addUser("alice")
			return s.call("POST", "/Users", userJSON("bob")).status
		}, 201, 400},
		"QuotaStatus": {"402", func(s *server) any {
			s.inject(awssim.Fault{Name: awssim.FaultQuota})
			return s.call("POST", "/Users", userJSON("bob")).status
		}, 400, 402},
	}
}

func groupOptionTests() map[string]optionTest {
	return map[string]optionTest{
		"CaseSensitiveNames": {"true", func(s *server) any {
			s.addGroup("sre")
			return s.tryGroup("SRE", "")
		}, 409, 201},
		"PutGroupStatus": {"405", func(s *server) any {
			return s.call("PUT", "/Groups/"+s.addGroup("sre"), `{}`).status
		}, 400, 405},
		"UnknownMemberStatus": {
			"204", status("POST", "/Groups", groupJSON("a", `,"members":[{"value":"none"}]`)), 400, 201,
		},
		"MemberPathFilter": {
			"true", patchTeam(true, `{"op":"remove","path":"members[value eq \"BOB\"]"}`), 400, 204,
		},
		"RejectNonMember": {
			"true", patchTeam(false, `{"op":"remove","path":"members","value":[{"value":"BOB"}]}`), 204, 400,
		},
		"RemoveAllMembers": {
			"true", patchTeam(true, `{"op":"remove","path":"members","value":[{"value":"ALICE"},{"value":"BOB"}]}`),
			400, 204,
		},
		"PartialPatch": {"true", func(s *server) any {
			alice, bob := s.addUser("alice"), s.addUser("bob")
			s.patchGroup(s.addGroup("sre", alice), `{"op":"add","path":"members","value":`+values(bob)+`}`,
				`{"op":"add","path":"members","value":`+values("none")+`}`)
			s.patchUser(alice, `{"op":"add","path":"title","value":"T"}`, `{"op":"add","path":"nickName","value":""}`)
			u, _ := s.State().User("alice")
			return fmt.Sprint(s.State().MemberNames("sre"), u.Title)
		}, "[alice]", "[alice bob]T"},
		"LegacyMemberReplace": {"true", patchTeam(true, `{"op":"replace","path":"members","value":[]}`), 400, 204},
		"MaxGroups": {"1", func(s *server) any {
			s.addGroup("a")
			return s.tryGroup("b", "")
		}, 201, 400},
	}
}

func serverOptionTests() map[string]optionTest {
	return map[string]optionTest{
		"Throttle.Unlimited": {"true", func(s *server) any { return burst(s, 30) }, 20, 30},
		"Throttle.PerSecond": {"5", func(s *server) any { return burst(s, 30) }, 20, 5},
		"Throttle.Burst":     {"7", func(s *server) any { return burst(s, 30) }, 20, 7},
		"Throttle.RetryAfter": {"1500ms", func(s *server) any {
			burst(s, 25)
			return s.call("GET", "/Users", "").header.Get("Retry-After")
		}, "", "2"},
		"Latency.Fixed":  {"30ms", func(s *server) any { return slow(s) }, false, true},
		"Latency.Median": {"60ms", func(s *server) any { return slow(s) }, false, true},
		"Latency.P99":    {"1s", func(s *server) any { return s.Options.Latency.P99 }, time.Duration(0), time.Second},
		"Seed": {"7", func(s *server) any {
			return s.Options.Seed == 7 && s.addUser("alice") == firstIDWithSameSeed(s)
		}, false, true},
	}
}

// TestOptions tests for each option that the zero value is the strict answer, and that the option
// changes it.
func TestOptions(t *testing.T) {
	tests := map[string]optionTest{}
	for _, m := range []map[string]optionTest{userOptionTests(), groupOptionTests(), serverOptionTests()} {
		maps.Copy(tests, m)
	}
	for _, name := range awssim.OptionNames() {
		row, ok := tests[name]
		if !ok {
			t.Errorf("the option %s has no test", name)
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

// firstIDWithSameSeed returns the id of the first user of another server with the same seed.
func firstIDWithSameSeed(s *server) string {
	other := serveExactly(s.t, awssim.ProfileAWS, s.Options)
	return other.addUser("alice")
}

// burst returns how many of n simultaneous calls are allowed.
func burst(s *server, n int) int {
	allowed := 0
	for range n {
		if s.call("GET", "/Users/none", "").status == 404 {
			allowed++
		}
	}
	return allowed
}

// slow reports whether a call takes at least 10 ms.
func slow(s *server) bool { return s.durations(1)[0] >= 10*time.Millisecond }

// secondPage reads a page of count results, waits, and returns the status of the next page with
// count 2.
func secondPage(s *server, count string, later time.Duration) int {
	for _, name := range []string{"a", "b", "c"} {
		s.addUser(name)
	}
	next := s.call("GET", "/Users?cursor&count="+count, "").str("nextCursor")
	s.AdvanceClock(later)
	return s.call("GET", "/Users"+query("cursor", next, "count", "2"), "").status
}

func TestSetRejectsInvalidOptions(t *testing.T) {
	var opt awssim.Options
	for name, value := range map[string]string{
		"NoSuchOption": "1", "PutKeepsOmitted": "perhaps", "Throttle.Burst": "-1", "CursorLifetime": "5",
		"Latency.Fixed": "-1s", "Throttle": "1",
	} {
		if err := opt.Set(name, value); err == nil {
			t.Errorf("%s=%s was accepted", name, value)
		}
	}
	if !slices.IsSorted(awssim.OptionNames()) || reflect.ValueOf(opt).FieldByName("PutKeepsOmitted").Bool() {
		t.Error("an option was set, or the names are not sorted")
	}
}
