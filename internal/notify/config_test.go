package notify

import (
	"strings"
	"testing"
)

func TestMistakesInTheFileAreNamed(t *testing.T) {
	const hook = "{name: a, slack: {url: {env: X}}}"
	for name, test := range map[string]struct{ file, want string }{
		"an unknown field": {"channels: [" + hook + "]\nchanels: []", `line 2: unknown setting "chanels"`},
		"a wrong type":     {"channels: 1", "line 1: want a list, not a number"},
		"no channel":       {"", "channels: there is none"},
		"no name": {
			"channels: [{slack: {url: {env: X}}}]",
			"channels[0].name: every channel needs a name",
		},
		"two channels of a name": {"channels: [" + hook + ", " + hook + "]", `there are two channels "a"`},
		"no receiver":            {"channels: [{name: a}]", "it has 0 of webhook, slack, teams and smtp"},
		"two receivers": {
			"channels: [{name: a, slack: {url: {env: X}}, teams: {url: {env: X}}}]",
			"it has 2 of webhook",
		},
		"an unknown severity": {
			"channels: [{name: a, severity: high, slack: {url: {env: X}}}]",
			`severity: "high" is not info`,
		},
		"an unknown kind": {
			"channels: [{name: a, events: [hold], slack: {url: {env: X}}}]",
			`events: "hold" is none of held, failed`,
		},
		"a secret in the file": {
			"channels: [{name: a, slack: {url: 'https://hooks.example.com/x'}}]",
			"line 1: want a mapping, not text",
		},
		"no reference to a secret": {"channels: [{name: a, slack: {}}]", "slack.url: write env or file"},
		"a webhook without secret": {
			"channels: [{name: a, webhook: {url: {env: X}}}]",
			"webhook.signingSecret: write env or file",
		},
		"a server without port": {
			"channels: [{name: a, smtp: {server: mail, from: a@b.c, to: [a@b.c]}}]",
			`"mail" is not HOST:PORT`,
		},
		"no receiver of mail": {
			"channels: [{name: a, smtp: {server: 'mail:25', from: a@b.c}}]",
			"smtp.to: there is no receiver",
		},
		"a malformed address": {
			"channels: [{name: a, smtp: {server: 'mail:25', from: a, to: [a@b.c]}}]",
			`"a" is no mail address`,
		},
		"a user without password": {
			"channels: [{name: a, smtp: {server: 'mail:25', from: a@b.c, to: [a@b.c], username: u}}]",
			"belong together",
		},
		"a digest of two days": {
			"channels: [{name: a, digest: 48h, slack: {url: {env: X}}}]",
			"digest: 48h0m0s is not between 0 and 24h",
		},
		"no time zone": {
			"quietHours: [{from: '22:00', to: '07:00'}]\nchannels: [" + hook + "]",
			`timezone: "" is no time zone`,
		},
		"no time of day": {
			"timezone: UTC\nquietHours: [{from: '22', to: '07:00'}]\nchannels: [" + hook + "]",
			"quietHours[0]: from: invalid time",
		},
		"no day": {
			"timezone: UTC\nquietHours: [{from: '22:00', to: '07:00', days: [Mo]}]\nchannels: [" + hook + "]",
			`days: "Mo" is none of`,
		},
		"a page without host": {"pageURL: roster\nchannels: [" + hook + "]", "pageURL: not an address"},
	} {
		if _, err := ParseConfig([]byte(test.file)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v; want %q", name, err, test.want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(webhookConfig))
	f.Add([]byte("timezone: Europe/Berlin\nquietHours: [{from: '22:00', to: '07:00', days: [Sat]}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := ParseConfig(data); err == nil {
			c.quietUntil(start)
		}
	})
}
