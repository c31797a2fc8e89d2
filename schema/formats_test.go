package schema

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// recordsOf returns the users and groups of declarations as they are written to a file.
func recordsOf(d *Declarations) schematest.Records {
	out := schematest.Records{Users: map[string]schematest.Record{}, Groups: map[string]schematest.Record{}}
	for key, u := range d.Users {
		r := schematest.Record{
			"userId": u.UserID, "firstName": u.FirstName, "lastName": u.LastName, "email": u.Email,
			"state": string(u.State),
		}
		if len(u.Attributes) > 0 {
			r["attributes"] = maps.Clone(u.Attributes)
		}
		for name, date := range map[string]*Date{"validFrom": u.ValidFrom, "validUntil": u.ValidUntil} {
			if date != nil {
				r[name] = date.Text
			}
		}
		if previously := keySet(u.Previously); len(previously) > 0 {
			r["previously"] = previously
		}
		out.Users[key] = r
	}
	for key, g := range d.Groups {
		r := schematest.Record{"displayName": g.DisplayName}
		if g.Description != "" {
			r["description"] = g.Description
		}
		members := schematest.Record{}
		for _, m := range g.Members {
			member := schematest.Record{}
			if m.Until != nil {
				member["until"] = m.Until.Text
			}
			if m.Reason != "" {
				member["reason"] = m.Reason
			}
			members[m.User] = member
		}
		if len(members) > 0 {
			r["members"] = members
		}
		out.Groups[key] = r
	}
	return out
}

func keySet(keys []string) schematest.Record {
	out := schematest.Record{}
	for _, key := range keys {
		out[key] = schematest.Record{}
	}
	return out
}

// loadRecords loads records that are written in a format.
func loadRecords(t *testing.T, r schematest.Records, format string) *Declarations {
	t.Helper()
	files, err := r.Files(format)
	if err != nil {
		t.Fatal(err)
	}
	text := "package roster\n\ntimezone: \"Europe/Berlin\"\n" + schematest.AttributeTypes
	files["roster.cue"] = &fstest.MapFile{Data: []byte(text)}
	d, err := Load(files)
	if err != nil {
		for name, f := range files {
			t.Logf("%s:\n%s", name, f.Data)
		}
		t.Fatalf("%s: %v", format, err)
	}
	return d
}

// formatsAgree exports a random organization in each format, and reads the export in each other
// format.
func formatsAgree(t *testing.T, seed uint64) {
	t.Helper()
	written := schematest.RandomRecords(rand.New(rand.NewPCG(seed, 3)))
	var first schematest.Records
	for i, from := range schematest.Formats {
		read := recordsOf(loadRecords(t, written, from))
		if i == 0 {
			first = read
		}
		if !reflect.DeepEqual(read, first) {
			t.Fatalf("seed %d: %s is read as\n%v\n%s is read as\n%v", seed, from, read, schematest.Formats[0], first)
		}
		for _, to := range schematest.Formats {
			if again := recordsOf(loadRecords(t, read, to)); from != to && !reflect.DeepEqual(again, read) {
				t.Fatalf("seed %d: read from %s\n%v\nexported as %s\n%v", seed, from, read, to, again)
			}
		}
	}
	if len(first.Users) != len(written.Users) || len(first.Groups) != len(written.Groups) {
		t.Fatalf("seed %d: %d users and %d groups were read; want %d and %d", seed, len(first.Users), len(first.Groups),
			len(written.Users), len(written.Groups))
	}
}

func TestAnExportInOneFormatIsReadInAnother(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { formatsAgree(t, seed) })
	}
}

// FuzzFormats exports and reads random organizations in all pairs of formats.
func FuzzFormats(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { formatsAgree(t, seed) })
}
