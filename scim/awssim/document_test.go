package awssim

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDocument checks that encoding/json decodes everything that this parser accepts to the same
// value.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":[1,-2.5e3,true,false,null,"\u00e9\n"],"b":{"c":{}}}`, `{"a":1,"a":2}`, `[]`, `{"a":"\ud800"}`,
		`{"a":"\ud83d\ude00"}`, `{} {}`, "{\"\xff\":1}", `{"a":01}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parseDocument(data)
		if err != nil {
			return
		}
		var got, want any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%q was accepted, but encoding/json rejects it: %v", data, err)
		}
		if err := json.Unmarshal(appendJSON(nil, doc), &got); err != nil {
			t.Fatalf("%q is rendered as %s: %v", data, appendJSON(nil, doc), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", data, diff)
		}
	})
}
