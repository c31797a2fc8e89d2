package sourcestyle

// The lists below are for the time until all directories are clean. Remove patterns; add none.

// widthNotCleanYet are directories that still have lines that are too wide.
var widthNotCleanYet = []string{
	"cmd/...", "internal/app/...", "internal/daemon", "internal/demo", "internal/directory",
	"internal/probe", "reconcile", "reconcile/apply", "reconcile/explain",
	"reconcile/observe", "reconcile/reconciletest", "reconcile/render", "reconcile/run",
	"scim", "scim/foreign", "testdata",
}

// wordsNotCleanYet are directories that still have private words or stilted phrases.
var wordsNotCleanYet = []string{
	"cmd/...", "docs", "internal/app/...", "internal/daemon", "internal/demo",
	"internal/directory", "reconcile", "reconcile/apply",
	"reconcile/explain", "reconcile/reconciletest", "reconcile/render", "reconcile/run", "scim",
	"testdata/...",
}

// citationsNotCleanYet are directories that still cite documents that are not in the repository.
var citationsNotCleanYet = []string{"reconcile", "reconcile/run"}
