package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

const usage = `usage: mutants [flags] [regexp...]

Puts one defect after another into the code, and runs the tests that must notice it. With regular
expressions, checks only the defects whose area, file or name matches one of them. A defect that was
caught is not checked again until its file or its tests change, so that an interrupted check goes on.

Exits with 1 if a defect survives, or if the list is wrong.

`

// run is the command. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	dir := flags.String("C", ".", "root of the module")
	file := flags.String("results", filepath.Join("bin", "mutants.json"), "file of the results, from the root")
	again := flags.Bool("again", false, "check all defects again")
	quick := flags.Bool("quick", false, "run only the tests that the list names")
	list := flags.Bool("list", false, "print the results without checking anything")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 64
	}
	defects, err := allDefects()
	if err == nil {
		defects, err = matching(defects, flags.Args())
	}
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 64
	}
	s := session{defects: defects, again: *again, list: *list, out: stdout, now: time.Now}
	if err := s.start(*dir, *file, *quick); err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 1
	}
	passed, err := s.run(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
	}
	if err != nil || !passed {
		return 1
	}
	return 0
}

// matching returns the defects whose area, file or name matches one of the patterns; all if there
// is no pattern.
func matching(defects []defect, patterns []string) ([]defect, error) {
	var all []*regexp.Regexp
	for _, p := range patterns {
		compiled, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("invalid regular expression: %w", err)
		}
		all = append(all, compiled)
	}
	out := slices.DeleteFunc(slices.Clone(defects), func(d defect) bool {
		return len(all) > 0 && !slices.ContainsFunc(all, func(p *regexp.Regexp) bool {
			return p.MatchString(d.Area) || p.MatchString(d.File) || p.MatchString(d.Name)
		})
	})
	if len(out) == 0 {
		return nil, fmt.Errorf("no defect matches %s", strings.Join(patterns, ", "))
	}
	return out, nil
}

// session is one run of the command.
type session struct {
	defects []defect
	again   bool // check defects that were caught, too
	list    bool // check nothing
	out     io.Writer
	now     func() time.Time

	checker checker
	results *results
	commit  string
}

// start finds the module and reads the results.
func (s *session) start(dir, file string, quick bool) error {
	root, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	s.checker = checker{code: goCommand{root: root}, quick: quick}
	if !filepath.IsAbs(file) {
		file = filepath.Join(root, file)
	}
	if s.results, err = loadResults(file); err != nil {
		return err
	}
	s.commit = commitOf(root)
	return nil
}

// commitOf returns the commit that is checked out, with a plus sign if files differ from it; "" if
// it is not known.
func commitOf(root string) string {
	head, err := exec.Command("git", "-C", root, "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	status, err := exec.Command("git", "-C", root, "status", "--porcelain").Output()
	if err != nil || len(status) > 0 {
		return strings.TrimSpace(string(head)) + "+"
	}
	return strings.TrimSpace(string(head))
}

// run checks the defects, and prints a table. passed is false if a defect survived or the list is
// wrong. It first checks many defects with one build, then the others alone.
func (s *session) run(ctx context.Context) (passed bool, err error) {
	defer func() { passed = s.summarize() && passed }()
	fingerprints := map[string]string{}
	var todo []defect
	for i := range s.defects {
		d := &s.defects[i]
		if fingerprints[d.Name], err = d.fingerprint(s.checker.code.root); err != nil {
			return false, err
		}
		r, known := s.results.of(d, fingerprints[d.Name])
		if !known {
			delete(s.results.all, d.Name) // it is out of date
		}
		if s.list && known {
			s.printResult(d, r)
		}
		if !s.list && (!known || s.again || r.Outcome != caught) {
			todo = append(todo, *d)
		}
	}
	began := s.now()
	store := func(d *defect, r result) error {
		now := s.now()
		r.Commit, r.Time, r.Fingerprint = s.commit, now.UTC().Truncate(time.Second), fingerprints[d.Name]
		r.Took = now.Sub(began).Round(time.Second / 10)
		began = now
		s.printResult(d, r)
		return s.results.put(d.Name, r)
	}
	decided := map[string]bool{}
	err = s.checker.checkJoint(ctx, todo, func(d *defect, r result) error {
		decided[d.Name] = true
		return store(d, r)
	})
	for i := 0; err == nil && i < len(todo); i++ {
		if d := &todo[i]; !decided[d.Name] {
			var r result
			if r, err = s.checker.check(ctx, d); err == nil {
				err = store(d, r)
			} else {
				err = fmt.Errorf("check the defect %q: %w", d.Name, err)
			}
		}
	}
	return err == nil, err
}

func (s *session) printResult(d *defect, r result) {
	fmt.Fprintf(s.out, "%-8s %6.1fs  %s: %s\n", r.Outcome, r.Took.Seconds(), d.File, d.Name)
	if detail := strings.TrimSpace(r.By + r.Reason); detail != "" {
		fmt.Fprintf(s.out, "                  %s\n", detail)
	}
}

// summarize prints the number of outcomes in each area. It returns false if a defect survived or
// the list is wrong.
func (s *session) summarize() bool {
	counts, areas := map[string]map[outcome]int{}, []string{}
	for _, d := range s.defects {
		if counts[d.Area] == nil {
			counts[d.Area] = map[outcome]int{}
			areas = append(areas, d.Area)
		}
		counts[d.Area][s.results.all[d.Name].Outcome]++
	}
	fmt.Fprintln(s.out)
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "area\tcaught\tsurvived\tinvalid\tnot run")
	total := map[outcome]int{}
	row := func(name string, n map[outcome]int) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", name, n[caught], n[survived], n[invalid], n[""])
	}
	for _, area := range areas {
		row(area, counts[area])
		for o, n := range counts[area] {
			total[o] += n
		}
	}
	row("all", total)
	_ = table.Flush()
	return total[survived]+total[invalid] == 0
}
