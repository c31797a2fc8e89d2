package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// docsRun are the commands of README and docs that TestCommandsOfDocs runs, as they stand there, in
// this order: in a folder, with the exit code and a part of the output.
var docsRun = []struct {
	command, dir string
	code         exitCode
	want         string
}{
	{"roster init d", ".", exitDone, "created d: 40 users"},
	{"roster check d", ".", exitDone, "valid: 40 users"},
	{"roster plan d", ".", exitPending, "36 people are new in AWS"},
	{"roster apply d", ".", exitDone, "aws: applied"},
	{"roster plan d", ".", exitDone, "in sync"},
	{"roster show -C d", ".", exitDone, "alice@example.com"},
	{"roster explain user alice -C d", ".", exitDone, "alice@example.com"},
	{"roster deadlines d", ".", exitDone, "SCIM token"},
	{"roster audit verify -C d", ".", exitDone, "1 report verified"},
	{"roster plan d --base main~1", ".", exitPending, "AWS not read"},
	{"roster explain user alice@example.com", "d", exitDone, "Alice Ng"},
	{`roster explain group "Break Glass" --provisioner aws --format json`, "d", exitDone, `"break-glass"`},
	{"roster plan --base origin/main --head HEAD --format markdown", "clone", exitDone,
		"merging changes nothing in AWS"},
	{"source <(roster completion bash)", ".", exitDone, ""},
	{"roster status", ".", exitDone, "aws  applied at "},
	{"roster sync aws --wait", ".", exitDone, "request"},
	{"roster saml sp aws-sp.xml", "d/saml", exitDone, "entityID"},
	{"roster saml idp aws --domain login.example.com --out idp.xml", "d", exitDone, "wrote idp.xml"},
}

// docsNotRun are the commands that cannot run in a test, with the reason. Their command and flags
// must exist.
var docsNotRun = map[string]string{
	"roster demo --once": "TestDemo runs it",
	"roster simulate":    "it runs until it is interrupted, on a fixed port; TestSimulate runs it",
	"roster simulate --token secret": "it runs until it is interrupted, on a fixed port; " +
		"TestSimulate runs it",
	"roster operations --follow": "it runs until it is interrupted; TestOperationsOfARunningDaemon runs it",
	"roster serve --repo https://git.example.com/org/identity.git --branch main --forge github": "it needs a forge",
	"roster serve --repo https://github.com/acme/people --forge github ...":                     "it needs a forge",
	"roster serve --repo ... --lease-kubernetes ops/roster":                                     "it needs Kubernetes",
	"roster serve --repo ... --listen :8741 --behind-proxy --public-url https://roster.example.com --oidc-issuer " +
		"https://login.example.com/realms/staff --oidc-client-id roster --oidc-scopes profile,email,roles " +
		"--oidc-roles-claim realm_access.roles --oidc-read staff --oidc-act platform": "it needs a provider of " +
		"OpenID Connect",
	`roster approve sha256:51b0... --reason "the sales team moved to another company" --pull-request ` +
		`--forge github`: "it needs a forge and a held change; the script approve runs it",
	"roster authorize aws-prod --repo https://git.example.com/identity.git --state-dir /var/lib/roster": "it needs a " +
		"browser",
	"roster token new prometheus --api-tokens /etc/roster/tokens": "it writes below /etc",
	"roster token new pipeline --api-tokens /etc/roster/tokens --role act --until 2027-01-31": "it writes " +
		"below /etc",
}

var (
	commandLine = regexp.MustCompile(`^(?:\$ )?(?:source <\()?(?:bin/roster|roster|go run \./cmd/roster) [a-z-]`)
	remark      = regexp.MustCompile(` +# .*$`)
)

// docsCommands returns the command lines of roster in the code blocks of a page.
func docsCommands(page string) []string {
	var out []string
	fenced := false
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if !fenced && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "\t") {
			continue
		}
		line = strings.TrimSpace(line)
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(lines[i])
		}
		if !commandLine.MatchString(line) {
			continue
		}
		line = strings.TrimPrefix(remark.ReplaceAllString(line, ""), "$ ")
		line = strings.Replace(strings.TrimPrefix(line, "bin/"), "go run ./cmd/roster", "roster", 1)
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}

// docsPages returns the names of all pages for readers, in every folder.
func docsPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"../../README.md"}
	for _, root := range []string{"../../docs", "../../deploy"} {
		err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".md") {
				pages = append(pages, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

// TestEveryCommandOfDocsIsRunOrListed finds commands of README and docs that no test knows, and
// tests of commands that no page has.
func TestEveryCommandOfDocsIsRunOrListed(t *testing.T) {
	found := map[string]bool{}
	for _, name := range docsPages(t) {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range docsCommands(string(page)) {
			found[command] = true
			run := slices.ContainsFunc(docsRun, func(r struct {
				command, dir string
				code         exitCode
				want         string
			}) bool {
				return r.command == command
			})
			if !run && docsNotRun[command] == "" {
				t.Errorf("%s: no test runs %q: add it to docsRun, or with the reason to docsNotRun", name, command)
			}
			checkSyntax(t, command)
		}
	}
	for _, r := range docsRun {
		if !found[r.command] {
			t.Errorf("docsRun: no page has %q", r.command)
		}
	}
	for command := range docsNotRun {
		if !found[command] {
			t.Errorf("docsNotRun: no page has %q", command)
		}
	}
}

// checkSyntax checks that the command, its flags and their values exist. An ellipsis in a page
// stands for any text.
func checkSyntax(t *testing.T, command string) {
	t.Helper()
	command = strings.TrimSuffix(strings.TrimPrefix(command, "source <("), ")")
	args := shellWords(command)[1:]
	if n := len(args); args[n-1] == "..." {
		args = args[:n-1]
	}
	cmd, rest, err := (&cli{}).rootCommand().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err == nil && !cmd.HasParent() {
		err = errors.New("there is no such command")
	}
	if err != nil {
		t.Errorf("%s: %v", command, err)
	}
}

// shellWords divides a command line at spaces outside of double quotes.
func shellWords(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// TestCommandsOfDocs runs the commands of README and docs on a fresh example, as they stand there.
func TestCommandsOfDocs(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	_, daemon := newAppliedDaemon(t)
	defer daemon.stop()
	home, work := t.TempDir(), t.TempDir()
	env := append(os.Environ(), "ROSTER_SECRET_AWS="+sim.Token(), "ROSTER_ALLOW_HOST=loopback",
		"ROSTER_SERVER="+strings.TrimSuffix(daemon.address, "/"))
	for name, value := range gitEnv(home) {
		env = append(env, name+"="+value)
	}
	for _, r := range docsRun {
		cmd := exec.Command("bash", "-c", r.command)
		cmd.Dir, cmd.Env = filepath.Join(work, r.dir), env
		out, err := cmd.CombinedOutput()
		code := exitDone
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exitCode(exit.ExitCode())
		} else if err != nil {
			t.Fatal(err)
		}
		if code != r.code || !strings.Contains(string(out), r.want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%.2000s", r.command, code, r.code, r.want, out)
		}
		if r.command == "roster init d" { // the example is for the fixed port of roster simulate
			if err := sim.adaptExample(t.Context(), filepath.Join(work, "d")); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("git", "clone", "-q", filepath.Join(work, "d"),
				filepath.Join(work, "clone")).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
	}
}
