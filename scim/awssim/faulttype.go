package awssim

import "strings"

// FaultName is the name of a fault type.
type FaultName string

// The fault types. docs/simulator.md describes them in the words of faultTypes.
const (
	FaultThrottle      FaultName = "throttle"
	FaultError500      FaultName = "error-500"
	FaultError503      FaultName = "error-503"
	FaultAfter500      FaultName = "error-500-after"
	FaultGateway       FaultName = "gateway-error"
	FaultSlow          FaultName = "slow"
	FaultResetBefore   FaultName = "reset-before"
	FaultResetAfter    FaultName = "reset-after"
	FaultReplyLost     FaultName = "reply-lost"
	FaultTruncate      FaultName = "truncated-body"
	FaultCursorExpired FaultName = "expired-cursor"
	FaultEmptyPage     FaultName = "empty-page"
	FaultShortPage     FaultName = "short-page"
	FaultRepeatPage    FaultName = "repeated-page"
	FaultRevoke        FaultName = "token-revoked"
	FaultQuota         FaultName = "quota-reached"
	FaultStale         FaultName = "stale-read"
	FaultConflict      FaultName = "conflict"
	FaultDenied        FaultName = "denied"
)

// faultType describes a fault type.
type faultType struct {
	name        FaultName
	appliesTo   func(*operation) bool // nil stands for a request that matches no operation
	description string
}

// faultTypes returns all fault types in the order of the documentation.
func faultTypes() []faultType {
	any := func(*operation) bool { return true }
	writes := func(op *operation) bool { return op != nil && op.writes }
	lists := func(op *operation) bool {
		return op != nil && strings.HasPrefix(op.name, "List") && op.path != "Schemas"
	}
	creates := func(op *operation) bool { return op != nil && strings.HasPrefix(op.name, "Create") }
	reads := func(op *operation) bool { return op != nil && !op.writes }
	changes := func(op *operation) bool { return op != nil && (op.method == "PATCH" || op.method == "PUT") }
	return []faultType{
		{FaultThrottle, any, "429, whatever the throttle allows; nothing is applied"},
		{FaultError500, any, "500; nothing is applied"},
		{FaultError503, any, "503; nothing is applied"},
		{FaultAfter500, writes, "500, although the write is applied"},
		{FaultGateway, any, "502 with an HTML page; nothing is applied"},
		{FaultSlow, any, "the call waits `delay` (default 5 s) before it is handled"},
		{FaultResetBefore, any, "the connection is reset; nothing is applied"},
		{FaultResetAfter, any, "the connection is reset, although the call is applied"},
		{FaultReplyLost, writes, "the write is applied; after `delay` the connection is closed without a response"},
		{FaultTruncate, any, "the call is applied; the connection is closed after half of the body"},
		{FaultCursorExpired, lists, "400 for a valid cursor"},
		{FaultEmptyPage, lists, "a page without results; its nextCursor leads to the results"},
		{FaultShortPage, lists, "a page with half of its results; its nextCursor leads to the others"},
		{FaultRepeatPage, lists, "a page whose nextCursor leads to the same page"},
		{FaultRevoke, any, "the caller's token is deleted; this call and all later ones get 401"},
		{FaultQuota, creates, "the create exceeds the quota"},
		{FaultStale, reads, "a read returns the directory as it was `delay` (default 2 s) ago"},
		{FaultConflict, changes, "409, as for a concurrent change of the object; nothing is applied"},
		{FaultDenied, any, "403 for every caller whose address is not in `allow`; nothing is applied"},
	}
}

// faultTypeNamed returns the fault type with this name.
func faultTypeNamed(name FaultName) (faultType, bool) {
	for _, t := range faultTypes() {
		if t.name == name {
			return t, true
		}
	}
	return faultType{}, false
}
