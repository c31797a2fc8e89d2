package formattest

import (
	"strings"
	"testing"
	"time"
)

type record struct {
	Version int        `json:"version"`
	Name    string     `json:"name,omitempty"`
	Parts   []part     `json:"parts"`
	At      *time.Time `json:"at,omitempty"`
	Ignored int        `json:"-"`
}

type part struct {
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

const golden = `{
  "version": 1,
  "name": "a",
  "parts": [
    {
      "old": "b"
    },
    {
      "new": "c"
    }
  ],
  "at": "2026-03-01T09:45:01Z"
}
`

func TestCompareFindsChangesOfAFormat(t *testing.T) {
	for _, tt := range []struct {
		name, data, err string
		v               any
	}{
		{"the same", golden, "", &record{}},
		{"a field was removed", strings.Replace(golden, `"name"`, `"title"`, 1), `unknown field "title"`, &record{}},
		{"a field was added", strings.Replace(golden, "  \"name\": \"a\",\n", "", 1),
			"no value for formattest.record.Name", &record{}},
		{"a field of a part was added", strings.Replace(golden, `"new": "c"`, `"old": "c"`, 1),
			"no value for formattest.part.New", &record{}},
		{"a value is encoded differently", strings.Replace(golden, "01Z", "01.0Z", 1), "encoded again", &record{}},
		{"two values", golden + "{}", "data after", &record{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := compare([]byte(tt.data), tt.v)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error is %v, want %q", err, tt.err)
			}
		})
	}
}
