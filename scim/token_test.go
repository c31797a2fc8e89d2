package scim

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// malformedTokens are texts that contain a token, with a part of the error.
var malformedTokens = []struct{ name, text, want string }{
	{"double quotes", `"tok-e1n"`, "in quotes"},
	{"single quotes", `'tok-e1n'`, "in quotes"},
	{"typographic quotes", "\u201ctok-e1n\u201d", "in quotes"},
	{"backticks", "`tok-e1n`", "in quotes"},
	{"quotes that end too late", "\"tok-e1n\nother\"", "in quotes"},
	{"one quote", `tok-e1n"`, "quotation mark"},
	{"a quote inside", `tok"e1n`, "quotation mark"},
	{"Bearer", "Bearer tok-e1n", `begins with "Bearer"`},
	{"bearer in lower case", "bearer tok-e1n", `begins with "Bearer"`},
	{"Bearer with a tab", "Bearer\ttok-e1n", `begins with "Bearer"`},
	{"a whole header", "Authorization: Bearer tok-e1n", `begins with "Bearer"`},
	{"Bearer in quotes", `"Bearer tok-e1n"`, `begins with "Bearer"`},
	{"only Bearer", "Bearer ", `begins with "Bearer"`},
	{"a line break", "tok-\ne1n", "line break"},
	{"a line break of Windows", "tok-\r\ne1n", "line break"},
	{"two tokens", "tok-e1n\ntok-e1n", "line break"},
	{"a byte-order mark", "\ufefftok-e1n", "byte-order mark"},
	{"a byte-order mark at the end", "tok-e1n\ufeff", "U+FEFF (byte-order mark) as its 8th"},
	{"UTF-16, little endian", "\xff\xfet\x00o\x00k\x00", "UTF-16"},
	{"UTF-16, big endian", "\xfe\xff\x00t\x00o\x00k", "UTF-16"},
	{"UTF-16 without a mark", "t\x00o\x00k\x00", "UTF-16"},
	{"bytes that are no text", "tok\xe9e1n", "not UTF-8"},
	{"a space inside", "tok- e1n", "white space"},
	{"a no-break space inside", "tok-\u00a0e1n", "white space"},
	{"an invisible space", "tok-\u200be1n", "U+200B (invisible) as its 5th"},
	{"a letter outside ASCII", "tok-\u00e9", "U+00E9 as its 5th"},
	{"an escape sequence", "tok\x1b[31m", "U+001B as its 4th"},
	{"JSON", `{"token": "tok-e1n"}`, "JSON object"},
	{"a placeholder", "<tok-e1n>", "placeholder"},
	{"an assignment", "ROSTER_SECRET_AWS=tok-e1n", "name of a variable"},
	{"a NUL byte at the end", "tok-e1n\x00", "NUL byte"},
	{"a command of a shell", "export TOKEN=tok-e1n", "sets a variable"},
	{"a command of PowerShell", "$env:TOKEN = tok-e1n", "sets a variable"},
	{"a variable that no shell replaced", "$TOKEN", "nothing has replaced"},
	{"a variable in braces", "${TOKEN:-tok-e1n}", "nothing has replaced"},
	{"a template", "{{secrets.tok-e1n}}", "nothing has replaced"},
	{"a variable of Windows", "%TOKEN%", "nothing has replaced"},
	{"the endpoint", "https://scim.eu-central-1.amazonaws.com/tok-e1n/scim/v2", "is a URL"},
	{"the ARN of a secret", "arn:aws-us-gov:secretsmanager:us-gov-west-1:1:secret:tok-e1n", "is an ARN"},
	{"a masked token", "***", "masked or cut off"},
	{"a token that a log masked", "tok-***", "masked or cut off"},
	{"the begin of a token", "tok-e1n...", "masked or cut off"},
	{"the begin of a token with an ellipsis", "tok-e1n\u2026", "masked or cut off"},
	{"nothing", "  \n", "empty"},
}

func TestMalformedTokensAreNamedAndNotShown(t *testing.T) {
	for _, tt := range malformedTokens {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckToken(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("the error is %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "e1n") || strings.Contains(err.Error(), "tok-") {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestTokensAreAccepted(t *testing.T) {
	for _, token := range []string{
		"secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "a-b._~+/c==", "  tok-e1n\r\n",
		"1f6b2a34-5c1d-4e2f-9a1b-0c9d8e7f6a5b:c2VjcmV0:AbC/+=", "bearertoken", strings.Repeat("x", 4096), "BASE64==",
	} {
		if err := CheckToken(token); err != nil {
			t.Errorf("%.20q: %v", token, err)
		}
	}
}

// A client sends no request with a malformed token, wherever it comes from.
func TestNoRequestIsSentWithAMalformedToken(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer server.Close()
	for _, tt := range malformedTokens {
		client := &Client{
			Endpoint: server.URL + "/t/scim/v2",
			Token:    func(context.Context) (string, error) { return tt.text, nil },
		}
		_, err := client.ServiceProviderConfig(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the error is %v, want %q", tt.name, err, tt.want)
		}
	}
	if calls != 0 {
		t.Errorf("%d requests were sent", calls)
	}
}

// FuzzCheckToken verifies that a token that is accepted can be sent in a header, and that an error
// never contains the text.
func FuzzCheckToken(f *testing.F) {
	for _, tt := range malformedTokens {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := CheckToken(text)
		if err == nil {
			for _, b := range []byte(strings.TrimSpace(text)) {
				if b < '!' || b > '~' || b == '"' || b == '\'' {
					t.Fatalf("%q was accepted", text)
				}
			}
		} else if plain := strings.TrimSpace(text); len(plain) > 12 && strings.Contains(err.Error(), plain) {
			for _, m := range tokenMistakes { // unless it is a part of the message itself
				if strings.Contains(m.what, plain) {
					return
				}
			}
			t.Fatalf("the error shows the text: %v", err)
		}
	})
}
