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

// vet does what `cue vet ./...` does in a folder, with no registry to ask.
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
		if err := v.Validate(cue.Attributes(true), cue.Definitions(true), cue.Hidden(true), cue.Concrete(true)); err != nil {
			return err
		}
	}
	return nil
}

// organisation writes the example with the schema's files, as a repository has them.
func organisation(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, fsys := range []fs.FS{Files(), os.DirFS("../testdata/example")} {
		if err := os.CopyFS(dir, fsys); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStockCueTakesTheExample(t *testing.T) {
	dir := organisation(t)
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

func TestStockCueRefusesWhatLoadRefuses(t *testing.T) {
	for name, edit := range map[string][3]string{
		"a misspelt field of a user":           {"users/platform.cue", `email: "alice`, `emial: "alice`},
		"a misspelt attribute of a user":       {"users/platform.cue", `title: "Head`, `titel: "Head`},
		"a missing field":                      {"users/platform.cue", `firstName: "Alice",`, ``},
		"a state that there is not":            {"users/platform.cue", `"LOCKED"`, `"LOCKD"`},
		"a bad key":                            {"users/platform.cue", `"u-1001"`, `"u 1001"`},
		"a misspelt field in a mapping":        {"mappings/aws.cue", `user.email,`, `user.emial,`},
		"a misspelt attribute in a mapping":    {"mappings/aws.cue", `user.attributes.title`, `user.attributes.titel`},
		"a SCIM attribute that AWS lacks":      {"mappings/aws.cue", "\tactive:", "\tactve:"},
		"a secret itself":                      {"provisioners/aws.cue", `{env: "ROSTER_AWS_TOKEN"}`, `"ROSTER_AWS_TOKEN"`},
		"an empty list of groups":              {"provisioners/aws.cue", `"platform", "sre", "engineering", "security", "break-glass", "finance", "sales", "support"`, ``},
		"a second e-mail that is not primary":  {"mappings/aws.cue", `primary: true}`, `primary: false}`},
		"a gate that is off without a reason":  {"provisioners/aws.cue", `protect:`, "limits: history: off: true\n\tprotect:"},
		"a lifetime of metadata that is wrong": {"apps/aws.cue", `saml: serviceProviderMetadata: "saml/aws-sp.xml"`, `saml: {serviceProviderMetadata: "saml/aws-sp.xml", identityProvider: {entityID: "x", singleSignOn: post: "https://x", domains: ["x"], lifetimeDays: 1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := organisation(t)
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
				t.Error("cue vet finds nothing")
			}
			if _, err := Load(os.DirFS(dir)); err == nil {
				t.Error("Load finds nothing")
			}
		})
	}
}
