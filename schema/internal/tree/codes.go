package tree

// Code is one kind of finding. Scripts and reviewers rely on its id, so an id never changes.
type Code struct{ ID, Sentence, Advice string }

// The codes. R1 is the form of files and values, R2 relations between declarations, R3 mappings and
// the values that AWS accepts, R4 provisioners. W are warnings.
var (
	SyntaxError = Code{"R1001",
		"A file that cannot be parsed in the format of its extension.",
		"correct the syntax at this position"}
	TooLarge = Code{"R1002",
		"A file, a value or the whole tree that exceeds a limit.",
		"split it"}
	WrongPackage = Code{"R1003",
		"A .cue file that is not in package roster.",
		"begin the file with `package roster`"}
	BadImport = Code{"R1004",
		"A .cue file that imports a package outside CUE's standard library.",
		"import only packages of CUE's standard library, except those below tool/"}
	BadAttribute = Code{"R1005",
		"A CUE attribute that would read the environment or files, or enable experiments.",
		"remove it: evaluation may use only the declarations"}
	ToolFile = Code{"R1006",
		"A .cue file that the cue command skips, or runs as a tool or test.",
		"rename it, or remove it"}
	DataShape = Code{"R1007",
		"A data file that does not contain records.",
		"write one record with a `key`, a list of records, or a map from key to record (YAML, JSON); one record " +
			"per line (JSON lines); or a header and rows (CSV)"}
	BadColumn = Code{"R1008",
		"A CSV file with a column that is unknown, missing or duplicated.",
		"name each column after a field, with `attributes.` before custom attributes"}
	DuplicateKey = Code{"R1009",
		"A key that two records have.",
		"remove one"}
	Unbounded = Code{"R1011",
		"An expression that could build a value of unlimited size.",
		"write the value out, use a literal count, or nest fewer for clauses"}
	Unevaluated = Code{"R1012",
		"Declarations that cannot be evaluated within the limits of roster.",
		"write users and groups as literal records, and simplify the expressions"}
	Unreadable = Code{"R1013",
		"A file or folder whose content is not in the commit, or that no system can store.",
		"remove it, or commit the content itself"}
	NothingDeclared = Code{"R1014",
		"A configuration without any file that roster reads.",
		"name the root of the repository: the folder with the .cue files and with users/ and groups/"}
	NotTheRoot = Code{"R1015",
		"A folder of a configuration instead of its root.",
		"name the root: the folder with the .cue files and with users/ and groups/"}
	UnknownField = Code{"R1101",
		"An unknown field.",
		"correct its name, or remove it"}
	MissingField = Code{"R1102",
		"A required field that is missing.",
		"add it"}
	WrongType = Code{"R1103",
		"A value of the wrong type.",
		"write a value of the required type"}
	NotAllowed = Code{"R1104",
		"A value that is not one of the allowed values.",
		"write one of the allowed values"}
	BadFormat = Code{"R1105",
		"A value in the wrong format.",
		"write it in the required format"}
	BadLength = Code{"R1106",
		"A string or list that is too short or too long.",
		"keep to the required length"}
	OutOfRange = Code{"R1107",
		"A number that is too small or too large.",
		"keep to the required range"}
	Conflict = Code{"R1108",
		"A field that is declared twice with different values.",
		"keep one of them"}
	NotConcrete = Code{"R1109",
		"An expression without a concrete value.",
		"give it one value"}
	CUEError = Code{"R1110",
		"An error that CUE reported.",
		"correct the expression; CUE wrote the message"}
	BadKey = Code{"R1111",
		"An invalid key.",
		"use 1 to 128 letters, digits, dots, underscores and dashes"}
	HiddenText = Code{"R1112",
		"A text that begins or ends with a space, or has a character that nobody can see. It is not " +
			"equal to the text that people see.",
		"remove it"}
	UnknownRef = Code{"R2001",
		"A reference to an object that is not declared.",
		"correct the reference, or declare the object"}
	CaseClash = Code{"R2002",
		"Two keys that differ only in case.",
		"rename one: AWS does not document whether it distinguishes them"}
	Cycle = Code{"R2003",
		"Groups that include each other in a cycle.",
		"remove one of the includes"}
	DupEmail = Code{"R2004",
		"Two users with the same email address, ignoring case.",
		"correct one"}
	DupUserID = Code{"R2005",
		"Two users with the same userId, ignoring case.",
		"correct one"}
	DupGroupName = Code{"R2006",
		"Two groups with the same displayName, ignoring case.",
		"rename one"}
	BadGroupName = Code{"R2007",
		"A group displayName that AWS does not accept.",
		"rename the group"}
	DateOrder = Code{"R2008",
		"A validFrom that is after validUntil.",
		"swap or correct them"}
	BadTimezone = Code{"R2009",
		"An unknown timezone.",
		"use a name of the IANA database, for example \"Europe/Amsterdam\""}
	BadRule = Code{"R2010",
		"A rule with an unknown field, or with a value that no user can have.",
		"use the fields of users and the attributes declared in attributeTypes"}
	EmptyRule = Code{"R2011",
		"A rule without conditions.",
		"name at least one field: an empty rule would select all users"}
	NameOfUserField = Code{"R2012",
		"A custom attribute with the name of a built-in field of users.",
		"rename it"}
	BadPrevious = Code{"R2013",
		"A previous key that is still in use, ignoring case, or that two declarations claim.",
		"list only keys that no declaration has, each of them once"}
	MissingFile = Code{"R2014",
		"A file that is not in the repository, or that cannot be used.",
		"add the file, or correct the path"}
	BadAssertion = Code{"R2015",
		"An assertion that cannot be checked.",
		"correct it"}
	BadDomain = Code{"R2016",
		"A URL without {domain} although there are several domains, or a duplicate domain.",
		"write {domain} in place of the domain"}
	BadSigning = Code{"R2017",
		"Signing certificates without exactly one in phase \"active\", or a reference to an unsuitable certificate.",
		"give exactly one certificate the phase \"active\""}
	BadDate = Code{"R2018",
		"A date that is invalid, or does not exist in the timezone.",
		"write a day such as \"2026-12-31\", or a time such as \"2026-12-31T18:00:00Z\""}
	BadRollover = Code{"R2019",
		"A signing certificate whose dates do not match its phase.",
		"give a date to each phase up to the current one, in this order: next, uploaded, active, previous, " +
			"retired"}
	BadNameID = Code{"R2020",
		"A user whose SAML NameID is not the userName in AWS, or is not an email address. The user cannot sign in.",
		"use the same field for the mapping's userName and the app's `nameID`; AWS compares them exactly, " +
			"including case"}
	ViolatedAlways = Code{"R2021",
		"An assertion that does not hold, whatever the date is.",
		"change the declarations of the users named, or the assertion"}
	NoAttribute = Code{"R3001",
		"A mapping that uses an unknown field of users.",
		"correct it, or declare the attribute in attributeTypes"}
	HidesErrors = Code{"R3002",
		"A mapping that uses `*expr | default`, which would hide every error in expr.",
		"write [if user.title != _|_ {user.title}, \"none\"][0]"}
	BadPath = Code{"R3003",
		"The path of a SCIM attribute that AWS does not support, or that the mapping does not set.",
		"use the path of an attribute in scim, for example \"name.middleName\""}
	EmptyValue = Code{"R3004",
		"A user without a value for an attribute that must not be empty in AWS or in the mapping.",
		"give the user a value, or use another source in the mapping"}
	BadCharacter = Code{"R3005",
		"A mapped value with characters that AWS does not accept.",
		"remove the characters"}
	TooLong = Code{"R3006",
		"A mapped value that is too long for AWS.",
		"shorten it"}
	ReservedName = Code{"R3007",
		"A name that AWS reserves.",
		"use a name other than Administrator and AWSAdministrators"}
	DupUserName = Code{"R3008",
		"Two users of one provisioner that are mapped to the same userName, ignoring case.",
		"correct one user, or the mapping"}
	DupMapEmail = Code{"R3009",
		"Two users of one provisioner that are mapped to the same email address, ignoring case.",
		"correct one user, or the mapping"}
	MapFailed = Code{"R3010",
		"A mapping that fails for a user.",
		"correct the mapping, or the user; CUE wrote the reason"}
	BadExample = Code{"R3011",
		"An example that differs from the result of the mapping.",
		"correct the mapping, or the example"}
	WrongMapping = Code{"R3012",
		"A mapping that is not a function of `user`.",
		"begin it with `user: #User`, and write its attributes as expressions over `user`"}
	BadEndpoint = Code{"R4001",
		"An endpoint that is not the SCIM endpoint of a tenant.",
		"copy it from the AWS console: https://scim.<region>.amazonaws.com/<tenant>/scim/v2"}
	PlainHTTP = Code{"R4002",
		"An http:// URL of another machine.",
		"use https://; http:// is only for endpoints on this machine"}
	SameIdentity = Code{"R4003",
		"Two provisioners for one tenant.",
		"keep one: they would revert each other's changes"}
	BadSchedule = Code{"R4004",
		"Invalid cron expression, or a schedule that never fires.",
		"write five fields: minute, hour, day of month, month, day of week; for example \"*/10 * * * *\""}
	Unlimited = Code{"R4005",
		"An unlimited rate for an endpoint on another machine.",
		"AWS allows 20 calls a second from all callers together; 15 leaves a margin"}
	SecretLiteral = Code{"R4006",
		"A secret where only a reference to a secret is allowed. The message does not show it.",
		"revoke it, because it is in the repository now, and refer to the new one: {env: \"ROSTER_SECRET_AWS\"} " +
			"or {file: \"...\"}"}
	DisabledGate = Code{"R4007",
		"A gate that is turned off without a reason, or turned off and tuned at the same time.",
		"give a `reason`, and no numbers"}
	BadDuration = Code{"R4008",
		"A duration that is too short or too long.",
		"use for example \"24h\""}
	EmptyGroups = Code{"R4009",
		"A list of groups that is empty, or names a group twice.",
		"leave `groups` out to select all users, or name at least one group, each of them once"}
	BadPolicy = Code{"R4010",
		"Settings that contradict each other.",
		"keep one of them"}
)

// The warnings.
var (
	IgnoredFile = Code{"W1001",
		"A file that roster does not read: one below users/ or groups/ with another extension, or one " +
			"that Git ignores.",
		"use one of the extensions .cue, .yaml, .yml, .json, .jsonl and .csv"}
	OtherSchema = Code{"W1002",
		"schema.cue was edited, or comes from another version of roster. roster uses its own copy.",
		"run `roster init --here` to rewrite it, and put your own constraints into another file"}
	MembershipEnding = Code{"W2001",
		"A membership that has ended, or ends within 30 days.",
		"extend it, or remove it"}
	UserEnding = Code{"W2002",
		"A user whose validUntil has passed, or passes within 30 days.",
		"extend it, or set the state to INACTIVE"}
	CannotSignIn = Code{"W2003",
		"A provisioned group with users who cannot sign in, because none of their groups has access to the app.",
		"add the group to the app's `access`, or do not provision it"}
	NotProvisioned = Code{"W2004",
		"A user who has access to the app but is not provisioned. The user does not exist in AWS.",
		"add the group to a provisioner of the app, or remove it from `access`"}
	SelectsNobody = Code{"W2006",
		"A rule, an include or a selected group that has no user on any date.",
		"correct the rule, or remove it"}
	Placeholder = Code{"W2007",
		"A value that programs write for a missing one.",
		"leave the field out if it has no value"}
	ViolatedByDate = Code{"W2005",
		"An assertion that no longer holds, because a date has passed or has not come yet.",
		"change the declarations of the users named, or extend what has ended"}
	NoEmails = Code{"W3001",
		"A mapping that sends no email address.",
		"map `emails`: the AWS documentation asks for a unique address for each user"}
	ScopeIsAllUsers = Code{"W4001",
		"A provisioner without `groups`: all users are in scope.",
		"name groups to narrow the scope"}
	TokenExpiring = Code{"W4002",
		"A SCIM token that has expired, expires within 90 days, or is declared to live longer than AWS allows.",
		"create a second token in the AWS console, store it, and change tokenExpires"}
	NoTokenExpiry = Code{"W4003",
		"A token without tokenExpires.",
		"declare when the token expires, so that roster can warn you; AWS tokens are valid for a year"}
	PauseEnded = Code{"W4004",
		"A pause that has ended. It has no effect.",
		"remove it, or extend it"}
	ApprovalExpired = Code{"W4005",
		"An approval that has expired. It has no effect.",
		"remove it"}
	ReviewNeeded = Code{"W4006",
		"A provisioner that requires reviews. Without a forge, roster holds every intended change.",
		"run the daemon with --forge"}
	ApprovalUnmatched = Code{"W4007",
		"An approval that matches nothing that roster holds. It releases nothing.",
		"approve the digest of a report with `roster approve`, or remove the approval"}
)
