// Command benchtable reads the output of go test -bench and writes one Markdown table, with a row
// for each benchmark. Several measurements of a benchmark give their medians.
//
//	benchtable [FILE...]
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// run reads the files, or in if there are none, and writes the table.
func run(files []string, in io.Reader, out io.Writer) error {
	t := &table{values: map[string]map[string][]float64{}}
	if len(files) == 0 {
		if err := t.read(benchfmt.NewReader(in, "standard input")); err != nil {
			return err
		}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = t.read(benchfmt.NewReader(f, name))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if len(t.rows) == 0 {
		return errors.New("there are no results of benchmarks")
	}
	return t.write(out)
}

// table has the measurements of each benchmark by unit.
type table struct {
	rows   []string // benchmarks, in the order of the input
	values map[string]map[string][]float64
}

func (t *table) read(in *benchfmt.Reader) error {
	for in.Scan() {
		switch r := in.Result().(type) {
		case *benchfmt.Result:
			t.add(r)
		case *benchfmt.SyntaxError:
			return r
		}
	}
	return in.Err()
}

func (t *table) add(r *benchfmt.Result) {
	base, parts := r.Name.Parts()
	name := string(base)
	for _, part := range parts {
		if part[0] != '-' { // not the number of processors
			name += string(part)
		}
	}
	name = path.Base(r.GetConfig("pkg")) + " " + name
	if t.values[name] == nil {
		t.rows, t.values[name] = append(t.rows, name), map[string][]float64{}
	}
	for _, v := range r.Values {
		t.values[name][v.Unit] = append(t.values[name][v.Unit], v.Value)
	}
}

// columns are the units with a column of their own. Other units are in the last column.
var columns = []struct{ unit, title string }{
	{"sec/op", "time"}, {"cpu-s/op", "processor time"}, {"peak-MiB", "peak"}, {"B/op", "allocated"},
	{"allocs/op", "allocations"}, {"calls/op", "calls"},
}

func (t *table) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	line := func(cells []string) { fmt.Fprintf(w, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	titles, rule := []string{"benchmark"}, []string{"---"}
	for _, c := range columns {
		titles, rule = append(titles, c.title), append(rule, "---")
	}
	line(append(titles, "other"))
	line(append(rule, "---"))
	for _, name := range t.rows {
		line(t.row(name))
	}
	return w.Flush()
}

// row returns the cells of a benchmark.
func (t *table) row(name string) []string {
	cells, values := []string{name}, t.values[name]
	named := map[string]bool{}
	for _, c := range columns {
		named[c.unit] = true
		cells = append(cells, format(values[c.unit], c.unit))
	}
	var others []string
	units := make([]string, 0, len(values))
	for unit := range values {
		units = append(units, unit)
	}
	slices.Sort(units)
	for _, unit := range units {
		if !named[unit] && unit != "ns/op" { // a time of zero
			others = append(others, format(values[unit], unit)+" "+unit)
		}
	}
	return append(cells, strings.Join(others, ", "))
}

// format returns the median of the values with its unit, or nothing if there are none.
func format(values []float64, unit string) string {
	if len(values) == 0 {
		return ""
	}
	values = slices.Sorted(slices.Values(values))
	median := values[len(values)/2]
	switch unit {
	case "sec/op", "cpu-s/op":
		return benchunit.Scale(median, benchunit.Decimal) + "s"
	case "B/op":
		return benchunit.Scale(median, benchunit.Binary) + "B"
	case "allocs/op", "calls/op":
		return fmt.Sprintf("%.0f", median)
	case "peak-MiB":
		return fmt.Sprintf("%.0f MiB", median)
	}
	return benchunit.Scale(median, benchunit.Decimal)
}
