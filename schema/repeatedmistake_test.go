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

// TestMappingThatFailsForAllUsersIsOneProblem fails in several ways for all users, or not for all.
func TestMappingThatFailsForAllUsersIsOneProblem(t *testing.T) {
	display, userName := "displayName: user.userId", "userName: user.email"
	const first, all = `users."u-1": `, ", the same for all 152 users"
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"an expression has no value", display, `displayName: strings.Split(user.userId, "-")[1]`,
			[]string{"R3010 " + first + `mapping "aws" (mappings.cue:5:11) fails: mappings.aws.scim.displayName: ` +
				`index out of range [1] with length 1` + all}},
		{"a value has a character that AWS does not accept", display, `displayName: "<" + user.userId`,
			[]string{"R3005 " + first + `mapping "aws": displayName must not contain the character '<'` + all}},
		{"a value is empty", display, `displayName: strings.TrimPrefix(user.userId, user.userId)`,
			[]string{"R3004 " + first + `mapping "aws": displayName is empty, but AWS requires it` + all}},
		{"values of different lengths are too long", display,
			`displayName: user.userId + "` + strings.Repeat("x", 1100) + `"`,
			[]string{"R3006 " + first +
				`mapping "aws": displayName must have at most 1024 characters, has 1105` + all}},
		{"users cannot sign in", userName, `userName: user.userId`,
			[]string{"R2020 " + first +
				`the NameID for app "aws" (email) is not the userName "alice" of provisioner "prod"` + all}},
		{"two values are too long", display, "displayName: user.userId + long\n\t\ttitle: user.userId + long\n\t\t" +
			`let long = "` + strings.Repeat("x", 1100) + `"`,
			[]string{"R3006 " + first + `mapping "aws": displayName must have at most 1024 characters, has 1105` + all,
				"R3006 " + first + `mapping "aws": title must have at most 1024 characters, has 1105` + all}},
		{"a value of one user is empty", display, `displayName: strings.TrimPrefix(user.userId, "alice")`,
			[]string{`R3004 users."u-1": mapping "aws": displayName is empty, but AWS requires it`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := base(t)
			name, text := manyUsers("json", 150, "")
			files[name] = &fstest.MapFile{Data: []byte(text)}
			files["all.cue"] = &fstest.MapFile{Data: []byte(everyUserInScope)}
			mapping := strings.Replace(string(files["mappings.cue"].Data), c.old, c.new, 1)
			mapping = strings.Replace(mapping, "package roster\n", "package roster\n\nimport \"strings\"\n", 1)
			if !strings.Contains(c.new, "strings.") {
				mapping = strings.Replace(mapping, "import \"strings\"\n", "", 1)
			}
			files["mappings.cue"] = &fstest.MapFile{Data: []byte(mapping)}
			requireLines(t, files, c.want...)
		})
	}
}

// TestMappingThatFailsForManyUsers requires that each user is listed, and that the others are
// counted, if a mapping fails for many users, but not for all.
func TestMappingThatFailsForManyUsers(t *testing.T) {
	files := base(t)
	name, text := manyUsers("json", 150, "")
	files[name] = &fstest.MapFile{Data: []byte(text)}
	files["all.cue"] = &fstest.MapFile{Data: []byte(everyUserInScope)}
	mapping := strings.Replace(string(files["mappings.cue"].Data), "displayName: user.userId",
		`displayName: strings.Replace(user.userId, "x", "<", 1)`, 1)
	mapping = strings.Replace(mapping, "package roster\n", "package roster\n\nimport \"strings\"\n", 1)
	files["mappings.cue"] = &fstest.MapFile{Data: []byte(mapping)}
	lines := problemLines(t, files)
	if len(lines) != 101 || lines[0] != "R3005 mappings.aws: not shown: 50 more problems of this kind" {
		t.Errorf("there are %d problems, and the first one is\n%s", len(lines), lines[0])
	}
}

// TestMappingThatFailsForUsersOfTwoProvisioners requires that users of two provisioners are counted
// once: those who cannot sign in to either are not all users.
func TestMappingThatFailsForUsersOfTwoProvisioners(t *testing.T) {
	files := base(t)
	name, text := manyUsers("json", 2, "")
	files[name] = &fstest.MapFile{Data: []byte(text)}
	provisioner := string(files["provisioners.cue"].Data)
	other := strings.NewReplacer(`"prod"`, `"test"`, `["all"]`, `["some"]`, "f6a1c2d0", "f6a1c2d1")
	files["test.cue"] = &fstest.MapFile{Data: []byte(other.Replace(provisioner) + `
groups: "some": {displayName: "Some", members: {"u-1": {}, "u-2": {}}}
groups: "all": members: {"x-0": {}, "x-1": {}}
`)}
	mapping := strings.Replace(string(files["mappings.cue"].Data), "userName: user.email",
		`userName: strings.TrimPrefix(strings.TrimPrefix(user.email, "alice"), "bob")`, 1)
	mapping = strings.Replace(mapping, "package roster\n", "package roster\n\nimport \"strings\"\n", 1)
	files["mappings.cue"] = &fstest.MapFile{Data: []byte(mapping)}
	for _, line := range problemLines(t, files) {
		if strings.Contains(line, "for all") {
			t.Errorf("Load reports %s", line)
		}
	}
}
