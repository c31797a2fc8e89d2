package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// manyUsers returns records of n users in a format, with more text of each record. The text of user
// i replaces %d.
func manyUsers(format string, n int, more string) (name, text string) {
	var b strings.Builder
	for i := range n {
		user := fmt.Sprintf(`"userId": "x%d", "firstName": "X", "lastName": "Y", "email": "x%[1]d@example.com"%s`, i,
			strings.ReplaceAll(more, "%d", fmt.Sprint(i)))
		switch format {
		case "cue":
			fmt.Fprintf(&b, "users: \"x-%d\": {%s}\n", i, user)
		case "json", "yaml":
			fmt.Fprintf(&b, ", \"x-%d\": {%s}", i, user)
		case "jsonl":
			fmt.Fprintf(&b, "{\"key\": \"x-%d\", %s}\n", i, user)
		}
	}
	switch format {
	case "cue":
		return "more.cue", "package roster\n\n" + b.String()
	case "json", "yaml":
		return "users/more." + format, "{" + b.String()[2:] + "}\n"
	}
	return "users/more." + format, b.String()
}

// problemLines returns the problems of a tree, each as the line "code path: message".
func problemLines(t *testing.T, files fstest.MapFS) (lines []string) {
	t.Helper()
	_, err := Load(files)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Load returns %v, want problems", err)
	}
	for _, p := range problems {
		lines = append(lines, fmt.Sprintf("%s %s: %s", p.Code, p.Path, p.Message))
	}
	return lines
}

func requireLines(t *testing.T, files fstest.MapFS, want ...string) {
	t.Helper()
	if got := problemLines(t, files); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("Load reports\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestOneMistakeInManyRecordsIsOneProblem makes one mistake in all records of a file.
func TestOneMistakeInManyRecordsIsOneProblem(t *testing.T) {
	for _, c := range []struct{ mistake, more, want string }{
		{"an attribute is not declared", `, "attributes": {"city": "Bonn"}`,
			`R1101 users."x-0".attributes.city: unknown attribute here and in 4 more users`},
		{"an attribute with different values is not declared", `, "attributes": {"floor": %d}`,
			`R1101 users."x-0".attributes.floor: unknown attribute here and in 4 more users`},
		{"a field is unknown", `, "nick": "x"`, `R1101 users."x-0".nick: unknown field here and in 4 more users`},
	} {
		for _, format := range []string{"cue", "yaml", "json", "jsonl"} {
			t.Run(c.mistake+" in "+format, func(t *testing.T) {
				files := base(t)
				name, text := manyUsers(format, 5, c.more)
				files[name] = &fstest.MapFile{Data: []byte(text)}
				requireLines(t, files, c.want)
			})
		}
	}
}

// TestRepeatedMistakes has mistakes in several records that are one problem, and others that are
// one problem each.
func TestRepeatedMistakes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an attribute of a table is not declared",
			"key,userId,firstName,lastName,email,attributes.city\n" +
				"a,a,A,A,a@example.com,Bonn\nb,b,B,B,b@example.com,Ulm\n",
			[]string{`R1101 users.a.attributes.city: unknown attribute here and in 1 more user`}},
		{"an attribute of a loop is not declared",
			`users: [string]: attributes: city: "B"`,
			[]string{`R1101 users."u-1".attributes.city: unknown attribute here and in 1 more user`}},
		{"two attributes are not declared",
			`users: [string]: attributes: {city: "B", floor: 1}`,
			[]string{`R1101 users."u-1".attributes.city: unknown attribute here and in 1 more user`,
				`R1101 users."u-1".attributes.floor: unknown attribute here and in 1 more user`}},
		{"rules of groups select by an unknown field",
			`groups: {"a": {displayName: "A", where: city: "B"}, "b": {displayName: "B", where: city: "C"}}`,
			[]string{`R2010 groups.a.where.city: unknown user field here and in 1 more group`}},
		{"rules of groups select by different unknown fields",
			`groups: {"a": {displayName: "A", where: city: "B"}, "b": {displayName: "B", where: town: "C"}}`,
			[]string{`R2010 groups.a.where.city: unknown user field`, `R2010 groups.b.where.town: unknown user field`}},
		{"users and rules of groups have an attribute that is not declared",
			`users: "u-1": attributes: city: "B"
groups: {"a": {displayName: "A", where: city: "B"}, "b": {displayName: "B", where: city: "C"}}`,
			[]string{`R1101 users."u-1".attributes.city: unknown attribute`}},
		{"users have an attribute that is not declared, and a rule another one",
			`users: "u-1": attributes: city: "B"
groups: "a": {displayName: "A", where: town: "B"}`,
			[]string{`R1101 users."u-1".attributes.city: unknown attribute`,
				`R2010 groups.a.where.town: unknown user field`}},
		{"members have an unknown field",
			`groups: "a": {displayName: "A", members: {"u-1": note: "x", "u-2": note: "x"}}`,
			[]string{`R1101 groups.a.members."u-1".note: unknown field here and in 1 more member`}},
		{"users and groups have an unknown field",
			`users: "u-1": note: "x"
groups: "a": {displayName: "A", note: "x"}`,
			[]string{`R1101 users."u-1".note: unknown field`, `R1101 groups.a.note: unknown field`}},
		{"two users have an invalid date",
			`users: {"u-1": validUntil: "2026-02-30", "u-2": validUntil: "2026-02-30"}`,
			[]string{`R2018 users."u-1".validUntil: invalid date`, `R2018 users."u-2".validUntil: invalid date`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := base(t)
			if strings.HasPrefix(c.text, "key,") {
				files["users/more.csv"] = &fstest.MapFile{Data: []byte(c.text)}
			} else {
				files["z.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n" + c.text + "\n")}
			}
			requireLines(t, files, c.want...)
		})
	}
}

// TestMistakeInMoreRecordsThanProblemsAreListed requires that a mistake in very many records
// neither hides another one nor is counted wrong.
func TestMistakeInMoreRecordsThanProblemsAreListed(t *testing.T) {
	n := 12_000
	files := base(t)
	name, text := manyUsers("jsonl", n, `, "attributes": {"city": "Bonn"}`)
	text = strings.Replace(text, `"x11990@example.com"`, `"nowhere"`, 1)
	text = strings.Replace(text, `"key": "x-11991", "userId": "x11991", "firstName"`,
		`"key": "x-11991", "userId": "x11991", "lastname"`, 1)
	files[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, `"firstName"`, `"firstname"`))}
	requireLines(t, files,
		`R1101 users."x-0".firstname: unknown field here and in 11998 more users`,
		`R1101 users."x-0".attributes.city: unknown attribute here and in 11999 more users`,
		`R1105 users."x-11990".email: invalid format`,
		`R1102 users."x-11991".firstName: required field is missing`,
		`R1101 users."x-11991".lastname: unknown field`,
	)
}

// TestAdviceForAnUndeclaredAttribute names the type that accepts the value.
func TestAdviceForAnUndeclaredAttribute(t *testing.T) {
	for value, want := range map[string]string{`"B"`: "string", "3": "int", "true": "bool", `["a"]`: "strings"} {
		files := base(t)
		text := "package roster\n\nusers: \"u-1\": attributes: city: " + value + "\n"
		files["z.cue"] = &fstest.MapFile{Data: []byte(text)}
		if got := problemsOf(t, files); !strings.Contains(got, `declare it: attributeTypes: city: type: "`+want+`"`) {
			t.Errorf("the attribute with value %s has the problem\n%s", value, got)
		}
	}
}
