package sourcestyle

// The lists below are for the time until all directories are clean. Remove names; add none.

// widthNotCleanYet are directories that still have lines that are too wide.
var widthNotCleanYet = []string{
	"cmd", "internal/app", "internal/audit", "internal/daemon", "internal/deadline", "internal/demo",
	"internal/directory", "internal/forge", "internal/gitobject", "internal/gitrepo",
	"internal/oauth", "internal/preview", "internal/probe", "internal/secret", "internal/web",
	"reconcile", "samlmeta", "schema", "scim", "testdata",
}

// wordsNotCleanYet are directories that still have private words or stilted phrases.
var wordsNotCleanYet = []string{
	".", "cmd", "docs", "internal/app", "internal/audit", "internal/daemon", "internal/deadline",
	"internal/demo", "internal/directory", "internal/forge", "internal/gitobject",
	"internal/gitrepo", "internal/oauth", "internal/preview", "internal/probe", "internal/secret",
	"internal/web", "reconcile", "samlmeta", "schema", "scim", "testdata",
}

// citationsNotCleanYet are directories that still cite documents that are not in the repository.
var citationsNotCleanYet = []string{"internal/audit", "reconcile"}
