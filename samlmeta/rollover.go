package samlmeta

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// notDeclared is the phase of a certificate that is not declared.
const notDeclared = ""

// transitions are the phases that may follow each phase, from one commit to the next. A step
// forward may not skip a phase. A step back is allowed while AWS still trusts the certificate. A
// certificate that was never active may be removed.
var transitions = map[string][]string{
	notDeclared: {"next"},
	"next":      {"uploaded", notDeclared},
	"uploaded":  {"active", notDeclared},
	"active":    {"previous", "uploaded"},
	"previous":  {"retired", "active"},
	"retired":   {notDeclared},
}

// Compare finds certificates that skip a phase of their rollover between two commits. A certificate
// is identified by its content: a renamed certificate keeps its phase, and a replaced file is a new
// certificate. An identity provider that only one of the commits has is not compared. Both commits
// must have passed Check. The error is schema.Problems with positions in after, and any other error
// if a tree cannot be read.
func Compare(before *schema.Declarations, beforeTree fs.FS, after *schema.Declarations, afterTree fs.FS) error {
	var out schema.Problems
	for _, key := range slices.Sorted(maps.Keys(after.Apps)) {
		oldProvider, newProvider := identityProviderOf(before, key), identityProviderOf(after, key)
		if oldProvider == nil || newProvider == nil {
			continue
		}
		path := joinPath("apps", key) + ".saml.identityProvider.signing"
		oldStates, err := certificateStates(oldProvider, beforeTree)
		if err != nil {
			return err
		}
		newStates, err := certificateStates(newProvider, afterTree)
		if err != nil {
			return err
		}
		for _, fingerprint := range slices.Sorted(maps.Keys(union(oldStates, newStates))) {
			from, to := oldStates[fingerprint], newStates[fingerprint]
			if from.phase == to.phase || slices.Contains(transitions[from.phase], to.phase) {
				continue
			}
			out = append(out, skippedPhaseProblem(newProvider, path, from, to))
		}
	}
	if len(out) == 0 {
		return nil
	}
	sortByPosition(out)
	return out
}

// NotCompared returns the warning that an earlier commit exists but could not be compared.
func NotCompared(why string) schema.Problem {
	return notCompared.at(schema.Pos{}, "",
		"the rollover of signing certificates was not compared with an earlier commit: %s", why)
}

func identityProviderOf(d *schema.Declarations, app string) *schema.IdentityProvider {
	if a := d.Apps[app]; a != nil && a.SAML != nil {
		return a.SAML.IdentityProvider
	}
	return nil
}

// certificateState is the phase of a certificate; the zero value is notDeclared.
type certificateState struct {
	name, phase string
	pos         schema.Pos
}

// certificateStates returns the states of an identity provider's certificates, by fingerprint.
func certificateStates(idp *schema.IdentityProvider, tree fs.FS) (map[string]certificateState, error) {
	certificates, err := Certificates(idp, tree)
	out := map[string]certificateState{}
	for name, c := range certificates {
		out[c.Fingerprint] = certificateState{name, idp.Signing[name].Phase, idp.Signing[name].Pos}
	}
	return out, err
}

func union(a, b map[string]certificateState) map[string]certificateState {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func skippedPhaseProblem(idp *schema.IdentityProvider, path string, from, to certificateState) schema.Problem {
	words := func(phase string) string {
		if phase == notDeclared {
			return "not declared"
		}
		return quote(phase)
	}
	pos, name := to.pos, to.name
	if to.phase == notDeclared {
		pos, name = idp.Pos, from.name
	}
	p := skippedPhase.at(pos, joinPath(path, name), "the certificate changes from %s to %s", words(from.phase),
		words(to.phase))
	var allowed []string
	for _, phase := range transitions[from.phase] {
		allowed = append(allowed, words(phase))
	}
	p.Advice = fmt.Sprintf("from %s it may change to %s; %s", words(from.phase), strings.Join(allowed, " or "),
		skippedPhase.advice)
	return p
}
