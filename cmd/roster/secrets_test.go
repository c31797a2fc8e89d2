package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/rogpeppe/go-internal/testscript"
)

// ageFileCmd encrypts the value of a variable to an armored file, and writes the identity that
// decrypts it: agefile FILE IDENTITY VARIABLE.
func ageFileCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 3, "agefile FILE IDENTITY VARIABLE")
	identity, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(identity.String()+"\n"), 0o600))
	var out strings.Builder
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, identity.Recipient())
	ts.Check(err)
	_, err = w.Write([]byte(ts.Getenv(args[2])))
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(armored.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out.String()), 0o644))
}

// awsStoreCmd serves the value of a variable as a secret of AWS Secrets Manager: awsstore NAME
// VARIABLE. It sets the environment variables that the AWS SDK reads.
func awsStoreCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 2, "awsstore NAME VARIABLE")
	value := ts.Getenv(args[1])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ SecretId string }
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.SecretId != args[0] ||
			r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"SecretString":%q}`, value)
	}))
	ts.Defer(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": canary +
			"aws-key", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"} {
		ts.Setenv(name, value)
	}
}
