package schema

import (
	"fmt"
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	const tenant = "F6a1c2d0fff-7b3e-4c55-9a81-2d0e5b6f7c18"
	lower := strings.ToLower(tenant)
	for endpoint, want := range map[string]string{
		"https://scim.us-east-1.amazonaws.com/" + tenant + "/scim/v2":             "us-east-1/" + lower,
		"https://scim.us-east-1.amazonaws.com/" + tenant + "/scim/v2/":            "us-east-1/" + lower,
		"https://scim.us-east-1.api.aws/" + tenant + "/scim/v2":                   "us-east-1/" + lower,
		"https://SCIM.us-gov-west-1.amazonaws.com/" + tenant + "/scim/v2":         "us-gov-west-1/" + lower,
		"https://scim.cn-northwest-1.amazonaws.com.cn/" + tenant + "/scim/v2":     "cn-northwest-1/" + lower,
		"https://scim.eusc-de-east-1.amazonaws.eu/" + tenant + "/scim/v2":         "eusc-de-east-1/" + lower,
		"https://scim.eu-west-1.amazonaws.eu.evil.example/" + tenant + "/scim/v2": "",
		"http://127.0.0.1:8740/tenant/scim/v2":                                    "127.0.0.1:8740/tenant",
		"http://[::1]:8740/tenant/scim/v2":                                        "127.0.0.1:8740/tenant",
		"http://localhost/Tenant/scim/v2":                                         "127.0.0.1:80/Tenant",
		"https://scim.example.com/tenant/scim/v2":                                 "scim.example.com:443/tenant",
		"https://scim.us-east-1.amazonaws.com.example.com/" + tenant + "/scim/v2": "",
	} {
		d, err := Load(withProvisioner(t, fmt.Sprintf(`endpoint: %q, auth: token: {env: "T"}`, endpoint)))
		switch {
		case want == "" && err == nil:
			t.Errorf("%s was accepted", endpoint)
		case want != "" && err != nil:
			t.Errorf("%s: %v", endpoint, err)
		case want != "" && d.Provisioners["p"].Identity() != want:
			t.Errorf("%s: got %s, want %s", endpoint, d.Provisioners["p"].Identity(), want)
		}
	}
}
