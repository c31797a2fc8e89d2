package reconcile

import (
	"maps"
	"time"
)

// Ledger says which objects of a directory are ours: key to AWS id. What is not in it is never changed, but for adoption.
type Ledger struct {
	Users  map[string]Owned `json:"users,omitempty"`
	Groups map[string]Owned `json:"groups,omitempty"`
}

// Owned is one object of ours.
type Owned struct {
	ID string `json:"id"`
	// Left is when somebody's deactivation for leaving the scope was confirmed; the wait for deletion counts from it.
	Left *time.Time `json:"left,omitempty"`
	// Adopted says that a group was taken over and that who was in it before is still to be decided on.
	Adopted bool `json:"adopted,omitempty"`
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{Users: map[string]Owned{}, Groups: map[string]Owned{}}
}

// Clone returns a copy that shares nothing.
func (l *Ledger) Clone() *Ledger {
	return &Ledger{Users: maps.Clone(l.Users), Groups: maps.Clone(l.Groups)}
}
