package loopback

import "testing"

func TestIsHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"::ffff:127.0.0.1": true,
		"":                 false, "localhost.example.com": false, "127.0.0.1.example.com": false, "127.1": false,
		"0.0.0.0": false, "::": false, "10.0.0.1": false, "[::1]": false, "localhost:80": false, "2130706433": false,
		"127.0.0.01": false,
	} {
		if got := IsHost(host); got != want {
			t.Errorf("IsHost(%q) = %t, want %t", host, got, want)
		}
	}
}
