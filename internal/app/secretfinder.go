package app

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/reconcile"
)

// secretFinder finds secrets in the strings of a record. It copies nothing, because the record of a
// large run has millions of strings. Most of them are shared by many changes, so it remembers some
// strings without a secret.
type secretFinder struct {
	scrubber *scrub.Scrubber
	clean    [32]string // strings without a secret, by their address
}

var (
	timeType    = reflect.TypeFor[time.Time]()
	resultsType = reflect.TypeFor[[]reconcile.Done]()
)

// in reports whether a string in a value has a secret.
func (f *secretFinder) in(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return f.inText(v.String())
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && f.in(v.Elem())
	case reflect.Slice, reflect.Array:
		if v.Type() == resultsType && v.CanInterface() {
			return f.inResults(v.Interface().([]reconcile.Done))
		}
		if kind := v.Type().Elem().Kind(); kind >= reflect.Bool && kind <= reflect.Complex128 {
			return false
		}
		for i := range v.Len() {
			if f.in(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if f.in(entries.Key()) || f.in(entries.Value()) {
				return true
			}
		}
	case reflect.Struct:
		if v.Type() == timeType {
			return false
		}
		for i := range v.NumField() {
			if f.in(v.Field(i)) {
				return true
			}
		}
	}
	return false
}

// inText reports whether a text has a secret. A string does not change, so one with the address and
// the length of another is the same.
func (f *secretFinder) inText(text string) bool {
	if text == "" {
		return false
	}
	at := unsafe.StringData(text)
	known := &f.clean[uintptr(unsafe.Pointer(at))>>3%uintptr(len(f.clean))]
	if len(*known) == len(text) && unsafe.StringData(*known) == at {
		return false
	}
	if f.scrubber.FoundString(text) {
		return true
	}
	*known = text
	return false
}

// inResults is in for changes with results, without reflection: a run may have a million of them.
func (f *secretFinder) inResults(all []reconcile.Done) bool {
	for i := range all {
		d := &all[i]
		if d.Change != nil && f.inChange(d.Change) || f.inTexts(string(d.Result), d.Error, d.RequestID) ||
			d.SentBy != nil && f.in(reflect.ValueOf(d.SentBy)) {
			return true
		}
	}
	return false
}

func (f *secretFinder) inChange(c *reconcile.Change) bool {
	for i := range c.Attributes {
		if a := &c.Attributes[i]; f.inTexts(a.Path, a.Old, a.New) {
			return true
		}
	}
	return f.inTexts(string(c.Kind), c.Key, c.ID, c.Name, c.Member, c.MemberName, string(c.Origin), c.Reason.Text,
		c.Reason.Position, c.Reason.Via, string(c.Cause.Kind), c.Cause.Commit, c.Approval(), c.Waiting()) ||
		len(c.DependsOn()) > 0 && f.in(reflect.ValueOf(c.DependsOn())) ||
		len(c.Held()) > 0 && f.in(reflect.ValueOf(c.Held()))
}

func (f *secretFinder) inTexts(texts ...string) bool {
	for _, text := range texts {
		if f.inText(text) {
			return true
		}
	}
	return false
}
