package samlmeta

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Kind says what ends.
type Kind string

// What can end on the SAML side of an app.
const (
	SigningCertificate         Kind = "signing certificate"
	ServiceProviderMetadata    Kind = "service provider metadata"
	ServiceProviderCertificate Kind = "service provider certificate"
	IdentityProviderMetadata   Kind = "identity provider metadata"
)

// Deadline is a day on which something of an app's SAML side ends.
type Deadline struct {
	Kind Kind
	App  string
	// Name is the certificate's in signing, or the file's.
	Name string
	// Pos is the declaration's, Path where in the configuration it stands.
	Pos  schema.Pos
	Path string
	// Begins is when a certificate's validity begins; zero for metadata.
	Begins time.Time
	// Ends is when it is over.
	Ends time.Time
	// Consequence is what then happens.
	Consequence string
}

// Deadlines lists what ends on the SAML sides of all apps: certificates that are published, the service provider's metadata with its
// certificates, and the rendered metadata once `uploaded` says since when AWS has it. Files that cannot be read are left out: Check reports
// them. Sorted by end, app and name.
func Deadlines(d *schema.Declarations, tree fs.FS) []Deadline {
	var out []Deadline
	for key, files := range survey(d, tree).apps {
		side := d.Apps[key].SAML
		add := func(kind Kind, name string, pos schema.Pos, path string, begins, ends time.Time, consequence string) {
			if !ends.IsZero() {
				out = append(out, Deadline{kind, key, name, pos, files.path + path, begins, ends, consequence})
			}
		}
		if sp := files.provider; sp != nil {
			const path = ".serviceProviderMetadata"
			add(ServiceProviderMetadata, side.ServiceProviderMetadata, side.MetadataPos, path, time.Time{}, sp.ValidUntil,
				"identity providers may refuse to use it")
			for _, c := range sp.Certificates {
				add(ServiceProviderCertificate, side.ServiceProviderMetadata, side.MetadataPos, path, c.NotBefore(), c.NotAfter(),
					"identity providers may refuse AWS's sign-in requests")
			}
		}
		idp := side.IdentityProvider
		if idp == nil {
			continue
		}
		for name, c := range files.certificates {
			if k := idp.Signing[name]; slices.Contains(published, k.Phase) {
				add(SigningCertificate, name, k.Pos, below(".identityProvider.signing", name), c.NotBefore(), c.NotAfter(), endOf(k.Phase))
			}
		}
		if up := idp.Uploaded; up != nil {
			add(IdentityProviderMetadata, key, idp.Pos, ".identityProvider.uploaded", time.Time{}, up.Start.AddDate(0, 0, idp.LifetimeDays),
				"AWS may refuse sign-ins until a fresh file is uploaded")
		}
	}
	slices.SortFunc(out, func(a, b Deadline) int {
		return cmp.Or(a.Ends.Compare(b.Ends), strings.Compare(a.App, b.App), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return out
}

// endOf is what follows when the certificate of a phase expires.
func endOf(phase string) string {
	if phase == "active" {
		return "AWS shows it in red, and nobody can sign in once it is refused"
	}
	return "AWS shows it in red"
}

// warnDays is how long before its end something is warned of.
const warnDays = 90

// Warn lists what the clock says of the SAML sides of apps: what has expired, what expires within 90 days, and what is not valid yet. It is
// never a reason to refuse a commit.
func Warn(d *schema.Declarations, tree fs.FS, now time.Time) schema.Problems {
	var out schema.Problems
	for _, end := range Deadlines(d, tree) {
		if p, soon := end.Problem(now); soon {
			out = append(out, p)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.Apps)) {
		if side := d.Apps[key].SAML; side != nil && side.IdentityProvider != nil {
			out = append(out, early(side.IdentityProvider, below("apps", key)+".saml.identityProvider.signing", now)...)
		}
	}
	byPosition(out)
	return out
}

// Problem is the warning that a deadline gives at now; soon is false if there is none yet.
func (e Deadline) Problem(now time.Time) (p schema.Problem, soon bool) {
	c, what := metadataEnds, string(e.Kind)
	if e.Kind == SigningCertificate || e.Kind == ServiceProviderCertificate {
		c = certEnds
	}
	if e.Kind == SigningCertificate {
		what += " " + quote(e.Name)
	}
	date := e.Ends.UTC().Format(time.DateOnly)
	switch left := e.Ends.Sub(now); {
	case now.Before(e.Begins):
		return c.at(e.Pos, e.Path, "the %s of app %s is not valid before %s", what, quote(e.App), e.Begins.UTC().Format(time.DateOnly)), true
	case left <= 0:
		return c.at(e.Pos, e.Path, "the %s of app %s has expired on %s: %s", what, quote(e.App), date, e.Consequence), true
	case left <= warnDays*day:
		return c.at(e.Pos, e.Path, "the %s of app %s expires on %s, %s: then %s", what, quote(e.App), date, inDays(left), e.Consequence), true
	}
	return schema.Problem{}, false
}

func inDays(left time.Duration) string {
	switch n := int(left / day); n {
	case 0:
		return "within a day"
	case 1:
		return "in 1 day"
	default:
		return fmt.Sprintf("in %d days", n)
	}
}

// early warns of phases that are said to have begun on a day to come.
func early(idp *schema.IdentityProvider, path string, now time.Time) schema.Problems {
	var out schema.Problems
	for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
		k := idp.Signing[name]
		if date := k.Dates[k.Phase]; date != nil && !date.Begun(now) {
			p := futurePhase.at(k.Pos, below(path, name)+".dates."+k.Phase, "the certificate is said to be %s from a day to come", quote(k.Phase))
			p.Value = quote(date.Text)
			out = append(out, p)
		}
	}
	return out
}
