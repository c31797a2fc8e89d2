package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue/ast"
	"go.yaml.in/yaml/v3"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// dataFormats are the formats of records.
var dataFormats = []string{"cue", "yaml", "json", "jsonl", "csv"}

// fieldsOfTypes are the fields of the base organization with a type each.
var fieldsOfTypes = map[string]string{"bool": "contractor", "int": "level", "string": "department", "strings": "skills",
	"date": "validUntil"}

// userWith returns a file of a format with a user, in which a value is written for a field of a
// type.
func userWith(format, typ, value string) (name, content string) {
	field := fieldsOfTypes[typ]
	record := func(quote, separator string) string {
		user := fmt.Sprintf(`%[1]suserId%[1]s: "c", %[1]sfirstName%[1]s: "C", %[1]slastName%[1]s: "D", `+
			`%[1]semail%[1]s: "c@example.com", `, quote)
		if typ == "date" {
			return "{" + user + quote + field + quote + ": " + value + separator + "}"
		}
		return fmt.Sprintf("{%s%[2]sattributes%[2]s: {%[2]s%[3]s%[2]s: %[4]s%[5]s}}", user, quote, field, value,
			separator)
	}
	switch format {
	case "cue":
		return "users/c.cue", "package roster\n\nusers: \"u-3\": " + record("", "") + "\n"
	case "yaml":
		return "users/c.yaml", "u-3: " + record(`"`, "") + "\n"
	case "json":
		return "users/c.json", `{"u-3": ` + record(`"`, "") + "}\n"
	case "jsonl":
		return "users/c.jsonl", `{"key": "u-3", ` + strings.TrimPrefix(record(`"`, ""), "{") + "\n"
	}
	column := field
	if typ != "date" {
		column = "attributes." + field
	}
	return "users/c.csv", "key,userId,firstName,lastName,email," + column + "\nu-3,c,C,D,c@example.com," + value + "\n"
}

// readAs loads a user with a value. It returns the value of the field as text, or "error".
func readAs(t testing.TB, format, typ, value string) (text string, warnings tree.Problems) {
	t.Helper()
	files := base(t)
	name, content := userWith(format, typ, value)
	files[name] = &fstest.MapFile{Data: []byte(content)}
	d, err := Load(files)
	var problems tree.Problems
	if errors.As(err, &problems) {
		if len(problems) != 1 {
			t.Errorf("%s: %s %s has %d problems instead of one:\n%v", format, typ, value, len(problems), problems)
		}
		if at := problems[0].Pos; at.File != name || at.Line == 0 {
			t.Errorf("%s: %s %s: the problem has no position: %v", format, typ, value, problems)
		}
		return "error", nil
	}
	if err != nil {
		t.Fatal(err)
	}
	u := d.Users["u-3"]
	if typ == "date" {
		return u.ValidUntil.Text, d.Warnings
	}
	switch v := u.Attributes[fieldsOfTypes[typ]].(type) {
	case []string:
		return strings.Join(v, ", "), d.Warnings
	case nil:
		return "absent", d.Warnings
	default:
		return fmt.Sprint(v), d.Warnings
	}
}

// TestTheTableOfMeaningsIsTrue reads each row of the table in docs/declarations.md in all formats.
func TestTheTableOfMeaningsIsTrue(t *testing.T) {
	page, err := os.ReadFile("../docs/declarations.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| (bool|int|string|strings|date) " +
		"\\| `(.*)` \\| `(.*)` \\| `(.*)` \\| (?:`(.*)`)? ?\\| (.*) \\|$")
	rows := row.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 30 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, r := range rows {
		typ, meaning := r[1], r[6]
		meaning, exception, _ := strings.Cut(meaning, ", except")
		meaning, warned := strings.CutSuffix(meaning, ", and a warning")
		for i, format := range []string{"cue", "yaml", "json", "jsonl", "csv"} {
			value, want := r[2+min(i, 2)+i/4], meaning
			if i == 3 {
				value = r[4]
			}
			if format == "csv" && exception != "" {
				want = "absent"
			}
			got, warnings := readAs(t, format, typ, value)
			if got != want {
				t.Errorf("%s: %s %s is read as %s, want %s", format, typ, value, got, want)
			}
			if (len(warnings) > 0) != warned {
				t.Errorf("%s: %s %s has the warnings %v, want some: %v", format, typ, value, warnings, warned)
			}
		}
	}
}

// FuzzMeaning writes a text in all formats, as a string and without quotes. It must be read equally
// in all of them, or be an error in all of them.
func FuzzMeaning(f *testing.F) {
	for _, text := range []string{"Sales", "010", "0x1F", "1e3", "1_000", "TRUE", "yes", "null", "~", "-0",
		"12345678901234567890",
		"Zo\u00eb", "Zoe\u0308", "a\u00a0", " a", "a\u200bb", "a;b",
		"a,b\nc", `a"b\c`, "\ufeffx", "#N/A", ".5", "5.", "1K",
		"0b1", "2026-12-31", "\u2028", "a\tb", "<<", "*a", "&a", "!x", "0.0", "-", "--5", "1e-3"} {
		f.Add(text)
	}
	bare := regexp.MustCompile(`^-?[A-Za-z0-9_.]+$`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 || strings.ContainsRune(text, 0) || text != strings.ToValidUTF8(text, "?") || text == "" {
			return
		}
		compare := func(typ string, written map[string]string) {
			results := map[string]string{}
			for _, format := range dataFormats {
				results[format], _ = quietlyReadAs(t, format, typ, written[format])
			}
			if len(slices.Compact(slices.Sorted(maps.Values(results)))) > 1 {
				t.Errorf("%s %q is read as %q", typ, text, results)
			}
		}
		compare("string", asString(t, text))
		if !bare.MatchString(text) {
			return
		}
		for _, typ := range []string{"int", "bool"} {
			compare(typ, map[string]string{"cue": text, "yaml": text, "json": text, "jsonl": text, "csv": text})
		}
	})
}

// asString writes a text as a string of each format.
func asString(t testing.TB, text string) map[string]string {
	t.Helper()
	inJSON, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle,
		Value: text})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"cue": ast.NewString(text).Value, "yaml": strings.TrimSpace(string(inYAML)), "json": string(inJSON),
		"jsonl": string(inJSON), "csv": `"` + strings.ReplaceAll(text, `"`, `""`) + `"`,
	}
}

// quietlyReadAs is readAs without requirements on the problems.
func quietlyReadAs(t testing.TB, format, typ, value string) (string, error) {
	t.Helper()
	files := base(t)
	name, content := userWith(format, typ, value)
	files[name] = &fstest.MapFile{Data: []byte(content)}
	d, err := Load(files)
	if err != nil {
		return "error", err
	}
	return fmt.Sprintf("%q", fmt.Sprint(d.Users["u-3"].Attributes[fieldsOfTypes[typ]])), nil
}

// encodings writes a text in other encodings.
var encodings = map[string]func(string) []byte{
	"UTF-8 with a mark":                  func(s string) []byte { return []byte("\ufeff" + s) },
	"UTF-16 with a mark":                 func(s string) []byte { return utf16Bytes("\ufeff"+s, 0) },
	"UTF-16, big end first, with a mark": func(s string) []byte { return utf16Bytes("\ufeff"+s, 1) },
	"UTF-16 without a mark":              func(s string) []byte { return utf16Bytes(s, 0) },
	"UTF-16, big end first":              func(s string) []byte { return utf16Bytes(s, 1) },
}

// utf16Bytes encodes characters of the basic plane, with the low byte at an index.
func utf16Bytes(text string, low int) []byte {
	var out []byte
	for _, r := range text {
		pair := [2]byte{}
		pair[low], pair[1-low] = byte(r), byte(r>>8)
		out = append(out, pair[:]...)
	}
	return out
}

func TestEveryKindOfFileMayHaveAByteOrderMark(t *testing.T) {
	for _, format := range dataFormats {
		name, content := userWith(format, "string", map[string]string{"csv": "Sales"}[format])
		if format != "csv" {
			name, content = userWith(format, "string", `"Sales"`)
		}
		for encoding, encode := range encodings {
			files := base(t)
			files[name] = &fstest.MapFile{Data: encode(content)}
			d, err := Load(files)
			if encoding == "UTF-8 with a mark" {
				if err != nil || d.Users["u-3"] == nil {
					t.Errorf("%s in %s: %v", name, encoding, err)
				}
				continue
			}
			want := name + ":1:1: R1001: the file is UTF-16, not UTF-8; save it as UTF-8"
			if err == nil || err.Error() != want {
				t.Errorf("%s in %s: %v, want %s", name, encoding, err, want)
			}
		}
	}
}

func TestTablesOfSpreadsheetsAreRead(t *testing.T) {
	plain := "key,userId,firstName,lastName,email,attributes.skills\nu-3,c,C,D,c@example.com,go;cue\n"
	with := func(separator string) string {
		return strings.ReplaceAll(strings.ReplaceAll(plain, "go;cue", `"go;cue"`), ",", separator)
	}
	for _, row := range []struct{ name, text string }{
		{"commas", plain},
		{"semicolons", with(";")},
		{"tabs", with("\t")},
		{"bars", with("|")},
		{"a line with the separator", "sep=;\r\n" + with(";")},
		{"a line with the separator in quotes", "\"sep=;\"\n" + with(";")},
		{"a line with the separator that was saved again", "sep=,,,,,\n" + plain},
		{"a line with the separator in capitals", "SEP=\t\n" + with("\t")},
		{"lines that end with CR", strings.ReplaceAll(plain, "\n", "\r")},
		{"lines that end with CR and LF", strings.ReplaceAll(plain, "\n", "\r\n")},
		{"empty rows", strings.Replace(plain, "\n", "\n,,,,,\n\n , ,,,,\n", 1) + ",,,,,\n\n"},
		{"empty columns at the end", strings.ReplaceAll(plain, "\n", ",,\n")},
		{"an empty column between others", strings.NewReplacer("email,", "email,,", "example.com,", "example.com,,").
			Replace(plain)},
		{"separators after the last cell of a row", strings.TrimSuffix(plain, "\n") + ",,,\n"},
		{"a header with spaces", strings.Replace(plain, "userId", " userId ", 1)},
		{"no line end at the end", strings.TrimSuffix(plain, "\n")},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := base(t)
			files["users/c.csv"] = &fstest.MapFile{Data: []byte(row.text)}
			d, err := Load(files)
			if err != nil {
				t.Fatal(err)
			}
			u := d.Users["u-3"]
			if u == nil || u.Email != "c@example.com" || fmt.Sprint(u.Attributes["skills"]) != "[go cue]" ||
				len(d.Users) != 3 {
				t.Errorf("the user is %+v, with %d users", u, len(d.Users))
			}
			if line := strings.Count(strings.ReplaceAll(row.text, "\r", "\n")[:strings.Index(row.text, "u-3")],
				"\n"); u.Pos.Line != line+1 &&
				!strings.Contains(row.text, "\r\n") {
				t.Errorf("the user is on line %d, want %d", u.Pos.Line, line+1)
			}
		})
	}
}

func TestNothingDeclaredIsAProblem(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"an empty folder":         {},
		"the folder users itself": {"a.csv": &fstest.MapFile{Data: []byte("key\n")}},
		"a bare repository":       {"HEAD": &fstest.MapFile{Data: []byte("ref: x\n")}, "objects/x": &fstest.MapFile{}},
		"only other files":        {"README.md": &fstest.MapFile{Data: []byte("text\n")}},
	} {
		_, err := Options{RequireFiles: true}.Load(t.Context(), files)
		if err == nil || !strings.Contains(err.Error(), "R1014: ") {
			t.Errorf("%s: %v", name, err)
		}
		if d, err := Load(files); err != nil || len(d.Users)+len(d.Provisioners) != 0 {
			t.Errorf("%s, before the first declarations: %v", name, err)
		}
	}
	if _, err := Load(fstest.MapFS{"a.cue": &fstest.MapFile{Data: []byte("package roster\n")}}); err != nil {
		t.Errorf("a package without declarations: %v", err)
	}
}

func TestFilesWithoutContentAreWarnings(t *testing.T) {
	for _, format := range dataFormats[1:] {
		for _, content := range []string{"", "\n", "\ufeff"} {
			files := base(t)
			name := "users/c." + format
			files[name] = &fstest.MapFile{Data: []byte(content)}
			d, err := Load(files)
			if err != nil {
				t.Errorf("%s with %q: %v", name, content, err)
				continue
			}
			if got := fmt.Sprint(d.Warnings); (content == "") != strings.Contains(got,
				name+": W1001: the file is empty") {
				t.Errorf("%s with %q has the warnings %s", name, content, got)
			}
		}
	}
}

// TestTextsAreComparedInNFC writes a name with an accent in both forms of Unicode.
func TestTextsAreComparedInNFC(t *testing.T) {
	const composed, decomposed = "Zo\u00eb", "Zoe\u0308"
	for _, format := range dataFormats {
		value := strconv.Quote(decomposed)
		if format == "csv" {
			value = decomposed
		}
		files := base(t)
		name, content := userWith(format, "string", value)
		files[name] = &fstest.MapFile{Data: []byte(content)}
		files["more.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n_titles: \"" + composed + "\": \"T\"\n" +
			"groups: \"z\": {displayName: \"" + decomposed + "\", where: department: \"" + composed + "\"}\n")}
		d, err := Load(files)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if got := d.Users["u-3"].Attributes["department"]; got != composed {
			t.Errorf("%s: the attribute is %q", format, got)
		}
		if d.Groups["z"].DisplayName != composed || !d.Groups["z"].Where.Matches(d.Users["u-3"]) {
			t.Errorf("%s: the group is %+v", format, d.Groups["z"])
		}
	}
}

// TestAnOrganizationIsEqualInAllFormats loads the same organization from each format.
func TestAnOrganizationIsEqualInAllFormats(t *testing.T) {
	var first string
	for _, format := range dataFormats {
		d, err := Load(schematest.Organization{Users: 30, Groups: 4, Members: 7, Format: format, PerFile: 10}.Tree())
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		var b strings.Builder
		for _, key := range slices.Sorted(maps.Keys(d.Users)) {
			u := *d.Users[key]
			mapped, err := d.Mappings["aws"].Map(d.Users[key], nil)
			if err != nil {
				t.Fatal(err)
			}
			u.Pos = Pos{}
			fmt.Fprintf(&b, "%+v %+v\n", u, mapped)
		}
		for _, key := range slices.Sorted(maps.Keys(d.Groups)) {
			g := d.Groups[key]
			fmt.Fprintf(&b, "%s %s", key, g.DisplayName)
			for _, m := range g.Members {
				fmt.Fprintf(&b, " %s", m.User)
			}
			b.WriteByte('\n')
		}
		if first == "" {
			first = b.String()
		}
		if b.String() != first {
			t.Errorf("%s differs:\n%s\nwant\n%s", format, b.String(), first)
		}
	}
}
