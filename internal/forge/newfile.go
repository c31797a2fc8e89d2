package forge

import (
	"net/url"
	"strings"
)

// NewFileURL returns the address of the page of the forge on which a person adds a file to a
// branch, directly or by a pull request. GitHub fills the page with the content; on the other
// forges, the person pastes it. It returns "" if the repository has no web address.
func (c *Config) NewFileURL(branch, file, content string) string {
	site, err := url.Parse(strings.TrimSuffix(strings.TrimSuffix(WebURL(c.Repository), "/"), ".git"))
	if err != nil || site.Host == "" || site.Scheme != "https" && site.Scheme != "http" {
		return ""
	}
	query, path := url.Values{}, ""
	switch c.Kind {
	case KindGitHub:
		path = "new/" + branch
		query.Set("filename", file)
		query.Set("value", content)
	case KindGitLab:
		path = "-/new/" + branch
		query.Set("file_name", file)
	case KindGitea:
		path = "_new/" + branch + "/"
		query.Set("filename", file)
	default:
		return ""
	}
	out := url.URL{Scheme: site.Scheme, Host: site.Host, Path: site.Path + "/" + path, RawQuery: query.Encode()}
	return out.String()
}
