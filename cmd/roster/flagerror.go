package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// flagTypes say what the flags of a type accept.
var flagTypes = map[string]string{
	"bool":     "true or false",
	"duration": "a number with a unit, such as 30s, 5m or 2h",
	"int":      "a whole number",
	"float64":  "a number",
}

// flagError returns the error for the value of a flag, without the functions of Go that rejected
// it.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, valueError(invalid.GetFlag(), invalid.GetValue(),
		invalid.Unwrap()))
}

// valueError returns what is wrong with the value of a flag, and what would be right.
func valueError(f *pflag.Flag, value string, cause error) error {
	want, found := flagTypes[f.Value.Type()]
	var number *strconv.NumError
	switch {
	case found:
		return fmt.Errorf("invalid value %q; want %s", value, want)
	case errors.As(cause, &number):
		return fmt.Errorf("invalid value %q; want a number", value)
	}
	return fmt.Errorf("invalid value %q: %w", value, cause)
}
