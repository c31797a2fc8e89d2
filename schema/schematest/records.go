package schematest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
)

// Formats are the formats of records.
var Formats = []string{"cue", "yaml", "json", "jsonl", "csv"}

// Record is a user or group as in a JSON file, without its key: values are strings, bools, ints,
// lists of strings, and maps.
type Record = map[string]any

// Records are users and groups by key.
type Records struct{ Users, Groups map[string]Record }

// texts are parts of random texts. Each is a value that some format could read as something else.
var texts = []string{
	"Sales", "Zoë", "Zoe\u0308", "O'Neil", `a "quoted" word`, "comma, here", "a:b", "x # y", "007", "1e3", "true", "no",
	"null", "~x", "2026-01-01", "0x1F", "a\\b", "%d", "=1+1", "{x}", "[y]", "&z", "*w", "!v", "|u", "@t", "`s`",
	"王", "ẞ",
}

// awsText removes the characters that AWS does not accept in names.
var awsText = strings.NewReplacer("%", "", ":", "", "<", "", ">", "", ";", "")

// RandomRecords returns random users and groups that are valid beside the attributes of
// AttributeTypes. The csv format cannot state rules and included groups, so there are none.
func RandomRecords(r *rand.Rand) Records {
	out := Records{map[string]Record{}, map[string]Record{}}
	text := func() string { return texts[r.IntN(len(texts))] }
	for i := range 3 + r.IntN(8) {
		u := Record{
			"userId": fmt.Sprint("user", i), "firstName": awsText.Replace(text()),
			"lastName": awsText.Replace(text()),
			"email":    fmt.Sprintf("user%d@example.com", i),
		}
		optional := Record{
			"state": []string{"ACTIVE", "LOCKED", "INACTIVE"}[r.IntN(3)], "validFrom": "2026-01-01",
			"validUntil": []string{"2027-01-31", "2027-03-28T02:30:00+02:00"}[r.IntN(2)],
			"previously": Record{fmt.Sprint("old-", i): Record{}},
			"attributes": randomAttributes(r, text),
		}
		for name, value := range optional {
			if r.IntN(2) == 0 {
				u[name] = value
			}
		}
		out.Users[fmt.Sprintf("u-%d", i)] = u
	}
	for i := range 1 + r.IntN(4) {
		g := Record{"displayName": fmt.Sprint(awsText.Replace(text()), " ", i)}
		if r.IntN(2) == 0 {
			g["description"] = text()
		}
		members := Record{}
		for _, key := range slices.Sorted(maps.Keys(out.Users)) {
			m := Record{}
			if r.IntN(3) == 0 {
				m["until"] = "2027-06-30"
			}
			if r.IntN(3) == 0 {
				m["reason"] = text()
			}
			if r.IntN(2) == 0 {
				members[key] = m
			}
		}
		if len(members) > 0 {
			g["members"] = members
		}
		out.Groups[fmt.Sprintf("g-%d", i)] = g
	}
	return out
}

// AttributeTypes declares the custom attributes of RandomRecords.
const AttributeTypes = `attributeTypes: {
	title: type: "string"
	level: type: "int"
	contractor: type: "bool"
	skills: type: "strings"
}
`

func randomAttributes(r *rand.Rand, text func() string) Record {
	out := Record{}
	for name, value := range (Record{
		"title": awsText.Replace(text()), "level": r.IntN(2000) - 1000, "contractor": r.IntN(2) == 0,
		"skills": []string{text(), text()},
	}) {
		if r.IntN(2) == 0 {
			out[name] = value
		}
	}
	if len(out) == 0 {
		out["level"] = 0
	}
	return out
}

// Files writes the records in a format: below users/ and groups/, or as a file of CUE.
func (r Records) Files(format string) (fstest.MapFS, error) {
	out := fstest.MapFS{}
	for kind, records := range map[string]map[string]Record{"users": r.Users, "groups": r.Groups} {
		parts := map[string]map[string]Record{kind: records}
		if format == "csv" && kind == "groups" {
			parts = map[string]map[string]Record{kind: withoutMembers(records), "groups/members": records}
		}
		for name, part := range parts {
			content, err := encode(format, kind, name, part)
			if err != nil {
				return nil, err
			}
			if name == kind {
				name += "/all"
			}
			out[name+"."+format] = &fstest.MapFile{Data: content, Mode: 0o644}
		}
	}
	return out, nil
}

func withoutMembers(groups map[string]Record) map[string]Record {
	out := map[string]Record{}
	for key, g := range groups {
		out[key] = maps.Clone(g)
		delete(out[key], "members")
	}
	return out
}

func encode(format, kind, name string, records map[string]Record) ([]byte, error) {
	switch format {
	case "json":
		return json.Marshal(records)
	case "yaml":
		return yaml.Marshal(records)
	case "cue": // JSON is CUE
		content, err := json.Marshal(map[string]any{kind: records})
		return fmt.Appendf(nil, "package roster\n\n%s\n", content), err
	case "jsonl":
		var b bytes.Buffer
		for _, key := range slices.Sorted(maps.Keys(records)) {
			record := maps.Clone(records[key])
			record["key"] = key
			line, err := json.Marshal(record)
			if err != nil {
				return nil, err
			}
			b.Write(append(line, '\n'))
		}
		return b.Bytes(), nil
	}
	return encodeCSV(name, records)
}

func encodeCSV(name string, records map[string]Record) ([]byte, error) {
	header := strings.Split(strings.TrimSpace(map[string]string{
		"users": "key,userId,firstName,lastName,email,state,validFrom,validUntil,previously,attributes.title," +
			"attributes.level,attributes.contractor,attributes.skills",
		"groups": "key,displayName,description", "groups/members": "group,user,until,reason",
	}[name]), ",")
	rows := [][]string{header}
	for _, key := range slices.Sorted(maps.Keys(records)) {
		record := records[key]
		if name == "groups/members" {
			members, _ := record["members"].(Record)
			for _, user := range slices.Sorted(maps.Keys(members)) {
				m, _ := members[user].(Record)
				rows = append(rows, []string{key, user, cell(m["until"]), cell(m["reason"])})
			}
			continue
		}
		row := []string{key}
		for _, column := range header[1:] {
			value := record[column]
			if attribute, ok := strings.CutPrefix(column, "attributes."); ok {
				attributes, _ := record["attributes"].(Record)
				value = attributes[attribute]
			}
			row = append(row, cell(value))
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// cell writes a value as a cell of a CSV file.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []string:
		return strings.Join(v, ";")
	case Record:
		return strings.Join(slices.Sorted(maps.Keys(v)), ";")
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(value)
}
