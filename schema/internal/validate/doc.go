// Package validate checks the relations between declarations: references, unique names, cycles, the
// values that AWS accepts for mapped users, and the files that declarations name. Check takes all
// of it as one Input. With the State of the last Check it checks only what has changed.
//
// The package knows what declarations mean. It does not know how they were read.
package validate
