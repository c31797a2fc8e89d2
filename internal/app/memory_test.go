package app

import (
	"runtime/debug"
	"testing"
)

func TestGarbageIsCollectedOftenUnlessTheOperatorDecides(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for _, test := range []struct {
		name string
		set  map[string]string
		want int
	}{
		{"nothing is set", nil, gcPercent},
		{"the variables are empty", map[string]string{"GOGC": "", "GOMEMLIMIT": ""}, gcPercent},
		{"GOGC is set", map[string]string{"GOGC": "200"}, 100},
		{"GOMEMLIMIT is set", map[string]string{"GOMEMLIMIT": "1GiB"}, 100},
	} {
		debug.SetGCPercent(100)
		CollectOften(func(name string) (string, bool) { value, found := test.set[name]; return value, found })
		if have := debug.SetGCPercent(100); have != test.want {
			t.Errorf("%s: the collector runs at %d %%, want %d", test.name, have, test.want)
		}
	}
}
