package importrules

// rule states which imports some packages must not have.
//
// Patterns are those of the go command: "x/..." is x and every package below it. "./x" is a
// package of roster. "others" is every package outside roster and the standard library.
type rule struct {
	packages  []string // the rule applies to these packages
	except    []string // packages among them that the rule does not apply to
	forbidden []string // imports that the rule forbids
	allowed   []string // imports among them that the rule permits
	reason    string
}

var allPackages = []string{"./..."}

var rules = []rule{
	{
		packages:  allPackages,
		except:    []string{"./schema/internal/constraint", "./schema/internal/mapping", "./schema/internal/source"},
		forbidden: []string{"cuelang.org/go/..."},
		reason:    "only the packages below schema read CUE; all others use plain Go values",
	},
	{
		packages: allPackages, except: []string{"./internal/gitobject", "./internal/gitrepo"},
		forbidden: []string{"github.com/go-git/..."},
		reason:    "only gitobject and gitrepo use go-git's types; all other packages read a commit as an fs.FS",
	},
	{
		packages: allPackages, except: []string{"./internal/gitrepo"},
		forbidden: []string{"./internal/gitobject"},
		reason:    "only gitrepo reads and writes objects; all other packages read a commit as an fs.FS",
	},
	{
		packages:  []string{"./internal/gitobject"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/atomicfile", "./internal/privatedir"},
		reason:    "gitobject stores objects; it does not depend on references or on the content of files",
	},
	{
		packages:  []string{"./internal/gitrepo"},
		forbidden: []string{"./..."},
		allowed: []string{
			"./internal/atomicfile", "./internal/filelock", "./internal/gitobject", "./internal/loopback",
			"./internal/neterror", "./internal/notexist", "./internal/privatedir", "./internal/secret/scrub",
			"./internal/textfile",
		},
		reason: "gitrepo reads and writes repositories; it does not depend on what the files declare",
	},
	{
		packages: allPackages, except: []string{"./internal/election"},
		forbidden: []string{"k8s.io/...", "sigs.k8s.io/...", "github.com/go-logr/..."},
		reason:    "only election knows Kubernetes; the daemon sees an interface",
	},
	{
		packages: allPackages, except: []string{"./scim"},
		forbidden: []string{"github.com/go-json-experiment/json/..."},
		reason:    "only the pages of a directory are large enough for another decoder than encoding/json",
	},
	{
		packages: allPackages, except: []string{"./samlmeta"},
		forbidden: []string{"github.com/crewjam/saml/..."},
		reason:    "only samlmeta encodes and decodes SAML metadata",
	},
	{
		packages:  []string{"./samlmeta"},
		forbidden: []string{"./...", "net/http", "net/http/...", "os", "os/exec"},
		allowed:   []string{"./schema"},
		reason:    "samlmeta gets bytes and the time from its callers; it opens no file and makes no network call",
	},
	{
		packages: allPackages, except: []string{"./samlmeta"},
		forbidden: []string{"github.com/russellhaering/goxmldsig/...", "github.com/beevik/etree"},
		reason:    "only samlmeta creates and verifies XML signatures",
	},
	{
		packages:  []string{"./schema/internal/tree"},
		forbidden: []string{"./...", "others", "io/fs", "log", "log/slog", "net", "net/...", "os", "os/...", "sync"},
		allowed:   []string{"golang.org/x/text/unicode/norm"},
		reason:    "tree has only values, positions and problems; it knows no format, no CUE and no declaration",
	},
	{
		packages:  []string{"./schema/internal/source"},
		forbidden: []string{"./...", "log", "log/slog", "net", "net/...", "os", "os/...", "sync"},
		allowed:   []string{"./schema/internal/tree", "./internal/textfile", "./internal/yamlerror"},
		reason:    "source converts bytes to nodes; it evaluates nothing and does not know the schema",
	},
	{
		packages:  []string{"./schema/internal/constraint"},
		forbidden: []string{"./...", "io/fs", "log", "log/slog", "net", "net/...", "os", "os/...", "sync"},
		allowed:   []string{"./schema/internal/source", "./schema/internal/tree"},
		reason:    "constraint decides about single records; it opens no file and does not know what they are for",
	},
	{
		packages:  []string{"./schema/internal/declaration"},
		forbidden: []string{"./...", "io/fs", "log", "log/slog", "net/http", "os", "os/..."},
		allowed:   []string{"./internal/civil", "./internal/loopback", "./schema/internal/tree"},
		reason:    "declarations are values; they do not depend on a format, on CUE or on what is decided from them",
	},
	{
		packages:  []string{"./schema/internal/mapping"},
		forbidden: []string{"./...", "io/fs", "log", "log/slog", "net", "net/...", "os", "os/..."},
		allowed: []string{
			"./schema/internal/constraint", "./schema/internal/declaration", "./schema/internal/source",
			"./schema/internal/tree",
		},
		reason: "a mapping depends on one user and its groups; it does not know for which provisioner",
	},
	{
		packages: []string{"./schema/internal/validate"},
		forbidden: []string{
			"./...", "./schema/internal/constraint", "context", "log", "log/slog", "net", "net/http", "os", "os/...",
			"sync",
		},
		allowed: []string{
			"./internal/civil", "./internal/loopback", "./schema/internal/declaration", "./schema/internal/mapping",
			"./schema/internal/source", "./schema/internal/tree",
		},
		reason: "validate checks what was read; it evaluates nothing and does not know how it was read",
	},
	{
		packages:  []string{"./schema/internal/records"},
		forbidden: []string{"./...", "log", "log/slog", "net", "net/...", "os", "os/..."},
		allowed: []string{
			"./schema/internal/constraint", "./schema/internal/declaration", "./schema/internal/source",
			"./schema/internal/tree",
		},
		reason: "records accepts users and groups one by one; it does not know mappings or relations",
	},
	{
		packages:  []string{"./schema"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/civil", "./schema/internal/...", "./internal/textfile"},
		reason:    "schema is the lowest layer; declarations do not depend on the packages that use them",
	},
	{
		packages: []string{"./internal/civil"},
		forbidden: []string{
			"./...", "context", "log", "log/slog", "net", "net/...", "os", "os/...", "others", "sync", "sync/...",
		},
		allowed: []string{"github.com/robfig/cron/v3"},
		reason:  "dates and times of day are computed from values; the caller passes the moment",
	},
	{
		packages: allPackages, except: []string{"./internal/civil"},
		forbidden: []string{"github.com/robfig/cron/..."},
		reason:    "a schedule of the library alone skips and repeats runs where the clock is changed",
	},
	{
		packages:  []string{"./reconcile"},
		forbidden: []string{"./..."},
		allowed:   []string{"./schema"},
		reason:    "reconcile plans from declarations; everything else implements an interface that reconcile declares",
	},
	{
		packages: []string{"./reconcile"},
		forbidden: []string{
			"log", "log/slog", "net", "net/...", "os", "os/...", "others", "sync", "sync/...",
		},
		reason: "decisions about access are pure: the same input gives the same plan",
	},
	{
		packages:  []string{"./reconcile/observe"},
		forbidden: []string{"./...", "net", "net/...", "os", "os/..."},
		allowed:   []string{"./reconcile", "./schema"},
		reason:    "observe reads a directory through the interface of reconcile; it writes nothing",
	},
	{
		packages:  []string{"./reconcile/apply"},
		forbidden: []string{"./...", "net", "net/...", "os", "os/..."},
		allowed:   []string{"./reconcile"},
		reason:    "apply sends a plan; it neither reads the directory nor plans",
	},
	{
		packages: []string{"./reconcile/explain"},
		forbidden: []string{
			"./...", "context", "log", "log/slog", "net", "net/...", "os", "os/...", "others", "sync", "sync/...",
		},
		allowed: []string{"./reconcile", "./schema"},
		reason:  "an explanation is a function of its input",
	},
	{
		packages: []string{"./reconcile/render"},
		forbidden: []string{
			"./...", "context", "log", "log/slog", "net", "net/...", "os", "os/...", "others", "sync", "sync/...",
		},
		allowed: []string{"./internal/output", "./reconcile", "./reconcile/explain", "./schema"},
		reason:  "render turns values into text",
	},
	{
		packages:  []string{"./reconcile/run"},
		forbidden: []string{"./...", "net", "net/...", "os", "os/..."},
		allowed:   []string{"./reconcile", "./reconcile/apply", "./reconcile/observe", "./schema"},
		reason:    "a run uses Git, the directory and the audit branch through the interfaces of reconcile",
	},
	{
		packages:  []string{"./scim"},
		forbidden: []string{"./...", "others"},
		allowed: []string{"./internal/loopback", "./internal/neterror", "github.com/go-json-experiment/json/...",
			"golang.org/x/time/..."},
		reason: "the SCIM client must be usable outside this repository",
	},
	{
		packages:  []string{"./scim/awssim"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/atomicfile"},
		reason:    "the simulator is an independent implementation; shared code would hide errors of the client",
	},
	{
		packages:  allPackages,
		forbidden: []string{"./scim/foreign"},
		reason:    "the SCIM servers of other projects are for tests only and must not be in the binary",
	},
	{
		packages:  allPackages,
		forbidden: []string{"./internal/election/electiontest"},
		reason:    "the fake of Kubernetes is for tests only and must not be in the binary",
	},
	{
		packages:  []string{"./internal/election/electiontest"},
		forbidden: []string{"./...", "others"},
		reason:    "a fake that shares code with the client would hide errors of the client",
	},
	{
		packages:  allPackages,
		forbidden: []string{"./internal/forge/forgetest"},
		reason:    "the fake forges are for tests only and must not be in the binary",
	},
	{
		packages:  []string{"./internal/forge/forgetest"},
		forbidden: []string{"./...", "others"},
		reason:    "a fake forge that shares code with the client would hide errors of the client",
	},
	{
		packages:  []string{"./internal/audit"},
		forbidden: []string{"./..."},
		allowed: []string{"./internal/atomicfile", "./internal/filelock", "./internal/notexist",
			"./internal/output", "./internal/privatedir",
			"./reconcile"},
		reason: "audit stores the records of reconcile; it reads no declarations and calls no directory",
	},
	{
		packages:  []string{"./internal/forge"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/neterror", "./internal/output"},
		reason:    "forge is a client of GitHub, GitLab and Gitea; it does not depend on what pull requests contain",
	},
	{
		packages:  []string{"./internal/preview"},
		forbidden: []string{"./..."},
		allowed: []string{
			"./internal/atomicfile", "./internal/forge", "./internal/gitrepo", "./internal/output",
			"./internal/privatedir", "./reconcile",
			"./reconcile/render", "./schema",
		},
		reason: "preview posts the plan of a pull request; it calls no directory and reads no secret",
	},
	{
		packages:  []string{"./internal/evaluator"},
		forbidden: []string{"./...", "net", "net/..."},
		allowed:   []string{"./internal/atomicfile", "./internal/privatedir", "./reconcile", "./samlmeta", "./schema"},
		reason:    "the evaluator runs hostile declarations: its process has as little code as possible",
	},
	{
		packages:  allPackages,
		forbidden: []string{"./internal/hostile"},
		reason:    "the corpus of hostile inputs is for tests only and must not be in the binary",
	},
	{
		packages:  []string{"./internal/hostile"},
		forbidden: []string{"./..."},
		reason:    "the corpus does not depend on the code that reads it",
	},
	{
		packages:  allPackages,
		forbidden: []string{"./internal/evaluator/bombs"},
		reason:    "bombs are for tests only and must not be in the binary",
	},
	{
		packages: allPackages, except: []string{"./internal/forge"},
		forbidden: []string{
			"code.gitea.io/...", "github.com/golang-jwt/...", "github.com/google/go-github/...",
			"gitlab.com/gitlab-org/...",
		},
		reason: "only forge uses the APIs of the forges; all other packages use its pull request type",
	},
	{
		packages:  []string{"./internal/secret"},
		forbidden: []string{"./..."},
		allowed: []string{"./schema", "./internal/fileerror", "./internal/loopback", "./internal/neterror",
			"./internal/textfile"},
		reason: "as little code as possible handles secrets: secret resolves references, which schema parses",
	},
	{
		packages:  []string{"./internal/secret/scrub"},
		forbidden: []string{"./...", "others"},
		reason:    "scrub depends on the values of secrets only: neither on their sources nor on where text goes",
	},
	{
		packages:  allPackages,
		forbidden: []string{"./internal/secret/scrubtest"},
		reason:    "scrubtest is for tests only",
	},
	{
		packages:  []string{"./internal/oauth"},
		forbidden: []string{"./..."},
		allowed: []string{
			"./internal/atomicfile", "./internal/httpserver", "./internal/neterror", "./internal/privatedir",
			"./internal/secret/scrub",
		},
		reason: "oauth is a client of authorization servers; it does not depend on the use of a token",
	},
	{
		packages:  []string{"./internal/probe"},
		forbidden: []string{"./..."},
		allowed:   []string{"./scim"},
		reason:    "probe diagnoses the result of a SCIM call; it does not depend on declarations",
	},
	{
		packages:  []string{"./internal/deadline"},
		forbidden: []string{"./...", "others"},
		allowed:   []string{"./schema"},
		reason:    "deadlines depend on declarations and the clock only",
	},
	{
		packages:  []string{"./internal/filelock"},
		forbidden: []string{"./..."},
		reason:    "filelock does not know what a lock protects",
	},
	{
		packages:  []string{"./internal/notexist"},
		forbidden: []string{"./...", "others"},
		reason:    "notexist does not know what is absent",
	},
	{
		packages:  []string{"./internal/explainindex"},
		forbidden: []string{"./..."},
		allowed:   []string{"./reconcile", "./reconcile/explain", "./schema"},
		reason:    "explainindex encodes facts; it does not know where a file is, nor who asks",
	},
	{
		packages:  []string{"./internal/atomicfile"},
		forbidden: []string{"./...", "others"},
		reason:    "atomicfile does not depend on the content of the files",
	},
	{
		packages:  []string{"./internal/httpserver"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/loopback"},
		reason:    "httpserver limits connections; it does not depend on what is served",
	},
	{
		packages:  []string{"./internal/privatedir"},
		forbidden: []string{"./...", "others"},
		reason:    "privatedir does not depend on the content of the files",
	},
	{
		packages:  []string{"./internal/webauth"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/atomicfile", "./internal/civil", "./internal/loopback", "./internal/textfile"},
		reason:    "webauth finds out who a caller is; it does not depend on what the caller reads or does",
	},
	{
		packages: allPackages, except: []string{"./internal/webauth"},
		forbidden: []string{"github.com/coreos/go-oidc/..."},
		reason:    "only webauth signs users in",
	},
	{
		packages: allPackages, except: []string{"./internal/httpserver"}, // which discards the log of net/http
		forbidden: []string{"log", "text/template"},
		reason:    "log writes to a stream of the process, and text/template escapes nothing",
	},
	{
		packages:  []string{"./internal/output"},
		forbidden: []string{"./...", "others", "os", "os/..."},
		reason:    "text depends on values only, not on what they mean or where they are written",
	},
	{
		packages:  []string{"./internal/eta"},
		forbidden: []string{"./...", "others"},
		reason:    "the remaining time depends on counts and the clock only",
	},
	{
		packages:  []string{"./internal/directory"},
		forbidden: []string{"./..."},
		allowed:   []string{"./reconcile", "./schema", "./scim"},
		reason:    "directory adapts the SCIM client to the interface of reconcile and does nothing else",
	},
	{
		packages:  []string{"./internal/web"},
		forbidden: []string{"./internal/gitrepo", "./scim/..."},
		reason:    "web renders reports; it reads no repository and calls no directory",
	},
	{
		packages: allPackages, except: []string{"./cmd/..."},
		forbidden: []string{"./internal/app"},
		reason:    "app connects all parts of roster; only commands use it",
	},
	{
		packages:  []string{"./cmd/..."},
		forbidden: []string{"./internal/...", "./scim/...", "net", "net/http"},
		allowed: []string{
			"./internal/app", "./internal/atomicfile", "./internal/audit", "./internal/deadline", "./internal/demo",
			"./internal/eta", "./internal/fileerror", "./internal/logcontext", "./internal/operation",
			"./internal/output", "./internal/secret/scrub", "./internal/textfile", "./internal/yamlerror",
		},
		reason: "commands parse flags and print results; app connects Git, SCIM, secrets and servers",
	},
	{
		packages:  []string{"./internal/demo"},
		forbidden: []string{"./..."},
		allowed:   []string{"./internal/gitrepo", "./internal/httpserver", "./internal/output", "./scim/awssim"},
		reason:    "demo verifies the results of roster in Git and in the simulator, not with the code of roster",
	},
	{
		packages: allPackages, except: []string{"./cmd/..."},
		forbidden: []string{"./cmd/..."},
		reason:    "commands are the top layer; no package may depend on them",
	},
}
