package mapping_test

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
)

func TestMapping(t *testing.T) {
	d := example(t)
	m := d.Mappings["aws"]
	slow := m.ByCUE()
	if slow == nil {
		t.Fatalf("the example's mapping is not compiled")
	}
	members := d.Membership(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	for _, key := range slices.Sorted(maps.Keys(d.Users)) {
		scim, onCreate, err := m.Run(d.Users[key], members.GroupsOf(key))
		wantSCIM, wantOnCreate, wantErr := slow.Run(d.Users[key], members.GroupsOf(key))
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
	var wg sync.WaitGroup
	for _, m := range []*mapping.Mapping{d.Mappings["aws"], d.Mappings["aws"].ByCUE()} {
		for range 4 {
			wg.Go(func() {
				for _, u := range d.Users {
					if _, err := m.Evaluate(u, nil); err != nil {
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
			schema.EnterpriseUser + `:division=Platform ` + schema.EnterpriseUser + `:manager.value=Platform ` +
			`userName=alice@example.com | locale=en userType=Platform`,
		"u-2": `active=true displayName=bob emails.primary=true emails.type=work emails.value=bob@example.com ` +
			`name.familyName=Ray name.givenName=Bob phoneNumbers.type= phoneNumbers.value= title= ` +
			schema.EnterpriseUser + `:division= ` + schema.EnterpriseUser + `:manager.value= ` +
			`userName=bob@example.com | locale=en`,
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
	if at := m.AttributePos(schema.EnterpriseUser + ":manager.value"); at.Line != 13 {
		t.Errorf("the expression of the manager is at %v", at)
	}
}

func BenchmarkMap(b *testing.B) {
	d := example(b)
	m := d.Mappings["aws"]
	u := d.Users["u-1009"]
	groups := []string{"platform", "sre"}
	b.Run("compiled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Evaluate(u, groups); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("CUE", func(b *testing.B) {
		slow := m.ByCUE()
		for b.Loop() {
			if _, err := slow.Evaluate(u, groups); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// base returns the organization to which cases add files.
func base(t testing.TB) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile("../../testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, f := range a.Files {
		out[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return out
}

func withCase(t testing.TB, text string) *schema.Declarations {
	t.Helper()
	files := base(t)
	files["case.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n" + text)}
	d, err := schema.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func example(t testing.TB) *schema.Declarations {
	t.Helper()
	d, err := schema.Load(os.DirFS("../../../testdata/example"))
	if err != nil {
		t.Fatalf("load the example organization:\n%v", err)
	}
	return d
}
