package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/schema"
)

// App is an app with its sign-in settings, as a commit declares them.
type App struct {
	Key, Name, Position string
	NameID              string       // the field of users that names them
	Provider            *AppProvider // nil if there is none
	Service             *AppService  // nil if its metadata cannot be read
	Certificates        []AppCertificate
	Problems            []string // of files that cannot be read
}

// AppProvider is an identity provider. {domain} in its addresses is replaced by each of its
// domains.
type AppProvider struct {
	EntityID      string
	Endpoints     []AppEndpoint
	Domains       []string
	LifetimeDays  int
	CacheDuration string
	SignedWith    string // the certificate that signs the metadata; "" if it is not signed
	Uploaded      time.Time
}

// AppService is the service provider: AWS.
type AppService struct {
	File, EntityID, Region string
	NameIDFormats          []string
	ValidUntil             time.Time // zero if the file has no end
	Endpoints              []AppEndpoint
}

// AppEndpoint is an address.
type AppEndpoint struct{ Kind, Address string }

// AppCertificate is a certificate. Phase is "" for one of AWS.
type AppCertificate struct {
	Name, Phase, Algorithm, Fingerprint, Position string
	NotBefore, NotAfter                           time.Time
}

// phaseStates are the phases of a rollover.
var phaseStates = map[string]page.State{
	"next": {Class: "wait", Word: "next"}, "uploaded": {Class: "wait", Word: "uploaded"},
	"active": {Class: "good", Word: "active"}, "previous": {Word: "previous"}, "retired": {Word: "retired"},
	"": {Word: "of AWS"},
}

// appsPage serves the list of apps.
func (s *Server) appsPage(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	apps, err := s.Apps(r.Context())
	if err != nil {
		s.message(w, r, &st, http.StatusServiceUnavailable, cutText("The apps cannot be read: "+err.Error(), 1000))
		return
	}
	p := &page.Apps{Frame: s.frame(r, &st)}
	keys := make([]string, len(apps))
	for i := range apps {
		keys[i] = apps[i].Key
	}
	first, now := indexAfter(keys, r.URL.Query().Get("cursor")), s.now()
	rows, next := paged(len(apps), first, maxRows, htmlBudget, func(i int) page.AppRow {
		return appRow(&apps[i], &st, now)
	})
	if p.Rows = rows; next > 0 {
		p.Next = keys[next-1]
	}
	p.Heading = appsHeading(apps, &st, now)
	show(w, http.StatusOK, p)
}

// appsHeading says what ends next.
func appsHeading(apps []App, st *daemon.State, now time.Time) string {
	var next *deadline.Deadline
	for i := range apps {
		if d := nextEnd(apps[i].Key, st); d != nil && (next == nil || d.EndsAt.Before(next.EndsAt)) {
			next = d
		}
	}
	text := schema.Count(len(apps), "app") + " with sign-in settings"
	switch {
	case len(apps) == 0:
		return "No app has sign-in settings"
	case next == nil:
		return text + "; nothing of them ends"
	}
	return fmt.Sprintf("%s; the next end is %s, on %s", text, timeLeft(next.EndsAt.Sub(now)),
		next.EndsAt.UTC().Format("2 Jan 2006"))
}

// timeLeft says when something ends.
func timeLeft(left time.Duration) string {
	switch n := int(left / day); {
	case left <= 0:
		return "past"
	case n == 0:
		return "within a day"
	default:
		return "in " + schema.Count(n, "day")
	}
}

// endsOf returns the deadlines of an app, the next end first.
func endsOf(key string, st *daemon.State) []deadline.Deadline {
	return slices.DeleteFunc(slices.Clone(st.AllDeadlines), func(d deadline.Deadline) bool {
		return d.Owner != key || d.Kind != deadline.Certificate && d.Kind != deadline.Metadata
	})
}

// nextEnd returns the first deadline of an app; nil if there is none.
func nextEnd(key string, st *daemon.State) *deadline.Deadline {
	if ends := endsOf(key, st); len(ends) > 0 {
		return &ends[0]
	}
	return nil
}

// appState is the state of an app as a word.
func appState(app *App, next *deadline.Deadline, now time.Time) page.State {
	active := slices.ContainsFunc(app.Certificates, func(c AppCertificate) bool { return c.Phase == "active" })
	switch {
	case len(app.Problems) > 0:
		return page.State{Class: "bad", Word: "invalid file"}
	case next != nil && next.EndsAt.Before(now):
		return page.State{Class: "bad", Word: "ended"}
	case next != nil && next.EndsAt.Sub(now) <= 30*day:
		return page.State{Class: "soon", Word: "ends soon"}
	case app.Provider != nil && !active:
		return page.State{Class: "soon", Word: "none active"}
	case app.Provider == nil:
		return page.State{Word: "AWS only"}
	}
	return page.State{Class: "good", Word: "valid"}
}

func appRow(app *App, st *daemon.State, now time.Time) page.AppRow {
	next := nextEnd(app.Key, st)
	row := page.AppRow{Key: app.Key, Name: app.Name, State: appState(app, next, now)}
	var active []string
	for _, c := range app.Certificates {
		if c.Phase == "active" {
			active = append(active, c.Name)
		}
	}
	row.Active = strings.Join(active, ", ")
	if app.Provider != nil {
		row.Domains = len(app.Provider.Domains)
	}
	if next != nil {
		row.Ends, row.EndsWhat = next.EndsAt, next.Subject
	}
	return row
}

// appPage serves the page of one app.
func (s *Server) appPage(w http.ResponseWriter, r *http.Request) {
	st, key := s.State(), r.PathValue("key")
	apps, err := s.Apps(r.Context())
	if err != nil {
		s.message(w, r, &st, http.StatusServiceUnavailable, cutText("The app cannot be read: "+err.Error(), 1000))
		return
	}
	i := slices.IndexFunc(apps, func(a App) bool { return a.Key == key })
	if i < 0 {
		s.message(w, r, &st, http.StatusNotFound, fmt.Sprintf("There is no app %q with sign-in settings",
			cutText(key, 200)))
		return
	}
	app, now := &apps[i], s.now()
	p := &page.App{Frame: s.frame(r, &st), Problems: first(app.Problems, 40)}
	p.Crumb = "Sign-in settings of " + cutText(app.Name, 200)
	p.Heading = appHeading(app, now)
	for _, d := range endsOf(key, &st) {
		if len(p.Deadlines) < maxItems {
			p.Deadlines = append(p.Deadlines, deadlineRow(&d, now))
		}
	}
	for i := range app.Certificates[:min(maxItems, len(app.Certificates))] {
		p.Certificates = append(p.Certificates, certificateRow(&app.Certificates[i], now))
	}
	p.Provider, p.Service = providerFacts(app), serviceFacts(app)
	if app.Provider != nil {
		p.Endpoints = append(p.Endpoints, endpointRows("Identity provider", app.Provider.Endpoints)...)
		for _, domain := range app.Provider.Domains[:min(maxItems, len(app.Provider.Domains))] {
			if s.Metadata != nil {
				p.Files = append(p.Files, page.Link{Text: domain, Path: "/saml/" + url.PathEscape(app.Key) + "/" +
					url.PathEscape(domain) + "/metadata.xml"})
			}
		}
	}
	if app.Service != nil {
		p.Endpoints = append(p.Endpoints, endpointRows("AWS", app.Service.Endpoints)...)
	}
	show(w, http.StatusOK, p)
}

// appHeading says until when users can sign in.
func appHeading(app *App, now time.Time) string {
	var active *AppCertificate
	for i := range app.Certificates {
		if c := &app.Certificates[i]; c.Phase == "active" && (active == nil || c.NotAfter.After(active.NotAfter)) {
			active = c
		}
	}
	switch {
	case app.Provider == nil:
		return "Only the metadata of AWS is declared"
	case active == nil:
		return "No certificate is active"
	case active.NotAfter.Before(now):
		return fmt.Sprintf("The active certificate %s ended on %s", cutText(active.Name, 100),
			active.NotAfter.UTC().Format("2 Jan 2006"))
	}
	return fmt.Sprintf("The active certificate %s ends %s, on %s", cutText(active.Name, 100),
		timeLeft(active.NotAfter.Sub(now)), active.NotAfter.UTC().Format("2 Jan 2006"))
}

func certificateRow(c *AppCertificate, now time.Time) page.CertificateRow {
	row := page.CertificateRow{Name: cutText(c.Name, 200), Side: "signs assertions", State: phaseStates[c.Phase],
		Algorithm: c.Algorithm, Fingerprint: c.Fingerprint, Begins: c.NotBefore, Ends: c.NotAfter,
		Position: cutText(c.Position, 300)}
	if c.Phase == "" {
		row.Side = "signs requests"
	}
	left := c.NotAfter.Sub(now)
	row.Left = page.State{Word: timeLeft(left)}
	switch {
	case now.Before(c.NotBefore):
		row.Left = page.State{Class: "wait", Word: "not valid yet"}
	case left <= 0:
		row.Left = page.State{Class: "bad", Word: "ended"}
	case left <= 30*day:
		row.Left.Class = "soon"
	}
	return row
}

func endpointRows(side string, list []AppEndpoint) []page.EndpointRow {
	var out []page.EndpointRow
	for _, e := range list[:min(maxItems, len(list))] {
		out = append(out, page.EndpointRow{Side: side, Kind: cutText(strings.TrimPrefix(e.Kind,
			"urn:oasis:names:tc:SAML:2.0:bindings:"), 200), Address: cutText(e.Address, 1000)})
	}
	return out
}

func providerFacts(app *App) []page.Fact {
	idp := app.Provider
	if idp == nil {
		return nil
	}
	facts := []page.Fact{{Name: "Entity", Text: cutText(idp.EntityID, 1000), Code: true},
		{Name: "NameID", Text: app.NameID, Code: true},
		{Name: "Lifetime", Text: schema.Count(idp.LifetimeDays, "day") + " from the upload to AWS"}}
	if idp.CacheDuration != "" {
		facts = append(facts, page.Fact{Name: "Cached for", Text: idp.CacheDuration})
	}
	signed := "not signed"
	if idp.SignedWith != "" {
		signed = "signed with " + cutText(idp.SignedWith, 200)
	}
	facts = append(facts, page.Fact{Name: "Metadata", Text: signed})
	if !idp.Uploaded.IsZero() {
		facts = append(facts, page.Fact{Name: "Uploaded", Time: idp.Uploaded},
			page.Fact{Name: "Ends in AWS", Time: idp.Uploaded.Add(time.Duration(idp.LifetimeDays) * day)})
	}
	return append(facts, page.Fact{Name: "Declared at", Text: app.Position, Code: true})
}

func serviceFacts(app *App) []page.Fact {
	sp := app.Service
	if sp == nil {
		return nil
	}
	facts := []page.Fact{{Name: "Entity", Text: cutText(sp.EntityID, 1000), Code: true},
		{Name: "File", Text: cutText(sp.File, 500), Code: true},
		{Name: "NameID", Text: cutText(strings.Join(sp.NameIDFormats, ", "), 500), Code: true}}
	if sp.Region != "" {
		facts = append(facts, page.Fact{Name: "Region", Text: sp.Region})
	}
	if !sp.ValidUntil.IsZero() {
		facts = append(facts, page.Fact{Name: "Valid until", Time: sp.ValidUntil})
	}
	return facts
}
