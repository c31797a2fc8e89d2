package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestSimulateRefusesAddressesThatAreNotAllowed(t *testing.T) {
	for _, test := range []struct {
		flags []string
		want  int
	}{
		{nil, http.StatusOK},
		{[]string{"--denied"}, http.StatusForbidden},
		{[]string{"--allow-from", "192.0.2.0/24"}, http.StatusForbidden},
		{[]string{"--allow-from", "192.0.2.0/24", "--allow-from", "127.0.0.1"}, http.StatusOK},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		r, w := io.Pipe()
		ended := make(chan int, 1)
		go func() {
			args := []string{"simulate", "--listen", "127.0.0.1:0", "--manage", "", "--token", "t"}
			args = append(args, test.flags...)
			ended <- execute(ctx, args, os.LookupEnv, strings.NewReader(""), w, io.Discard)
			w.Close()
		}()
		line := make([]byte, 200)
		n, err := r.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, r)
		endpoint := strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "SCIM endpoint "))
		request, err := http.NewRequest(http.MethodGet, endpoint+"/ServiceProviderConfig", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer t")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%q: status %d, want %d", test.flags, response.StatusCode, test.want)
		}
		interrupt()
		if code := <-ended; code != 0 {
			t.Errorf("%q: exit %d", test.flags, code)
		}
	}
}

func TestSimulateRefusesAnInvalidAllowedAddress(t *testing.T) {
	var stderr strings.Builder
	code := execute(t.Context(), []string{"simulate", "--listen", "127.0.0.1:0", "--manage", "", "--allow-from", "all"},
		os.LookupEnv, strings.NewReader(""), io.Discard, &stderr)
	if code != 64 || !strings.Contains(stderr.String(), `allowed address "all"`) {
		t.Errorf("exit %d\n%s", code, stderr.String())
	}
}
