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

// Check reads the files that the SAML sides of apps name, from the tree that holds the declarations. The error is schema.Problems, which make
// the commit invalid, or one of reading the tree, which says nothing about the commit. All findings are sorted. It needs no clock and no
// secret: Warn and Rendering have those.
func Check(d *schema.Declarations, tree fs.FS) (warnings schema.Problems, err error) {
	s := survey(d, tree)
	switch {
	case s.failed != nil:
		return nil, s.failed
	case len(s.problems) > 0:
		return s.warnings, s.problems
	}
	return s.warnings, nil
}

// surveyed is what the files of all apps say.
type surveyed struct {
	apps               map[string]*appFiles
	problems, warnings schema.Problems
	failed             error // of reading the tree
}

// appFiles are the files of one app, as far as they could be read.
type appFiles struct {
	path         string // of the app's SAML side, for findings
	provider     *ServiceProvider
	certificates map[string]*Certificate // by name in signing
}

func survey(d *schema.Declarations, tree fs.FS) *surveyed {
	s := &surveyed{apps: map[string]*appFiles{}}
	for _, key := range slices.Sorted(maps.Keys(d.Apps)) {
		app := d.Apps[key]
		if app.SAML == nil {
			continue
		}
		a := &appFiles{path: below("apps", key) + ".saml"}
		s.apps[key] = a
		provider, err := ReadServiceProvider(tree, app.SAML.ServiceProviderMetadata)
		s.take(err, a.path+".serviceProviderMetadata")
		if a.provider = provider; provider != nil {
			s.warn(provider.Odd, a.path+".serviceProviderMetadata")
		}
		if idp := app.SAML.IdentityProvider; idp != nil {
			a.certificates, err = Certificates(idp, tree)
			s.take(err, a.path+".identityProvider.signing")
			for _, name := range slices.Sorted(maps.Keys(a.certificates)) {
				s.warn(a.certificates[name].Odd, below(a.path+".identityProvider.signing", name))
			}
			if err == nil {
				s.take(fits(idp, a.certificates), a.path+".identityProvider")
			}
		}
	}
	byPosition(s.problems)
	byPosition(s.warnings)
	return s
}

// take keeps the findings of an error under a path.
func (s *surveyed) take(err error, path string) {
	var problems schema.Problems
	switch {
	case err == nil:
	case errors.As(err, &problems):
		for _, p := range problems {
			p.Path = cmp.Or(p.Path, path)
			s.problems = append(s.problems, p)
		}
	default:
		s.failed = cmp.Or(s.failed, err)
	}
}

func (s *surveyed) warn(found schema.Problems, path string) {
	for _, p := range found {
		p.Path = cmp.Or(p.Path, path)
		s.warnings = append(s.warnings, p)
	}
}

// fits renders each domain's file as it will be, but for the signature, which it leaves room for, and asks whether AWS takes it.
func fits(idp *schema.IdentityProvider, certificates map[string]*Certificate) error {
	const signature = 2 * maxPEM // an RSA 8192 signature and a certificate
	unsigned := *idp
	unsigned.SignMetadataWith = ""
	var problems schema.Problems
	for _, domain := range idp.Domains {
		f, err := Rendering{Provider: &unsigned, Domain: domain, Certificates: certificates, Profile: Upload, Now: time.Unix(0, 0)}.Render()
		var found schema.Problems
		switch {
		case errors.As(err, &found):
			problems = append(problems, found...)
		case err != nil:
			problems = append(problems, metadataLimit.at(idp.Pos, "", "the metadata for %s cannot be rendered: %v", domain, err))
		case idp.SignMetadataWith != "" && len(f.XML)+signature > maxMetadata:
			problems = append(problems, metadataLimit.at(idp.Pos, "", "the metadata for %s is too long to be signed; AWS takes %d characters", domain, maxMetadata))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// ReadServiceProvider reads the metadata of a service provider from a tree.
func ReadServiceProvider(tree fs.FS, name string) (*ServiceProvider, error) {
	data, err := read(tree, name)
	if err != nil {
		return nil, err
	}
	return ParseServiceProvider(name, data)
}

// Certificates reads the signing certificates of an identity provider, by name. The error is schema.Problems, with which those certificates
// that are right are returned, or one of reading the tree.
func Certificates(idp *schema.IdentityProvider, tree fs.FS) (map[string]*Certificate, error) {
	out := map[string]*Certificate{}
	var problems schema.Problems
	for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
		file := idp.Signing[name].Certificate
		data, err := read(tree, file)
		if err != nil {
			return nil, err
		}
		c, err := ParseCertificate(file, data)
		var found schema.Problems
		if errors.As(err, &found) {
			problems = append(problems, found...)
			continue
		}
		for _, other := range slices.Sorted(maps.Keys(out)) {
			if same := out[other].X509; string(same.RawSubjectPublicKeyInfo) == string(c.X509.RawSubjectPublicKeyInfo) {
				problems = append(problems, sameCert.at(idp.Signing[name].Pos, "", "has the key of %s", quote(other)))
			}
		}
		out[name] = c
	}
	if len(problems) > 0 {
		return out, problems
	}
	return out, nil
}

// read reads a file, but no more of it than the gate lets pass.
func read(tree fs.FS, name string) ([]byte, error) {
	f, err := tree.Open(name)
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

// below is a path in the configuration, as the schema's findings have it.
func below(path, key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if !plain || key[0] >= '0' && key[0] <= '9' {
		key = strconv.Quote(key)
	}
	return path + "." + key
}

func byPosition(ps schema.Problems) {
	slices.SortStableFunc(ps, func(a, b schema.Problem) int { return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Code, b.Code)) })
}
