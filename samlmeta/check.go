package samlmeta

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Check reads the files that the SAML settings of apps name, from the tree of the declarations. The
// error is schema.Problems if the commit is invalid, and any other error if the tree cannot be
// read. Problems and warnings are sorted. Check needs no clock and no secrets; see Warn and
// Rendering for these.
func Check(d *schema.Declarations, tree fs.FS) (warnings schema.Problems, err error) {
	s := readFiles(d, tree)
	switch {
	case s.readErr != nil:
		return nil, s.readErr
	case len(s.problems) > 0:
		return s.warnings, s.problems
	}
	return s.warnings, nil
}

// fileSet has the parsed files of all apps.
type fileSet struct {
	apps               map[string]*appFiles
	problems, warnings schema.Problems
	readErr            error // of the tree
}

// appFiles has the files of one app that could be parsed.
type appFiles struct {
	path         string // of the app's SAML settings, for problems
	provider     *ServiceProvider
	certificates map[string]*Certificate // by their names in `signing`
}

func readFiles(d *schema.Declarations, tree fs.FS) *fileSet {
	s := &fileSet{apps: map[string]*appFiles{}}
	for _, key := range slices.Sorted(maps.Keys(d.Apps)) {
		app := d.Apps[key]
		if app.SAML == nil {
			continue
		}
		a := &appFiles{path: joinPath("apps", key) + ".saml"}
		s.apps[key] = a
		provider, err := ReadServiceProvider(tree, app.SAML.ServiceProviderMetadata)
		s.addError(err, a.path+".serviceProviderMetadata")
		if a.provider = provider; provider != nil {
			s.addWarnings(provider.Warnings, a.path+".serviceProviderMetadata")
		}
		if idp := app.SAML.IdentityProvider; idp != nil {
			a.certificates, err = Certificates(idp, tree)
			s.addError(err, a.path+".identityProvider.signing")
			for _, name := range slices.Sorted(maps.Keys(a.certificates)) {
				s.addWarnings(a.certificates[name].Warnings, joinPath(a.path+".identityProvider.signing", name))
			}
			if err == nil {
				s.addError(checkRendering(idp, a.certificates), a.path+".identityProvider")
			}
		}
	}
	sortByPosition(s.problems)
	sortByPosition(s.warnings)
	return s
}

// addError adds the problems of an error, with a path.
func (s *fileSet) addError(err error, path string) {
	var problems schema.Problems
	switch {
	case err == nil:
	case errors.As(err, &problems):
		for _, p := range problems {
			p.Path = cmp.Or(p.Path, path)
			s.problems = append(s.problems, p)
		}
	default:
		s.readErr = cmp.Or(s.readErr, err)
	}
}

func (s *fileSet) addWarnings(found schema.Problems, path string) {
	for _, p := range found {
		p.Path = cmp.Or(p.Path, path)
		s.warnings = append(s.warnings, p)
	}
}

// checkRendering renders each domain's file without its signature and checks the limits of AWS. It
// reserves space for the signature.
func checkRendering(idp *schema.IdentityProvider, certificates map[string]*Certificate) error {
	const signature = 2 * maxPEM // an RSA 8192 signature and a certificate
	unsigned := *idp
	unsigned.SignMetadataWith = ""
	var problems schema.Problems
	for _, domain := range idp.Domains {
		f, err := Rendering{Provider: &unsigned, Domain: domain, Certificates: certificates, Profile: Upload,
			Now: time.Unix(0, 0)}.Render()
		var found schema.Problems
		switch {
		case errors.As(err, &found):
			problems = append(problems, found...)
		case err != nil:
			problems = append(problems, metadataLimit.at(idp.Pos, "", "the metadata for %s cannot be rendered: %v",
				domain, err))
		case idp.SignMetadataWith != "" && len(f.XML)+signature > maxMetadata:
			problems = append(problems,
				metadataLimit.at(idp.Pos, "",
					"the metadata for %s is too long with a signature; AWS accepts %d characters", domain, maxMetadata))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// ReadServiceProvider reads and parses the metadata of a service provider from a tree.
func ReadServiceProvider(tree fs.FS, name string) (*ServiceProvider, error) {
	data, err := readFile(tree, name)
	if err != nil {
		return nil, err
	}
	return ParseServiceProvider(name, data)
}

// Certificates reads and parses the signing certificates of an identity provider, by name. If the
// error is schema.Problems, the valid certificates are returned too. Any other error means that the
// tree cannot be read.
func Certificates(idp *schema.IdentityProvider, tree fs.FS) (map[string]*Certificate, error) {
	out := map[string]*Certificate{}
	var problems schema.Problems
	for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
		file := idp.Signing[name].Certificate
		var c *Certificate
		data, err := readFile(tree, file)
		if err == nil {
			c, err = ParseCertificate(file, data)
		}
		var found schema.Problems
		if errors.As(err, &found) {
			problems = append(problems, found...)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, other := range slices.Sorted(maps.Keys(out)) {
			if same := out[other].X509; string(same.RawSubjectPublicKeyInfo) == string(c.X509.RawSubjectPublicKeyInfo) {
				problems = append(problems, duplicateCertificate.at(idp.Signing[name].Pos, "", "has the same key as %s",
					quote(other)))
			}
		}
		out[name] = c
	}
	if len(problems) > 0 {
		return out, problems
	}
	return out, nil
}

// readFile reads a file up to one byte more than the limit, so that parseDocument rejects a larger
// file. The error is schema.Problems if the tree has something else instead of the file.
func readFile(tree fs.FS, name string) ([]byte, error) {
	f, err := tree.Open(name)
	if errors.Is(err, fs.ErrInvalid) {
		return nil, schema.Problems{schema.Unreadable(name, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// joinPath returns the path of a key in the declarations, in the format of the schema's problems.
func joinPath(path, key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if !plain || key[0] >= '0' && key[0] <= '9' {
		key = strconv.Quote(key)
	}
	return path + "." + key
}

func sortByPosition(ps schema.Problems) {
	slices.SortStableFunc(ps, func(a, b schema.Problem) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Code, b.Code))
	})
}
