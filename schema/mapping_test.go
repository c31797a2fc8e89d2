package schema

import (
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	for _, key := range slices.Sorted(maps.Keys(d.Users)) {
		in := newUserInput(d.Users[key], members.GroupsOf(key))
		scim, onCreate, err := compiled.run(in)
		wantSCIM, wantOnCreate, wantErr := compiled.cue.run(in)
		if err != nil || wantErr != nil {
			t.Fatalf("user %s: %v, CUE: %v", key, err, wantErr)
		}
		if !reflect.DeepEqual(scim, wantSCIM) || !reflect.DeepEqual(onCreate, wantOnCreate) {
			t.Errorf("user %s: compiled %v %v, CUE %v %v", key, scim, onCreate, wantSCIM, wantOnCreate)
		}
	}
}

func TestMappingsAreSafeForConcurrentUse(t *testing.T) {
	d := example(t)
	slow := *d.Mappings["aws"]
	slow.program = slow.program.(*compiledProgram).cue
	var wg sync.WaitGroup
	for _, m := range []*Mapping{d.Mappings["aws"], &slow} {
		for range 4 {
			wg.Go(func() {
				for _, u := range d.Users {
					if _, err := m.evaluate(u, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestMapAppliesIfEmpty(t *testing.T) {
	d := withCase(t, `
mappings: "m": {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId, active: user.state == "ACTIVE"
		name: {givenName: user.firstName, familyName: user.lastName}
		title: user.attributes.department
		nickName: user.attributes.department
		emails: [{value: user.email, type: "work", primary: true}]
		phoneNumbers: [{value: user.attributes.department, type: "work"}]
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {manager: value: user.attributes.department
			division: user.attributes.department}
	}
	onCreate: {locale: "en", userType: user.attributes.department}
	ifEmpty: {
		title: "clear", phoneNumbers: "clear", userType: "clear"
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": "clear"
	}
}
`)
	m := d.Mappings["m"]
	for user, want := range map[string]string{
		"u-1": `active=true displayName=alice emails.primary=true emails.type=work emails.value=alice@example.com ` +
			`name.familyName=Ng name.givenName=Alice nickName=Platform phoneNumbers.type=work ` +
			`phoneNumbers.value=Platform title=Platform ` +
			EnterpriseUser + `:division=Platform ` + EnterpriseUser + `:manager.value=Platform ` +
			`userName=alice@example.com | locale=en userType=Platform`,
		"u-2": `active=true displayName=bob emails.primary=true emails.type=work emails.value=bob@example.com ` +
			`name.familyName=Ray name.givenName=Bob phoneNumbers.type= phoneNumbers.value= title= ` +
			EnterpriseUser + `:division= ` + EnterpriseUser + `:manager.value= userName=bob@example.com | locale=en`,
	} {
		got, err := m.Map(d.Users[user], nil)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, a := range got.Attributes {
			parts = append(parts, a.Path+"="+a.Value)
		}
		parts = append(parts, "|")
		for _, a := range got.OnCreate {
			parts = append(parts, a.Path+"="+a.Value)
		}
		if text := strings.Join(parts, " "); text != want {
			t.Errorf("%s:\n got %s\nwant %s", user, text, want)
		}
	}
	if at := m.AttributePos("emails.value"); at.File != "case.cue" || at.Line != 11 {
		t.Errorf("the expression of emails.value is at %v", at)
	}
	if at := m.AttributePos(EnterpriseUser + ":manager.value"); at.Line != 13 {
		t.Errorf("the expression of the manager is at %v", at)
	}
}

// TestLoadDoesNotLeakMemory loads repeatedly, like a daemon.
func TestLoadDoesNotLeakMemory(t *testing.T) {
	files := base(t)
	heap := func(loads int) uint64 {
		for range loads {
			if _, err := Load(files); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap(20)
	if after := heap(100); after > before+2<<20 {
		t.Errorf("the heap grew from %d to %d bytes in 100 loads", before, after)
	}
}
