package app

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestEndpointsOfEveryPartitionAreKnownAsAWS(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://scim.us-east-1.amazonaws.com/t/scim/v2":              true,
		"https://scim.us-gov-west-1.api.aws/t/scim/v2":                true,
		"https://scim.cn-north-1.amazonaws.com.cn/t/scim/v2":          true,
		"https://SCIM.eusc-de-east-1.amazonaws.eu/t/scim/v2":          true,
		"https://scim.us-east-1.amazonaws.com.evil.example/t/scim/v2": false,
		"https://bucket.s3.us-east-1.amazonaws.com/t/scim/v2":         false,
		"http://127.0.0.1:8740/t/scim/v2":                             false,
	} {
		if k := knownConnection(&schema.Provisioner{Endpoint: endpoint}, nil); k.AWS != want {
			t.Errorf("%s: AWS is %t, want %t", endpoint, k.AWS, want)
		}
	}
}
