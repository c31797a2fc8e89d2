package schema

import (
	"reflect"
	"testing"
	"time"
)

func TestMapping(t *testing.T) {
	d := example(t)
	m := d.Mappings["aws"]
	compiled, ok := m.program.(*compiledProgram)
	if !ok {
		t.Fatalf("the example's mapping is not compiled")
	}
	members := d.Membership(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	for _, key := range keysOf(d.Users) {
		s := newSubject(d.Users[key], members.GroupsOf(key))
		scim, onCreate, err := compiled.run(s)
		wantSCIM, wantOnCreate, wantErr := compiled.cue.run(s)
		if err != nil || wantErr != nil {
			t.Fatalf("user %s: %v, CUE: %v", key, err, wantErr)
		}
		if !reflect.DeepEqual(scim, wantSCIM) || !reflect.DeepEqual(onCreate, wantOnCreate) {
			t.Errorf("user %s: compiled %v %v, CUE %v %v", key, scim, onCreate, wantSCIM, wantOnCreate)
		}
	}
	got, err := m.Map(d.Users["u-1009"], nil)
	t.Log(got, err)
}
