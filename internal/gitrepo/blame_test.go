package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// gitBlame returns the result of `git blame`: the commit of each line.
func gitBlame(t *testing.T, dir, name string) []string {
	t.Helper()
	out, err := exec.Command("git", "-C", dir, "blame", "-s", "-l", "--root", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for line := range strings.Lines(string(out)) {
		hash, _, _ := strings.Cut(strings.TrimPrefix(line, "^"), " ")
		hashes = append(hashes, hash)
	}
	return hashes
}

func TestBlameAgreesWithGit(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	random := rand.New(rand.NewPCG(1, 2))
	var lines []string
	commit := func(n int) {
		write(t, dir, "users/people.csv", strings.Join(lines, ""))
		runGit(t, dir, "add", "-A")
		runGit(t, dir, "commit", "-q", "--allow-empty", "-m", fmt.Sprintf("edit %d", n))
	}
	for n := range 60 {
		switch at := random.IntN(len(lines) + 1); {
		case n%7 == 6: // a commit that does not change the file
			write(t, dir, "other", fmt.Sprint(n))
		case len(lines) > 10 && n%3 == 0:
			lines = append(lines[:at:at], lines[min(len(lines), at+1+random.IntN(3)):]...)
		case len(lines) > 10 && n%3 == 1:
			lines[min(at, len(lines)-1)] = fmt.Sprintf("u-%d,changed\n", n)
		default:
			var more []string
			for i := range 1 + random.IntN(4) {
				more = append(more, fmt.Sprintf("u-%d-%d,new\n", n, i))
			}
			lines = append(lines[:at:at], append(more, lines[at:]...)...)
		}
		commit(n)
	}
	// Merge two branches.
	runGit(t, dir, "checkout", "-q", "-b", "side")
	lines[0] = "first,side\n"
	commit(100)
	runGit(t, dir, "checkout", "-q", "-")
	lines[0], lines[len(lines)-1] = strings.Replace(lines[0], "side", "was", 1), "last,main\n"
	firstLine := strings.SplitAfter(runGit(t, dir, "show", "HEAD:users/people.csv")+"\n", "\n")[0]
	write(t, dir, "users/people.csv", firstLine+strings.Join(lines[1:], ""))
	runGit(t, dir, "commit", "-q", "-a", "-m", "main side")
	runGit(t, dir, "merge", "-q", "--no-edit", "side")
	want := gitBlame(t, dir, "users/people.csv")
	numbers := make([]int, len(want)+5)
	for i := range numbers {
		numbers[i] = i // 0 and the numbers after the end are not lines
	}
	at, err := r.Resolve("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Blame(at, "users/people.csv", numbers)
	if err != nil {
		t.Fatal(err)
	}
	for i, hash := range want {
		if have := got[i+1].Hash.String(); have != hash {
			t.Errorf("line %d: got %.7s, want %.7s", i+1, have, hash)
		}
	}
	if none, err := r.Blame(at, "users/nobody.csv", []int{1}); err != nil || len(none) > 0 {
		t.Errorf("an absent file: %v, %v", none, err)
	}
}

// BenchmarkBlame looks for the author of a line from the first of 2,000 commits. Every tenth commit
// edits the file.
func BenchmarkBlame(b *testing.B) {
	r := newWorkingCopy(b)
	var stream strings.Builder
	body := "first\n"
	for i := range 2_000 {
		fmt.Fprintf(&stream, "commit refs/heads/blamed\ncommitter A <a@example.com> %d +0000\n", 1_700_000_000+i)
		stream.WriteString("data 2\nm\n")
		fmt.Fprintf(&stream, "M 644 inline reports/last\ndata <<.\n%d\n.\n", i)
		if i%10 == 0 {
			body += fmt.Sprintf("line %d\n", i)
			fmt.Fprintf(&stream, "M 644 inline users/people.csv\ndata %d\n%s\n", len(body), body)
		}
	}
	imports := exec.Command("git", "-C", r.WorkTree(), "fast-import", "--quiet")
	imports.Stdin = strings.NewReader(stream.String())
	if out, err := imports.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	at := head(b, r, "blamed")
	for b.Loop() {
		if got, err := r.Blame(at, "users/people.csv", []int{1}); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}
