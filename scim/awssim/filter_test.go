package awssim

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	reference "github.com/scim2/filter-parser/v2"
)

// rfcFilters returns the examples of RFC 7644 section 3.4.2.2, figure 2, and forms that they omit.
func rfcFilters() []string {
	return []string{
		`userName eq "bjensen"`,
		`name.familyName co "O'Malley"`,
		`userName sw "J"`,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`,
		`title pr`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`,
		`meta.lastModified ge "2011-05-13T04:42:34Z"`,
		`meta.lastModified lt "2011-05-13T04:42:34Z"`,
		`meta.lastModified le "2011-05-13T04:42:34Z"`,
		`title pr and userType eq "Employee"`,
		`title pr or userType eq "Intern"`,
		`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`,
		`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`,
		`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`,
		`userType eq "Employee" and (emails.type eq "work")`,
		`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`,
		`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`,
		`active eq true`,
		`userName eq "a\"b\\c"`,
		`userName eq "jürgen"`,
	}
}

func TestParseFilterAcceptsTheRFCsExamples(t *testing.T) {
	for _, text := range rfcFilters() {
		if _, err := parseFilter(text, false); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := reference.ParseFilter([]byte(text)); err != nil {
			t.Errorf("%s: the reference parser rejects it: %v", text, err)
		}
	}
}

func badFilters() []string {
	return []string{
		"", " ", "userName", "userName eq", `userName eq `, `eq "a"`, `userName eq "a`, `userName eq 'a'`,
		`userName  eq "a"`, `userName eq  "a"`, `userName eq "a" and`, `userName eq "a" and `, `and userName eq "a"`,
		`userName eq "a" xor b pr`, `(userName eq "a"`, `userName eq "a")`, `emails[type eq "work"`, `emails[]`,
		`emails type eq "work"]`, `not userName eq "a"`, `userName eq {}`, `userName eq []`, `userName eq "a" "b"`,
		`.value eq "a"`, `emails. eq "a"`, `emails.value.more eq "a"`, `1st eq "a"`, `userName eq "\q"`,
		`userName eq "a"junk`, "userName eq\t\"a\"",
		strings.Repeat("(", 100) + `a pr` + strings.Repeat(")", 100),
	}
}

func TestParseFilterRejectsInvalidFilters(t *testing.T) {
	for _, text := range badFilters() {
		if f, err := parseFilter(text, false); err == nil {
			t.Errorf("%q was accepted: %v", text, f)
		}
	}
}

func TestParseFilterHasThePrecedenceOfTheRFC(t *testing.T) {
	f, err := parseFilter(`a pr or b pr and not (c pr or d pr)`, false)
	if err != nil {
		t.Fatal(err)
	}
	is := func(name string) comparison { return comparison{path: attrPath{attr: name}, op: "pr"} }
	want := junction{or: true, left: is("a"), right: junction{
		left: is("b"), right: negation{junction{or: true, left: is("c"), right: is("d")}},
	}}
	unexported := cmp.AllowUnexported(junction{}, negation{}, comparison{}, attrPath{})
	if diff := cmp.Diff(filter(want), f, unexported); diff != "" {
		t.Error(diff)
	}
}

// FuzzFilter checks that the reference parser accepts everything that this parser accepts.
func FuzzFilter(f *testing.F) {
	for _, text := range slices.Concat(rfcFilters(), badFilters()) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parseFilter(text, false); err != nil {
			return
		}
		if _, err := reference.ParseFilter([]byte(text)); err != nil {
			t.Errorf("%q was accepted, but the reference parser rejects it: %v", text, err)
		}
		_, err := parseFilter(text, true)
		if err == nil && text != strings.TrimSpace(text) {
			t.Errorf("%q was accepted although it has outer spaces", text)
		}
	})
}

func paths() []string {
	return []string{
		"members", "name.familyName", `addresses[type eq "work"]`,
		`members[value eq "2819c223-7f76-453a-919d-413861904646"]`,
		`members[value eq "2819c223-7f76-453a-919d-413861904646"].displayName`,
		`emails[type eq "work" and value ew "example.com"].value`, "emails[primary eq true].value",
		urnEnterprise + ":manager.value", urnUser + ":userName",
	}
}

func TestParsePath(t *testing.T) {
	for _, text := range paths() {
		if _, err := parsePath(text, true); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := reference.ParsePath([]byte(text)); err != nil {
			t.Errorf("%s: the reference parser rejects it: %v", text, err)
		}
	}
	if p, err := parsePath(urnEnterprise, true); err != nil || p.attr != "" || p.urn != urnEnterprise {
		t.Errorf("the extension's URN is %+v, %v", p, err)
	}
	for _, text := range []string{
		"", "a.", ".a", "a..b", "a.b.c", "a[b]", `a[b eq "c"`, `a[b eq "c"]d`, `a[b eq "c"].`, `a.b[c eq "d"]`, "a b",
		`a[b eq "c"].d.e`, `a[]`, "[a pr]",
	} {
		if p, err := parsePath(text, false); err == nil {
			t.Errorf("%q was accepted: %+v", text, p)
		}
	}
}

// FuzzPath checks that the reference parser accepts everything that this parser accepts. A path
// that is only the URN of a schema is an exception.
func FuzzPath(f *testing.F) {
	for _, text := range paths() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePath(text, false)
		if err != nil || p.attr == "" {
			return
		}
		if _, err := reference.ParsePath([]byte(text)); err != nil {
			t.Errorf("%q was accepted, but the reference parser rejects it: %v", text, err)
		}
	})
}
