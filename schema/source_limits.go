package schema

// limits bound the cost of one configuration. They are far above the needs of an organization with
// 100,000 users.
type limits struct {
	// fileBytes is the largest size of one file.
	fileBytes int64
	// treeBytes is the largest total size of the files that are read.
	treeBytes int64
	// files is the largest number of files that are read.
	files int
	// folderDepth is the deepest nesting of folders.
	folderDepth int
	// depth is the deepest nesting of values.
	depth int
	// forDepth is the deepest nesting of for clauses.
	forDepth int
	// repeatCount is the largest count for list.Repeat, list.Range and strings.Repeat.
	repeatCount int64
	// evalMillis is the time limit of CUE.
	evalMillis int
	// chunkBytes is how much of a YAML file is parsed at once.
	chunkBytes int

	// noFastPath sends all records through the slow path, so that tests can compare the results.
	noFastPath bool
}

func standardLimits() limits {
	return limits{
		fileBytes: 256 << 20, treeBytes: 2 << 30, files: 500_000, folderDepth: 64,
		depth: 100, forDepth: 2, repeatCount: 10_000, evalMillis: 120_000, chunkBytes: 256 << 10,
	}
}
