package schema

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueload "cuelang.org/go/cue/load"
)

// vet does what `cue vet ./...` does in a folder without a registry.
func vet(t *testing.T, dir string) error {
	t.Helper()
	instances := cueload.Instances([]string{"./..."}, &cueload.Config{Dir: dir, Env: []string{"CUE_REGISTRY=none"}})
	if len(instances) == 0 {
		t.Fatal("no instances")
	}
	for _, inst := range instances {
		if inst.Err != nil {
			return inst.Err
		}
		v := cuecontext.New().BuildInstance(inst)
		err := v.Validate(cue.Attributes(true), cue.Definitions(true), cue.Hidden(true), cue.Concrete(true))
		if err != nil {
			return err
		}
	}
	return nil
}

// exampleRepository writes the example with the schema's files, as in a repository.
func exampleRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, fsys := range []fs.FS{Files(), os.DirFS("../testdata/example")} {
		if err := os.CopyFS(dir, fsys); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCueVetAcceptsTheExample(t *testing.T) {
	dir := exampleRepository(t)
	if err := vet(t, dir); err != nil {
		t.Errorf("cue vet: %v", err)
	}
	d, err := Load(os.DirFS(dir))
	if err != nil {
		t.Fatalf("load with the schema's files: %v", err)
	}
	if len(d.Warnings) > 0 {
		t.Errorf("warnings: %v", d.Warnings)
	}
}

func TestCueVetRejectsWhatLoadRejects(t *testing.T) {
	for name, edit := range map[string][3]string{
		"a misspelled field of a user":        {"users/platform.cue", `email: "alice`, `emial: "alice`},
		"a misspelled attribute of a user":    {"users/platform.cue", `title: "Head`, `titel: "Head`},
		"a missing field":                     {"users/platform.cue", `firstName: "Alice",`, ``},
		"an unknown state":                    {"users/platform.cue", `"LOCKED"`, `"LOCKD"`},
		"an invalid key":                      {"users/platform.cue", `"u-1001"`, `"u 1001"`},
		"a misspelled field in a mapping":     {"mappings/aws.cue", `user.email,`, `user.emial,`},
		"a misspelled attribute in a mapping": {"mappings/aws.cue", `user.attributes.title`, `user.attributes.titel`},
		"an unknown SCIM attribute":           {"mappings/aws.cue", "\tactive:", "\tactve:"},
		"a secret instead of a reference": {"provisioners/aws.cue", `{env: "ROSTER_SECRET_AWS"}`,
			`"ROSTER_SECRET_AWS"`},
		"an empty list of groups": {"provisioners/aws.cue", `"platform", "sre", "engineering", ` +
			`"security", "break-glass", "finance", "sales", "support"`, ``},
		"an email that is not primary": {"mappings/aws.cue", `primary: true}`, `primary: false}`},
		"a gate that is off without a reason": {"provisioners/aws.cue", `protect:`, "limits: history: off: " +
			"true\n\tprotect:"},
		"an invalid lifetime of metadata": {
			"apps/aws.cue", `saml: serviceProviderMetadata: "saml/aws-sp.xml"`,
			`saml: {serviceProviderMetadata: "saml/aws-sp.xml", identityProvider: {` +
				`entityID: "x", singleSignOn: post: "https://x", domains: ["x"], lifetimeDays: 1}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := exampleRepository(t)
			file := filepath.Join(dir, edit[0])
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			edited := strings.Replace(string(text), edit[1], edit[2], 1)
			if edited == string(text) {
				t.Fatalf("%s does not have %q", edit[0], edit[1])
			}
			if err := os.WriteFile(file, []byte(edited), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := vet(t, dir); err == nil {
				t.Error("cue vet accepts it")
			}
			if _, err := Load(os.DirFS(dir)); err == nil {
				t.Error("Load accepts it")
			}
		})
	}
}
