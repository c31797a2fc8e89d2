package awssim

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Set sets an option by name, for command lines: "ActiveByDefault", "Throttle.Burst", whatever the case. Values are written
// as Go does: true, 5, 1.5s.
func (o *Options) Set(name, value string) error {
	v, ok := o.named(name)
	if !ok {
		return fmt.Errorf("set option: no option %q; there are %s", name, strings.Join(OptionNames(), ", "))
	}
	if err := setValue(v, value); err != nil {
		return fmt.Errorf("set option %s: %w", name, err)
	}
	return nil
}

// OptionNames are the names that Set knows, sorted.
func OptionNames() []string {
	var names []string
	eachOption(reflect.ValueOf(&Options{}).Elem(), "", func(name string, _ reflect.Value) { names = append(names, name) })
	slices.Sort(names)
	return names
}

func (o *Options) named(name string) (found reflect.Value, ok bool) {
	eachOption(reflect.ValueOf(o).Elem(), "", func(n string, v reflect.Value) {
		if strings.EqualFold(n, name) {
			found, ok = v, true
		}
	})
	return found, ok
}

// eachOption calls f for each field that is no structure.
func eachOption(v reflect.Value, prefix string, f func(string, reflect.Value)) {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		if v.Field(i).Kind() == reflect.Struct {
			eachOption(v.Field(i), name+".", f)
			continue
		}
		f(name, v.Field(i))
	}
}

func setValue(v reflect.Value, text string) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err == nil && d < 0 {
			err = fmt.Errorf("%s is negative", text)
		}
		v.SetInt(int64(d))
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int:
		n, err := strconv.ParseUint(text, 10, 31)
		v.SetInt(int64(n))
		return err
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		v.SetUint(n)
		return err
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		v.SetFloat(n)
		return err
	case reflect.String:
		v.SetString(text)
		return nil
	}
	return fmt.Errorf("a %s cannot be written as text", v.Type())
}
