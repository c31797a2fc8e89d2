package gitrepo

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// An address is where a remote repository is, without any password.
type address struct {
	scheme string // file, http, https, ssh
	user   string
	host   string // as written, with port; "" for file
	path   string
}

// parseAddress reads the forms of a Git URL: https://host/path, ssh://user@host:port/path,
// user@host:path, file:///path and a path on this machine. Plain http is for
// loopback only, because it shows the token to everybody on the way. A password
// in the URL is taken out and returned apart.
func parseAddress(s string) (a address, password string, err error) {
	if !strings.Contains(s, "://") {
		a, err = parseShortAddress(s)
		return a, "", err
	}
	u, err := url.Parse(s)
	if err != nil { // the error of net/url quotes the whole URL
		return address{}, "", errors.New("the URL of the repository cannot be read: want https://host/path, ssh://git@host/path, git@host:path or file:///path")
	}
	a = address{scheme: strings.ToLower(u.Scheme), user: u.User.Username(), host: u.Host, path: u.Path}
	password, _ = u.User.Password()
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, "", errors.New("the URL of the repository has a query or fragment, which Git does not use")
	case a.scheme == "file" && a.host != "" && a.host != "localhost":
		return address{}, "", fmt.Errorf("a file:// URL cannot name the host %s: write file:///path", a.host)
	case a.scheme == "file":
		a.host = ""
	case u.Hostname() == "" || u.Hostname()[0] == '-':
		return address{}, "", errors.New("the URL of the repository names no host")
	case a.scheme == "http" && !isLoopback(u.Hostname()):
		return address{}, "", fmt.Errorf("http://%s would send credentials and changes in the clear: use https (http is for loopback only)", a.host)
	case a.scheme != "https" && a.scheme != "http" && a.scheme != "ssh":
		return address{}, "", fmt.Errorf("a repository cannot be reached by %q: want https, ssh or file", a.scheme)
	}
	if a.scheme == "http" || a.scheme == "https" {
		a.path = u.EscapedPath()
	}
	if strings.Trim(a.path, "/") == "" {
		return address{}, "", errors.New("the URL of the repository names no path on its host")
	}
	return a, password, nil
}

// parseShortAddress reads "user@host:path" and paths on this machine, telling
// them apart as git does: a colon before the first slash makes a host.
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
	if ok && user == "" || strings.Contains(name, "@") || name == "" || name[0] == '-' || path == "" || path[0] == '-' {
		return address{}, fmt.Errorf("%q names no repository: want user@host:path", s)
	}
	return address{scheme: "ssh", user: user, host: name, path: path}, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// String returns a URL to show and to store: without password, and without
// the user of https, which may be a token.
func (a address) String() string {
	u := url.URL{Scheme: a.scheme, Host: a.host, Path: a.path}
	switch {
	case a.scheme == "ssh" && !strings.HasPrefix(a.path, "/"):
		return strings.TrimPrefix(a.user+"@", "@") + a.host + ":" + a.path
	case a.scheme == "ssh" && a.user != "":
		u.User = url.User(a.user)
	case a.scheme == "http" || a.scheme == "https":
		return a.scheme + "://" + a.host + a.path // escaped already
	}
	return u.String()
}
