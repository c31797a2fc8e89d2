package tree

// MaxProblems is the largest number of problems that are listed.
const MaxProblems = 10_000

// Findings are the problems and warnings that one step of Load has found. The zero value has none.
type Findings struct {
	Problems, Warnings Problems
	// Omitted is the number of problems that are not listed, because there are too many.
	Omitted int
	// Unlisted are the numbers of problems that are not listed, because many of the same mistake
	// are.
	Unlisted map[Mistake]int
}

// Count counts a problem of a mistake that is in the list, instead of listing it.
func (f *Findings) Count(m Mistake) {
	if f.Unlisted == nil {
		f.Unlisted = map[Mistake]int{}
	}
	f.Unlisted[m]++
}

// Report adds a problem.
func (f *Findings) Report(p Problem) {
	if len(f.Problems) >= MaxProblems {
		f.Omitted++
		return
	}
	f.Problems = append(f.Problems, p)
}

// ReportAll adds problems.
func (f *Findings) ReportAll(ps Problems) {
	for _, p := range ps {
		f.Report(p)
	}
}

// Warn adds a warning.
func (f *Findings) Warn(p Problem) { f.Warnings = append(f.Warnings, p) }

// Conflict adds the problem of two values of one field that cannot be unified.
func (f *Findings) Conflict(name string, a, b *Node) { f.Report(ConflictProblem(name, a, b)) }

// Add adds the findings of another step.
func (f *Findings) Add(more Findings) {
	f.ReportAll(more.Problems)
	f.Omitted += more.Omitted
	for m, n := range more.Unlisted {
		if f.Unlisted == nil {
			f.Unlisted = map[Mistake]int{}
		}
		f.Unlisted[m] += n
	}
	f.Warnings = append(f.Warnings, more.Warnings...)
}

// Join returns the findings of several steps.
func Join(steps ...Findings) (out Findings) {
	for _, found := range steps {
		out.Add(found)
	}
	return out
}
