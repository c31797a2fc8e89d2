package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/seed-d64a251c/roster/schema"
)

// awsEndpoint responds like Secrets Manager and Systems Manager (AWS JSON 1.1). It requires signed
// requests.
func awsEndpoint(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			SecretId, Name string
			WithDecryption bool
		}
		refuse := func(code string) {
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":%q,"message":"no such thing"}`, code)
		}
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE/") {
			refuse("UnrecognizedClientException")
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse("SerializationException")
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch r.Header.Get("X-Amz-Target") + " " + in.SecretId + in.Name {
		case "secretsmanager.GetSecretValue roster/token":
			fmt.Fprintf(w, `{"SecretString":%q}`, canary)
		case "secretsmanager.GetSecretValue roster/json":
			fmt.Fprintf(w, `{"SecretString":%q}`, `{"token":"`+canary+`","number":5}`)
		case "secretsmanager.GetSecretValue roster/binary":
			fmt.Fprintf(w, `{"SecretBinary":"Y2FuYXJ5LThjMWYwMg=="}`)
		case "AmazonSSM.GetParameter /roster/token":
			value := "AQICencrypted"
			if in.WithDecryption {
				value = canary
			}
			fmt.Fprintf(w, `{"Parameter":{"Value":%q}}`, value)
		case "AmazonSSM.GetParameter /roster/gone":
			refuse("ParameterNotFound")
		default:
			refuse("ResourceNotFoundException")
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAWSStores(t *testing.T) {
	endpoint := awsEndpoint(t)
	r := &Resolver{}
	r.AWS = func(_ context.Context, region string) (aws.Config, error) {
		return aws.Config{Region: region, BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", canary, "")}, nil
	}
	const region = "eu-west-1"
	for _, test := range []struct {
		name string
		ref  schema.AWSRef
		want string
	}{
		{"a secret", schema.AWSRef{SecretsManager: "roster/token", Region: region}, ""},
		{"a binary secret", schema.AWSRef{SecretsManager: "roster/binary", Region: region}, ""},
		{"a key of a secret", schema.AWSRef{SecretsManager: "roster/json", Region: region, Key: "token"}, ""},
		{"a parameter, decrypted", schema.AWSRef{ParameterStore: "/roster/token", Region: region}, ""},
		{"a key of a secret that is not JSON", schema.AWSRef{SecretsManager: "roster/token", Region: region,
			Key: "token"}, "is not a JSON object"},
		{"a missing key", schema.AWSRef{SecretsManager: "roster/json", Region: region, Key: "tokens"},
			`the key "tokens" of AWS secret roster/json is missing`},
		{"a key that is a number", schema.AWSRef{SecretsManager: "roster/json", Region: region, Key: "number"},
			`the key "number" of AWS secret roster/json is missing or is not a string`},
		{"a missing secret", schema.AWSRef{SecretsManager: "roster/gone", Region: region},
			"read AWS secret roster/gone: ResourceNotFoundException: no such thing"},
		{"a missing parameter", schema.AWSRef{ParameterStore: "/roster/gone", Region: region},
			"read AWS parameter /roster/gone: ParameterNotFound"},
		{"a secret that is not allowed", schema.AWSRef{SecretsManager: "prod/database", Region: region},
			"declarations may not read prod/database from AWS; allowed: roster/*"},
		{"no region", schema.AWSRef{SecretsManager: "roster/token"}, "no AWS region"},
	} {
		t.Run(test.name, func(t *testing.T) { wantSecret(t, r, &schema.SecretRef{AWS: &test.ref}, test.want) })
	}
}

// TestDefaultAWSConfiguration configures the SDK only by the environment.
func TestDefaultAWSConfiguration(t *testing.T) {
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": awsEndpoint(t), "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID":     "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": canary, "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
		"AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	wantSecret(t, &Resolver{}, &schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/token"}}, "")
}

// TestAWSOutOfReach wants the reasons of a request without an answer in words.
func TestAWSOutOfReach(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>sign in</html>")
	}))
	t.Cleanup(page.Close)
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake
	t.Cleanup(encrypted.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, test := range []struct{ name, endpoint, want string }{
		{"a closed port", closed.URL, "read AWS secret roster/token: connection refused by 127.0.0.1:"},
		{"a page", page.URL, "read AWS secret roster/token: the answer is not of the API of AWS"},
		{"an unknown authority", encrypted.URL, "certificate is not signed by an authority that this machine trusts"},
		{"no credentials", "", "no AWS credentials are found: give this machine a role"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Resolver{AWS: func(_ context.Context, region string) (aws.Config, error) {
				cfg := aws.Config{Region: region, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
					Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", canary, "")}
				if cfg.BaseEndpoint = &test.endpoint; test.endpoint == "" {
					cfg.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(
						func(context.Context) (aws.Credentials, error) {
							return aws.Credentials{}, errors.New("no EC2 IMDS role found")
						}))
				}
				return cfg, nil
			}}
			wantSecret(t, r, &schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/token",
				Region: "eu-west-1"}}, test.want)
		})
	}
}
