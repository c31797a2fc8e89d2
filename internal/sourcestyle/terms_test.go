package sourcestyle

// term is a word or a phrase that must not be in the repository, because readers do not know it or
// stumble over it.
type term struct {
	// pattern is a regular expression for whole words, without regard to case. A space stands for
	// any white space. For identifiers it must match whole words of the name; "=Name" is the whole
	// identifier, with its case.
	pattern string
	where   kind
	dirs    []string // only these directories and those below; none means all
	unless  string   // a longer match of this pattern is allowed
	instead string   // what to write
}

var (
	inReconcile = []string{"reconcile"}
	inSchema    = []string{"schema"}
	inAudit     = []string{"internal/audit"}
	inSim       = []string{"scim/awssim"}
	inScim      = []string{"scim"}
	inGitrepo   = []string{"internal/gitrepo", "internal/gitobject"}
	inPreview   = []string{"internal/preview"}
	inCommands  = []string{"cmd", "internal/app"}
	inDaemon    = []string{"internal/daemon"}
	inDemo      = []string{"internal/demo"}
)

// terms is the list of private words and of stilted phrases.
var terms = []term{
	// reconcile
	{pattern: `sights?`, where: identifiers | comments | docs, instead: "directory view"},
	{pattern: `wish(es)?`, where: identifiers, instead: "lookup"},
	{pattern: `needs of`, where: identifiers, instead: "requiredLookups"},
	{pattern: `see (users?|groups?|members?|names?)`, where: identifiers, instead: "lookupUser, lookupGroup, ..."},
	{pattern: `look for`, where: identifiers, instead: "refresh or lookup"},
	{pattern: `=see`, where: identifiers, dirs: inReconcile, instead: "observeAndPlan"},
	{pattern: `recollect\w*`, where: identifiers | prose, instead: "cached directory"},
	{pattern: `=Recall`, where: identifiers, instead: "Load"},
	{pattern: `doubts?`, where: identifiers | jsonNames, instead: "unverified"},
	{pattern: `sweep of`, where: identifiers, instead: "planRefresh"},
	{pattern: `veil(s|ed)?`, where: identifiers | prose, instead: "redactor, redacted"},
	{pattern: `aims?`, where: identifiers, instead: "desiredState, normalizedEffects"},
	{pattern: `=Left|=leaving|=leave`, where: identifiers, dirs: inReconcile,
		instead: "Leavers, disposition, deprovision"},
	{pattern: `=Ending|=Expiry`, where: identifiers, dirs: inReconcile, instead: "EndDateChange, UpcomingExpiry"},
	{pattern: `=own|=gone|=carried|=overruled`, where: identifiers, dirs: inReconcile,
		instead: "recordOwnership, ignoreNotFound, fulfilled, overridden"},
	{pattern: `settle unlinked`, where: identifiers, instead: "skipUnrequestedAdoptions"},
	{pattern: `=On`, where: identifiers, dirs: inReconcile, instead: "DependsOn"},
	{pattern: `on`, where: jsonNames, instead: "dependsOn"},
	{pattern: `=Unlinked|=Disputed|=Collision`, where: identifiers, dirs: inReconcile,
		instead: "Adoptable, ForeignExternalID, NameTaken"},
	{pattern: `strangers?`, where: identifiers | prose, instead: "unmanaged"},
	{pattern: `unclaimed`, where: identifiers | prose, instead: "not owned"},
	{pattern: `set aside`, where: identifiers | jsonNames | docs, unless: `damaged and was set aside`,
		instead: "temporary rename"},
	{pattern: `set-aside`, where: prose, instead: "temporary rename"},
	{pattern: `makes? way`, where: identifiers | prose, instead: "free the name"},
	{pattern: `contacted`, where: identifiers | jsonNames, instead: "adoptionDecided"},
	{pattern: `first contact`, where: identifiers | prose, instead: "first sync or initial adoption"},
	{pattern: `spent`, where: jsonNames, instead: "usedApprovals"},
	{pattern: `=Spent`, where: identifiers, instead: "UsedApprovals"},
	{pattern: `seen`, where: jsonNames, instead: "approvalFirstSeen, observed"},
	{pattern: `toll|fate`, where: identifiers, instead: "count, status"},
	{pattern: `eyewitness(es)?`, where: identifiers | prose, instead: "read-before-write checker"},
	{pattern: `vanished`, where: identifiers, dirs: inReconcile, instead: "deleted outside roster"},
	{pattern: `=nobody|=staying|=judge`, where: identifiers, dirs: inReconcile,
		instead: "empty desired state, active managed users, check"},

	// schema
	{pattern: `settle(s|d|r|rs)?|settling`, where: identifiers, instead: "fastPath, accepted, acceptor"},
	{pattern: `=blob|=unit|=units|=terms`, where: identifiers, dirs: inSchema,
		instead: "fileResult, sourceFile, fileContext"},
	{pattern: `census|tally|tallies`, where: identifiers | prose, instead: "userIndex, counter"},
	{pattern: `=roll`, where: identifiers, instead: "userSet"},
	{pattern: `=past|=delta|=coverage`, where: identifiers, dirs: inSchema,
		instead: "previousLoad, userDiff, mappedUsers"},
	{pattern: `crossers?`, where: identifiers | prose, instead: "validator"},
	{pattern: `witness(es)?`, where: identifiers | prose,
		instead: "problemCollector, violator, independent implementation"},
	{pattern: `=say|=says|=said|=told|=tell|=tells`, where: identifiers,
		instead: "report, message, output, posted, print"},
	{pattern: `=subject`, where: identifiers, dirs: inSchema, instead: "userInput"},
	{pattern: `spots?`, where: identifiers, instead: "position"},
	{pattern: `=outright|=conceal`, where: identifiers, dirs: inSchema, instead: "literal, redact"},

	// audit
	{pattern: `=Book|=books?`, where: identifiers, instead: "Recorder"},
	{pattern: `desks?`, where: identifiers | prose, instead: "provisionerRun"},
	{pattern: `shelf|shelves`, where: identifiers | prose, instead: "ledgerCache"},
	{pattern: `=kept|=compose|=rest|=turn|=untouched`, where: identifiers, dirs: inAudit,
		instead: "cachedLedger, buildCommit, stopRenewal, ..."},
	{pattern: `worlds?`, where: identifiers, instead: "branchState, environment"},
	{pattern: `=Past`, where: identifiers, instead: "AuditState"},
	{pattern: `=look`, where: identifiers, instead: "tryLock, directorySnapshot, refresh"},
	{pattern: `=Intend|=concludes`, where: identifiers, instead: "BeginRun, the final commit"},
	{pattern: `polite(ly)?`, where: identifiers | prose, instead: "failIfLeased"},
	{pattern: `gist`, where: identifiers | jsonNames, instead: "last error"},

	// scim and probe
	{pattern: `=persist|=trial|=maybe`, where: identifiers, dirs: inScim,
		instead: "doWithRetry, attemptResult, maybeApplied"},
	{pattern: `twins?`, where: identifiers | prose, instead: "duplicate"},
	{pattern: `hopeless|rephrase`, where: identifiers, instead: "permanent, convertError"},
	{pattern: `feeling for`, where: prose, instead: "estimate of"},
	{pattern: `patience`, where: identifiers | prose, instead: "retry limit, rate limit"},

	// awssim
	{pattern: `=behind|=hits|=vault|=spread|=follow|=note|=lagging|=strikes|=laying|=endSilence|=saidBefore|=ru`,
		where: identifiers, dirs: inSim,
		instead: "mutateDirectly, activeFaults, tokenStore, splitByAttribute, startReplica, enqueue, pendingChange"},

	// gitrepo, preview, oauth, daemon
	{pattern: `slop|leftovers?|=suspect|=advice|=plain|=hide`, where: identifiers, dirs: inGitrepo,
		instead: "a noun of Git"},
	{pattern: `boards?|=basis`, where: identifiers, dirs: inPreview, instead: "Forge, base"},
	{pattern: `needy|nudge|tell every|=retire`, where: identifiers, dirs: inDaemon,
		instead: "pending, trigger, progressInterval, stop"},

	// cmd and demo
	{pattern: `=place|=take|=complain|=bell|=ring|=hosting|=worst|=registerC`, where: identifiers, dirs: inCommands,
		instead: "repoFlags, trigger, forgeFlags, ..."},
	{pattern: `scenes?|voice|stages?|=story|=Invite|=play`, where: identifiers, dirs: inDemo,
		instead: "step, printer, scenario"},

	// importrules and eta
	{pattern: `walls|=wall`, where: identifiers, dirs: []string{"internal/importrules"}, instead: "rules"},
	{pattern: `=Pace`, where: identifiers, instead: "eta.Estimator"},

	// phrases
	{pattern: `who(m|so)?ever|somebody`, where: prose, instead: "the noun: the user, the caller, the change"},
	{pattern: `lest`, where: prose, instead: "so that ... not, or to avoid"},
	{pattern: `anew|afresh`, where: prose, instead: "again"},
	{pattern: `organisations?`, where: prose, unless: `organisation\.cue`, instead: "organization"},
	{pattern: `e-mails?`, where: prose, instead: "email"},
	{pattern: `besides`, where: prose, instead: "also, or other than"},
	{pattern: `stands? on`, where: prose, instead: "depends on"},
	{pattern: `(needs?|needed|with|without|has|have|had) (a|its|their|the) word`, where: prose,
		instead: "needs approval"},
	{pattern: `(has|have|had) (it|them|him|her) not`, where: prose, instead: "does not have it"},
	{pattern: `in the place of`, where: prose, instead: "instead of"},
	{pattern: `turn(s|ed)? round`, where: prose, instead: "invert"},
	{pattern: `comes? to|came to`, where: prose, unless: `(comes?|came) to (a|an|the) (halt|stop)`,
		instead: "is, results in, or adds up to"},
	{pattern: `of (which|whom)`, where: prose, instead: "a sentence of its own"},
	{pattern: `is no (regular|cron|valid) \w+`, where: prose, instead: "invalid regular expression, ..."},
}
