package schema

// code is one kind of finding. Its id is stable: scripts and reviewers rely on it.
type code struct{ id, sentence, advice string }

// The codes. R1 is form, R2 is what holds between declarations, R3 is mappings and AWS's rules for their results, R4 is provisioners,
// W are warnings.
var (
	syntaxError     = code{"R1001", "A file cannot be read as what its name says.", "correct the syntax at the place shown"}
	tooLarge        = code{"R1002", "A file, a value or the whole tree exceeds a limit.", "split it"}
	wrongPackage    = code{"R1003", "A .cue file is not in package roster.", "begin the file with `package roster`"}
	badImport       = code{"R1004", "A .cue file imports something else than CUE's standard library.", "import packages of CUE's standard library only, and none below tool/"}
	badAttribute    = code{"R1005", "A CUE attribute would bring in the environment, files or experiments.", "remove it: evaluation is data only"}
	toolFile        = code{"R1006", "A .cue file that the cue command skips or runs as a tool or test.", "rename it, or remove it"}
	dataShape       = code{"R1007", "A data file does not hold records.", "A YAML or JSON file holds one record with a `key`, a list of such records, or a map from key to record; JSON lines hold a record a line; CSV has a header"}
	badColumn       = code{"R1008", "A CSV file has a column that no record has.", "name the columns as the fields are named, with `attributes.` before custom ones"}
	duplicateKey    = code{"R1009", "A data file gives one key twice.", "remove one"}
	tooSlow         = code{"R1010", "CUE did not finish in time.", "use fewer comprehensions over users; literal records cost least"}
	unbounded       = code{"R1011", "An expression could build a value of any size.", "write the value out, or repeat it a literal number of times"}
	unknownField    = code{"R1101", "A field that the schema does not have.", "correct its name, or remove it"}
	missingField    = code{"R1102", "A required field is missing.", "add it"}
	wrongType       = code{"R1103", "A value of another type.", "write a value of the type named"}
	notAllowed      = code{"R1104", "A value that is not one of those allowed.", "write one of those named"}
	badFormat       = code{"R1105", "A value in the wrong form.", "write it in the form named"}
	badLength       = code{"R1106", "A text or a list that is too short or too long.", "keep to the length named"}
	outOfRange      = code{"R1107", "A number that is too small or too large.", "keep to the range named"}
	conflict        = code{"R1108", "A field is declared twice with different values.", "keep one of them"}
	notConcrete     = code{"R1109", "An expression that has no value.", "give it a value"}
	cueError        = code{"R1110", "CUE found an error.", "the message is CUE's own"}
	badKey          = code{"R1111", "A key in the wrong form.", "use 1 to 128 letters, digits, dots, underscores and dashes"}
	unknownRef      = code{"R2001", "A reference to something that is not declared.", "correct it, or declare what it names"}
	caseClash       = code{"R2002", "Two keys differ only in case.", "rename one: AWS does not say whether it tells them apart"}
	cycle           = code{"R2003", "Groups include each other in a circle.", "remove one of the includes"}
	dupEmail        = code{"R2004", "Two users have the same e-mail address, case aside.", "correct one"}
	dupUserID       = code{"R2005", "Two users have the same userId, case aside.", "correct one"}
	dupGroupName    = code{"R2006", "Two groups have the same displayName, case aside.", "rename one"}
	badGroupName    = code{"R2007", "AWS does not take the displayName of a group.", "rename the group"}
	dateOrder       = code{"R2008", "validFrom is after validUntil.", "swap or correct them"}
	badTimezone     = code{"R2009", "A timezone that does not exist.", "use a name of the IANA database, for example \"Europe/Amsterdam\""}
	badRule         = code{"R2010", "A rule over a field or with a value that no user can have.", "use the fields of users and the attributes declared in attributeTypes"}
	emptyRule       = code{"R2011", "A rule without conditions.", "name at least one field: an empty rule would select everybody"}
	nameOfUserField = code{"R2012", "A custom attribute bears the name of a field of users.", "rename it"}
	badPrevious     = code{"R2013", "A previous key that is still in use, or is claimed twice.", "a previous key belongs to nothing any more"}
	missingFile     = code{"R2014", "A file that is not in the repository.", "add the file, or correct the path"}
	badAssertion    = code{"R2015", "An assertion that cannot be checked.", "correct it"}
	badDomain       = code{"R2016", "A URL without {domain} though there are several domains, or a domain twice.", "write {domain} where the domain stands"}
	badSigning      = code{"R2017", "Signing certificates without exactly one that is active, or a reference to none.", "give exactly one certificate the phase \"active\""}
	badRollover     = code{"R2019", "A signing certificate whose dates do not show the phases that it has passed.", "give dates to every phase up to the present one, in order: next, uploaded, active, previous, retired"}
	badNameID       = code{"R2020", "Somebody whose SAML NameID is not the userName that AWS has, or is no e-mail address: nobody of that name can sign in.", "let the mapping's userName and the app's `nameID` be the same field; AWS compares them exactly, case included"}
	badDate         = code{"R2018", "A date that does not exist, or not in this timezone.", "write a day such as \"2026-12-31\", or an instant such as \"2026-12-31T18:00:00Z\""}
	violatedAlways  = code{"R2021", "An assertion does not hold, whatever the date is.", "change what the people named have, or the assertion"}
	noAttribute     = code{"R3001", "A mapping uses a field that users do not have.", "correct it, or declare the attribute in attributeTypes"}
	hidesErrors     = code{"R3002", "A mapping uses `*expr | default`, which would hide every error in expr.", "write [if user.title != _|_ {user.title}, \"none\"][0]"}
	badPath         = code{"R3003", "The path of a SCIM attribute that AWS does not take, or that the mapping does not set.", "use the paths of the attributes in scim, for example \"name.middleName\""}
	emptyValue      = code{"R3004", "A user without a value for an attribute that AWS requires, or that the mapping does not allow to be empty.", "give the user the value, or the mapping another source"}
	badCharacter    = code{"R3005", "A mapped value with characters that AWS does not take.", "remove the characters"}
	tooLong         = code{"R3006", "A mapped value that is too long for AWS.", "shorten it"}
	reservedName    = code{"R3007", "A name that AWS reserves.", "use another than Administrator and AWSAdministrators"}
	dupUserName     = code{"R3008", "Two users of one provisioner are mapped to the same userName, case aside.", "correct one user, or the mapping"}
	dupMapEmail     = code{"R3009", "Two users of one provisioner are mapped to the same e-mail address, case aside.", "correct one user, or the mapping"}
	mapFailed       = code{"R3010", "A mapping fails for a user.", "the message is CUE's own"}
	badExample      = code{"R3011", "An example does not come out as it says.", "correct the mapping, or the example"}
	wrongMapping    = code{"R3012", "A mapping is not a function of `user`.", "begin it with `user: #User` and write its attributes as expressions over `user`"}
	badEndpoint     = code{"R4001", "An endpoint that is not the SCIM endpoint of a tenant.", "copy it from AWS's console: https://scim.<region>.amazonaws.com/<tenant>/scim/v2"}
	plainHTTP       = code{"R4002", "http:// to another machine.", "use https://; http:// is for endpoints on this machine"}
	sameIdentity    = code{"R4003", "Two provisioners for one tenant.", "keep one: they would undo each other's work"}
	badSchedule     = code{"R4004", "A schedule that is no cron expression, or never comes.", "five fields: minute, hour, day of month, month, day of week; for example \"*/10 * * * *\""}
	unlimited       = code{"R4005", "An unlimited rate to another machine.", "AWS allows 20 calls a second over all callers; 15 leaves room"}
	secretLiteral   = code{"R4006", "A secret where a reference to one belongs. It is not shown.", "revoke it, since it is in the repository now, and refer to the new one: {env: \"ROSTER_AWS_TOKEN\"} or {file: \"...\"}"}
	disabledGate    = code{"R4007", "A gate is turned off without a reason, or turned off and tuned at once.", "say why, in `reason`, and give no numbers"}
	badDuration     = code{"R4008", "A duration that is zero or too long.", "between a minute and a year"}
	emptyGroups     = code{"R4009", "An empty or repeating list of groups.", "leave `groups` out for everybody, or name at least one group, each once"}
	badPolicy       = code{"R4010", "Settings that contradict each other.", "keep one of them"}

	ignoredFile      = code{"W1001", "A file below users/ or groups/ that roster does not read.", "data files end in .cue, .yaml, .yml, .json, .jsonl or .csv"}
	otherSchema      = code{"W1002", "schema.cue is from another version of roster, or was edited. Load uses its own.", "write it afresh with `roster init`, and put rules of your own into another file"}
	membershipEnding = code{"W2001", "A membership has ended, or ends within 30 days.", "extend it, or remove it"}
	userEnding       = code{"W2002", "A user's validUntil has passed, or passes within 30 days.", "extend it, or set the state to INACTIVE"}
	cannotSignIn     = code{"W2003", "A provisioned group whose people cannot sign in: no group of theirs has access to the app.", "add the group to the app's `access`, or do not provision it"}
	notProvisioned   = code{"W2004", "Somebody who has access to the app and is not provisioned: AWS does not know them.", "add the group to a provisioner of the app, or remove it from `access`"}
	violatedByDate   = code{"W2005", "An assertion does not hold any more, because something has ended or not begun.", "change what the people named have, or extend what has ended"}
	noEmails         = code{"W3001", "A mapping sends no e-mail address.", "AWS's own pages ask for a unique address for each user; map `emails`"}
	scopeIsAllUsers  = code{"W4001", "A provisioner without `groups`: everybody is in scope.", "name groups to narrow it"}
	tokenExpiring    = code{"W4002", "A SCIM token has expired, or expires within 90 days, or is said to live longer than AWS allows.", "create a second token in AWS's console, store it, and change tokenExpires"}
	noTokenExpiry    = code{"W4003", "A token without tokenExpires.", "AWS's tokens live for a year: declare when this one ends, so that roster can warn you"}
	pauseEnded       = code{"W4004", "A pause has ended. It has no effect any more.", "remove it, or extend it"}
	approvalExpired  = code{"W4005", "An approval has expired. It has no effect any more.", "remove it"}
	reviewNeeded     = code{"W4006", "A provisioner requires a review. The daemon asks the forge what was approved; without a forge every intended change is held.", "run the daemon with --forge"}
)
