package app

import (
	"reflect"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/reconcile"
)

// fill sets the pointers in a value, and gives its slices two elements.
func fill(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[time.Time]() {
				fill(t, v.Field(i))
			}
		}
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
	default:
		t.Fatalf("this test does not fill a %s", v.Type())
	}
}

// The changes of a record are searched without reflection, so this test finds a field that is left
// out.
func TestASecretIsFoundInEachStringOfAnEntry(t *testing.T) {
	const secret = "hunter2-and-some-more"
	s := &scrub.Scrubber{}
	s.Add(secret)
	var entry reconcile.Entry
	n := 0
	fill(t, reflect.ValueOf(&entry).Elem())
	if have, err := scrubbed(s, &entry); err != nil || have != &entry {
		t.Fatalf("an entry without secrets is changed: %v", err)
	}
	var check func(v reflect.Value, path string)
	check = func(v reflect.Value, path string) {
		switch {
		case v.Type() == reflect.TypeFor[time.Time]():
		case v.Kind() == reflect.String:
			v.SetString("a text with " + secret)
			if have, err := scrubbed(s, &entry); err != nil || have == &entry {
				t.Errorf("a secret in %s stays, with error %v", path, err)
			}
			v.SetString("")
			n++
		case v.Kind() == reflect.Pointer:
			check(v.Elem(), path)
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				check(v.Index(i), path+"[]")
			}
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				check(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		}
	}
	check(reflect.ValueOf(&entry).Elem(), "entry")
	if n < 50 {
		t.Errorf("the test has tried only %d strings", n)
	}
}

// Most strings of a run are shared by many changes.
func TestAStringThatManyChangesShareIsSearchedOnce(t *testing.T) {
	s := &scrub.Scrubber{}
	s.Add("hunter2-and-some-more")
	f := &secretFinder{scrubber: s}
	shared := "the reason of many changes"
	if f.inText(shared) {
		t.Fatal("it is no secret")
	}
	s.Add("reason of many")
	if f.inText(shared) {
		t.Error("the string is searched again")
	}
	if !f.inText("the reason of many others") || !f.inText(shared[:20]) {
		t.Error("another string is not searched")
	}
}
