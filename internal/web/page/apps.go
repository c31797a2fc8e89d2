package page

import (
	"io"
	"net/url"
	"time"
)

// Apps is the page with the apps that users sign in to.
type Apps struct {
	Frame
	Rows []AppRow
	Next string
}

// AppRow is one app.
type AppRow struct {
	Key, Name string
	State     State
	Active    string // the names of the active certificates
	Domains   int
	Ends      time.Time // the next end of a certificate or file; zero if nothing ends
	EndsWhat  string
}

// Path is the path of the page of the app.
func (r *AppRow) Path() string { return AppPath(r.Key) }

// AppPath is the path of the page of an app.
func AppPath(key string) string { return "/apps/" + url.PathEscape(key) }

// NextPage is the address of the next page.
func (p *Apps) NextPage() string { return "?" + url.Values{"cursor": {p.Next}}.Encode() }

// Write writes the page.
func (p *Apps) Write(w io.Writer) error { return appsTemplate.Execute(w, p) }

// App is the page of the sign-in settings of an app: certificates, endpoints and files.
type App struct {
	Frame
	Problems     []string
	Deadlines    []DeadlineRow
	Certificates []CertificateRow
	Provider     []Fact // the identity provider
	Service      []Fact // AWS
	Endpoints    []EndpointRow
	Files        []Link // the rendered metadata
}

// CertificateRow is a certificate.
type CertificateRow struct {
	Name, Side  string
	State       State // the phase
	Algorithm   string
	Fingerprint string
	Begins      time.Time
	Ends        time.Time
	Left        State
	Position    string
}

// EndpointRow is an address that one side sends users to.
type EndpointRow struct{ Side, Kind, Address string }

// Write writes the page.
func (p *App) Write(w io.Writer) error { return appTemplate.Execute(w, p) }
