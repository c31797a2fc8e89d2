package gitrepo

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/seed-d64a251c/roster/internal/loopback"
)

// An address is the parsed URL of a remote repository, without a password.
type address struct {
	scheme string // file, http, https, ssh
	user   string
	host   string // as in the URL, with the port; "" for file
	path   string
}

// parseAddress reads a Git URL: https://host/path, ssh://user@host:port/path, user@host:path,
// file:///path or a path on this machine. It accepts http:// for loopback only, because http sends
// the token unencrypted. The password of the URL is not part of the address; it is returned
// separately.
func parseAddress(s string) (a address, password string, err error) {
	if !strings.Contains(s, "://") {
		a, err = parseShortAddress(s)
		return a, "", err
	}
	u, err := url.Parse(s)
	if err != nil { // not wrapped: it quotes the URL, and so the password
		return address{}, "", errors.New("the URL of the repository is invalid: " +
			"want https://host/path, ssh://git@host/path, git@host:path or file:///path")
	}
	a = address{scheme: strings.ToLower(u.Scheme), user: u.User.Username(), host: u.Host, path: u.Path}
	password, _ = u.User.Password()
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, "", errors.New("the URL of the repository has a query or a fragment, which Git does not use")
	case a.scheme == "file" && a.host != "" && a.host != "localhost":
		return address{}, "", fmt.Errorf("a file:// URL cannot have the host %s: write file:///path", a.host)
	case a.scheme == "file":
		a.host = ""
	case u.Hostname() == "" || u.Hostname()[0] == '-':
		return address{}, "", errors.New("the URL of the repository has no host")
	case a.scheme == "http" && !loopback.IsHost(u.Hostname()):
		return address{}, "", fmt.Errorf("http://%s would send credentials and changes unencrypted: "+
			"use https (http is for loopback only)", a.host)
	case a.scheme != "https" && a.scheme != "http" && a.scheme != "ssh":
		return address{}, "", fmt.Errorf("unsupported URL scheme %q: want https, ssh or file", a.scheme)
	}
	if a.scheme == "http" || a.scheme == "https" {
		a.path = u.EscapedPath()
	}
	if strings.Trim(a.path, "/") == "" {
		return address{}, "", errors.New("the URL of the repository has no path")
	}
	return a, password, nil
}

// parseShortAddress reads "user@host:path" or a path on this machine. As in git, a colon before the
// first slash ends a host.
func parseShortAddress(s string) (address, error) {
	host, path, ok := strings.Cut(s, ":")
	if !ok || strings.Contains(host, "/") {
		if s == "" {
			return address{}, errors.New("the URL of the repository is empty")
		}
		abs, err := filepath.Abs(s)
		return address{scheme: "file", path: abs}, err
	}
	user, name, ok := strings.Cut(host, "@")
	if !ok {
		user, name = "", host
	}
	badUser, badHost := ok && user == "", name == "" || name[0] == '-' || strings.Contains(name, "@")
	if badUser || badHost || path == "" || path[0] == '-' { // a leading '-' would be an option of the ssh program
		return address{}, fmt.Errorf("invalid repository URL %q: want user@host:path", s)
	}
	return address{scheme: "ssh", user: user, host: name, path: path}, nil
}

// String returns the URL for messages and for the cache. It omits the user of https, because that
// may be a token.
func (a address) String() string {
	u := url.URL{Scheme: a.scheme, Host: a.host, Path: a.path}
	switch {
	case a.scheme == "ssh" && !strings.HasPrefix(a.path, "/"):
		return strings.TrimPrefix(a.user+"@", "@") + a.host + ":" + a.path
	case a.scheme == "ssh" && a.user != "":
		u.User = url.User(a.user)
	case a.scheme == "http" || a.scheme == "https":
		return a.scheme + "://" + a.host + a.path // already escaped
	}
	return u.String()
}
