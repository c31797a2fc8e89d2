package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// libraryWords are words of Go and its libraries that no output may have.
var libraryWords = regexp.MustCompile(`strconv|json:|yaml:|x509:|dial tcp|\bEOF\b|no such file|is a directory|` +
	`file does not exist|%!|\[\]string|0x[0-9a-f]|goroutine|invalid character|unexpected end of JSON|did not find`)

// runLine runs a command line and returns its exit code and all of its output.
func runLine(t *testing.T, args []string) (int, string) {
	t.Helper()
	var out, stderr bytes.Buffer
	code := execute(t.Context(), args, emptyEnv, strings.NewReader(""), &out, &stderr)
	return code, out.String() + stderr.String()
}

// TestMistakesHaveNoWordsOfGo makes mistakes, as text and as JSON, and reads all that is printed.
func TestMistakesHaveNoWordsOfGo(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"file": "x", "open": "poll: [", "alias": "poll: *x",
		"tab": "poll:\n\t30s", "half": `{"a":`, "empty": ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := []string{
		"saml sp folder", "saml sp none", "saml sp empty", "saml sp half",
		"serve --config folder", "serve --config none", "serve --config open", "serve --config alias",
		"serve --config tab", "serve --repo file:///none", "serve --repo https://127.0.0.1:1/o/r",
		"serve --repo https://127.0.0.1:1/o/r --forge github --github-app 1 --github-app-key folder",
		"serve --poll often --repo x", "serve --max-files many --repo x",
		"check none", "check file", "plan none", "plan file", "plan file/x", "apply none", "init file", "init file/x",
		"explain user ann -C none", "audit log -C folder", "audit verify none", "audit verify file",
		"audit log --limit many", "status --server http://127.0.0.1:1", "status --server nowhere",
		"operations --server https://127.0.0.1:1", "token new --scope", "simulate --listen nowhere",
	}
	for path := range leaves((&cli{}).rootCommand()) {
		for _, mistake := range []string{"--nosuch", "--color blue", "--attempts many", "--format jsn", "a b c d"} {
			lines = append(lines, path+" "+mistake)
		}
	}
	for _, line := range lines {
		for _, format := range []string{"text", "json"} {
			args := strings.Fields(line)
			if !strings.Contains(line, "--format") {
				args = append(args, "--format", format)
			}
			code, output := runLine(t, args)
			if word := libraryWords.FindString(output); word != "" {
				t.Errorf("%q prints %q:\n%s", args, word, output)
			}
			if code == 0 && !strings.HasPrefix(line, "help ") {
				t.Errorf("%q is no mistake:\n%s", args, output)
			}
		}
	}
}

// TestEverySettingOfTheFileNamesItsKind gives each setting of serve a value of a wrong kind.
func TestEverySettingOfTheFileNamesItsKind(t *testing.T) {
	t.Chdir(t.TempDir())
	cmd, _, err := (&cli{}).rootCommand().Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.InheritedFlags() // adds those of the root to Flags
	settings := 0
	wrong := func(f *pflag.Flag, value, want string) {
		t.Helper()
		if err := os.WriteFile("settings", []byte("# first line\n"+f.Name+": "+value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, output := runLine(t, []string{"serve", "--config", "settings"})
		at := fmt.Sprintf("settings:2:%d: %s: ", len(f.Name)+3, f.Name)
		if code != int(exitUsage) || !strings.Contains(output, at) || !strings.Contains(output, want) {
			t.Errorf("%s: %s: exit code %d, want %d, %q and %q:\n%s", f.Name, value, code, exitUsage, at, want, output)
		}
		if word := libraryWords.FindString(output); word != "" {
			t.Errorf("%s: %s prints %q:\n%s", f.Name, value, word, output)
		}
	}
	file := &configFile{flags: cmd.Flags()}
	for _, name := range file.names() {
		f := cmd.Flags().Lookup(name)
		settings++
		wrong(f, "{a: 1}", "want a value such as "+exampleValue(f))
		wrong(f, "~", "the value is missing")
		_, list := f.Value.(pflag.SliceValue)
		if !list {
			wrong(f, "[a, b]", "want one value and not a list")
		}
		if kind := f.Value.Type(); kind != "string" && !list {
			wrong(f, "maybe-7", "want ")
		}
	}
	if settings < 40 {
		t.Errorf("%d settings: these are not all flags of serve", settings)
	}
}
