package samlmeta

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// absent is the phase of a certificate that is not declared.
const absent = ""

// steps are the phases that may follow each phase, from one commit to the next. Forward is one step at a time; the way back is open as long
// as AWS still trusts the certificate that is gone back to, and what was never used may be given up.
var steps = map[string][]string{
	absent:     {"next"},
	"next":     {"uploaded", absent},
	"uploaded": {"active", absent},
	"active":   {"previous", "uploaded"},
	"previous": {"retired", "active"},
	"retired":  {absent},
}

// Compare finds certificates that skip a phase of their rollover between two commits. What identifies a certificate is its content: one that
// is renamed keeps its phase, and one whose file is replaced is another. An identity provider that was not there before, or that is gone, is
// not compared. Both commits have passed Check. The error is schema.Problems, which stand in after, or one of reading a tree.
func Compare(before *schema.Declarations, beforeTree fs.FS, after *schema.Declarations, afterTree fs.FS) error {
	var out schema.Problems
	for _, key := range slices.Sorted(maps.Keys(after.Apps)) {
		old, new := identityOf(before, key), identityOf(after, key)
		if old == nil || new == nil {
			continue
		}
		path := below("apps", key) + ".saml.identityProvider.signing"
		was, err := standing(old, beforeTree)
		if err != nil {
			return err
		}
		is, err := standing(new, afterTree)
		if err != nil {
			return err
		}
		for _, print := range slices.Sorted(maps.Keys(merged(was, is))) {
			from, to := was[print], is[print]
			if from.phase == to.phase || slices.Contains(steps[from.phase], to.phase) {
				continue
			}
			out = append(out, skipped(new, path, from, to))
		}
	}
	if len(out) == 0 {
		return nil
	}
	byPosition(out)
	return out
}

// NotCompared is the warning that Compare had nothing to compare with, though there is an earlier commit.
func NotCompared(why string) schema.Problem {
	return notCompared.at(schema.Pos{}, "", "the rollover of signing certificates is not compared with an earlier commit: %s", why)
}

func identityOf(d *schema.Declarations, app string) *schema.IdentityProvider {
	if a := d.Apps[app]; a != nil && a.SAML != nil {
		return a.SAML.IdentityProvider
	}
	return nil
}

// stand is where a certificate stands in its rollover; the zero value is absent.
type stand struct {
	name, phase string
	pos         schema.Pos
}

// standing returns the certificates of an identity provider by fingerprint.
func standing(idp *schema.IdentityProvider, tree fs.FS) (map[string]stand, error) {
	certificates, err := Certificates(idp, tree)
	out := map[string]stand{}
	for name, c := range certificates {
		out[c.Fingerprint] = stand{name, idp.Signing[name].Phase, idp.Signing[name].Pos}
	}
	return out, err
}

func merged(a, b map[string]stand) map[string]stand {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func skipped(idp *schema.IdentityProvider, path string, from, to stand) schema.Problem {
	words := func(phase string) string {
		if phase == absent {
			return "not declared"
		}
		return quote(phase)
	}
	pos, name := to.pos, to.name
	if to.phase == absent {
		pos, name = idp.Pos, from.name
	}
	p := skippedPhase.at(pos, below(path, name), "the certificate goes from %s to %s", words(from.phase), words(to.phase))
	var may []string
	for _, phase := range steps[from.phase] {
		may = append(may, words(phase))
	}
	p.Advice = fmt.Sprintf("from %s it may go to %s; %s", words(from.phase), strings.Join(may, " or "), skippedPhase.advice)
	return p
}
