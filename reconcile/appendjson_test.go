package reconcile

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// randomValue sets a value, with all its fields, to a random one. Each field is often empty.
func randomValue(t *rapid.T, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), 5).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.Just(""), rapid.String(), rapid.SampledFrom([]string{"ann", `a"b\c`, "a<b>&c",
			"\u2028", "\xff\xfe", "tab\t", "\x7f", "\u202e"})).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(-2, 1<<40).Draw(t, "number"))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "pointer") {
			v.Set(reflect.New(v.Type().Elem()))
			randomValue(t, v.Elem())
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			randomValue(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			randomValue(t, v.Field(i))
		}
	default:
		t.Fatalf("a change has a field of kind %s: add it to Done.AppendJSON and to this test", v.Kind())
	}
}

// The values of all fields are random, so that a new field must be in AppendJSON too.
func TestTheJSONOfChangesAndEntriesIsThatOfTheStandardLibrary(t *testing.T) {
	check := func(t *rapid.T, value any, appendJSON func([]byte) ([]byte, error)) {
		randomValue(t, reflect.ValueOf(value).Elem())
		want, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		have, err := appendJSON([]byte("before"))
		if err != nil || string(have) != "before"+string(want) {
			t.Fatalf("the JSON is %s, with error %v; want %s", have, err, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var d Done
		check(t, &d, d.AppendJSON)
		var e Entry
		check(t, &e, e.AppendJSON)
	})
}

func TestAppendingTheJSONOfAChangeAllocatesNothing(t *testing.T) {
	d := Done{Change: &Change{Kind: AddMember, Key: "g", ID: "id", Name: "G", Member: "u", MemberName: "U",
		Attributes: []AttributeChange{{Path: "title", Old: "a", New: "b"}}, Origin: Intended,
		Reason: Reason{Text: "declared member", Position: "a.cue:1:2"}, Cause: Cause{Kind: CauseCommit, Commit: "c"}},
		Result: ResultDone, RequestID: "r", Duration: time.Second}
	buffer := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.AppendJSON(buffer); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("it makes %.0f allocations", n)
	}
}
