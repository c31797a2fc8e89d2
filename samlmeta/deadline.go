package samlmeta

import (
	"cmp"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Kind is the kind of thing that ends.
type Kind string

// The kinds of deadlines.
const (
	SigningCertificate         Kind = "signing certificate"
	ServiceProviderMetadata    Kind = "service provider metadata"
	ServiceProviderCertificate Kind = "service provider certificate"
	IdentityProviderMetadata   Kind = "identity provider metadata"
)

// Deadline is the end date of one thing in an app's SAML settings.
type Deadline struct {
	Kind Kind
	App  string
	// Name is the name of a certificate in `signing`, or the name of a file.
	Name string
	// Pos and Path are the position and the path of the declaration.
	Pos  schema.Pos
	Path string
	// StartsAt is the start of a certificate's validity; zero for metadata.
	StartsAt time.Time
	EndsAt   time.Time
	// Consequence is a clause that completes the warning.
	Consequence string
}

// Deadlines lists the deadlines of all apps: published certificates, the service provider's
// metadata and certificates, and the rendered metadata if `uploaded` has the date of its upload. It
// leaves out files that cannot be parsed, because Check reports them. The list is sorted by end,
// app and name.
func Deadlines(d *schema.Declarations, tree fs.FS) []Deadline {
	var out []Deadline
	for key, files := range readFiles(d, tree).apps {
		settings := d.Apps[key].SAML
		add := func(kind Kind, name string, pos schema.Pos, path string, begins, ends time.Time, consequence string) {
			if !ends.IsZero() {
				out = append(out, Deadline{kind, key, name, pos, files.path + path, begins, ends, consequence})
			}
		}
		if sp := files.provider; sp != nil {
			const path = ".serviceProviderMetadata"
			add(ServiceProviderMetadata, settings.ServiceProviderMetadata, settings.MetadataPos, path, time.Time{},
				sp.ValidUntil,
				"identity providers may reject it")
			for _, c := range sp.Certificates {
				add(ServiceProviderCertificate, settings.ServiceProviderMetadata, settings.MetadataPos, path,
					c.NotBefore(), c.NotAfter(),
					"identity providers may reject the sign-in requests of AWS")
			}
		}
		idp := settings.IdentityProvider
		if idp == nil {
			continue
		}
		for name, c := range files.certificates {
			if k := idp.Signing[name]; slices.Contains(publishedPhases, k.Phase) {
				add(SigningCertificate, name, k.Pos, joinPath(".identityProvider.signing", name), c.NotBefore(),
					c.NotAfter(), consequenceOf(k.Phase))
			}
		}
		if up := idp.Uploaded; up != nil {
			add(IdentityProviderMetadata, key, idp.Pos, ".identityProvider.uploaded", time.Time{},
				up.Start.Add(time.Duration(idp.LifetimeDays)*day),
				"AWS may reject sign-ins until a new file is uploaded")
		}
	}
	slices.SortFunc(out, func(a, b Deadline) int {
		return cmp.Or(a.EndsAt.Compare(b.EndsAt), strings.Compare(a.App, b.App),
			strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return out
}

// consequenceOf returns the consequence of an expired certificate.
func consequenceOf(phase string) string {
	if phase == "active" {
		return "AWS marks it as expired, and may reject all sign-ins"
	}
	return "AWS marks it as expired"
}

// warnDays is the number of days before a deadline at which the warnings start.
const warnDays = 90

// Warn lists the warnings that depend on the time: what has expired, what expires within 90 days,
// and what is not valid yet. Such a warning never makes a commit invalid.
func Warn(d *schema.Declarations, tree fs.FS, now time.Time) schema.Problems {
	var out schema.Problems
	for _, end := range Deadlines(d, tree) {
		if p, soon := end.Problem(now); soon {
			out = append(out, p)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.Apps)) {
		if settings := d.Apps[key].SAML; settings != nil && settings.IdentityProvider != nil {
			out = append(out, futurePhases(settings.IdentityProvider,
				joinPath("apps", key)+".saml.identityProvider.signing", now)...)
		}
	}
	sortByPosition(out)
	return out
}

// Problem returns the warning of a deadline; soon is false if there is none yet.
func (e Deadline) Problem(now time.Time) (p schema.Problem, soon bool) {
	c, what := metadataExpires, string(e.Kind)
	if e.Kind == SigningCertificate || e.Kind == ServiceProviderCertificate {
		c = certificateExpires
	}
	if e.Kind == SigningCertificate {
		what += " " + quote(e.Name)
	}
	date := e.EndsAt.UTC().Format(time.DateOnly)
	switch left := e.EndsAt.Sub(now); {
	case now.Before(e.StartsAt):
		return c.at(e.Pos, e.Path, "the %s of app %s is not valid before %s", what, quote(e.App),
			e.StartsAt.UTC().Format(time.DateOnly)), true
	case left <= 0:
		return c.at(e.Pos, e.Path, "the %s of app %s has expired on %s: %s", what, quote(e.App), date, e.Consequence),
			true
	case left <= warnDays*day:
		return c.at(e.Pos, e.Path, "the %s of app %s expires on %s, %s: then %s", what, quote(e.App), date,
			inDays(left), e.Consequence), true
	}
	return schema.Problem{}, false
}

func inDays(left time.Duration) string {
	if n := int(left / day); n > 0 {
		return "in " + schema.Count(n, "day")
	}
	return "within a day"
}

// futurePhases warns about phases with a date in the future.
func futurePhases(idp *schema.IdentityProvider, path string, now time.Time) schema.Problems {
	var out schema.Problems
	for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
		k := idp.Signing[name]
		if date := k.Dates[k.Phase]; date != nil && !date.Begun(now) {
			p := futurePhase.at(k.Pos, joinPath(path, name)+".dates."+k.Phase, "the date of phase %s is in the future",
				quote(k.Phase))
			p.Value = quote(date.Text)
			out = append(out, p)
		}
	}
	return out
}
