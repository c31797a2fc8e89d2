package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

func (a *app) samlCommand() *cobra.Command {
	c := &cobra.Command{Use: "saml", Short: "The SAML metadata exchange: read AWS's file, write the identity provider's",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(a.samlSPCommand(), a.samlIDPCommand())
	return c
}

func (a *app) samlSPCommand() *cobra.Command {
	return &cobra.Command{Use: "sp FILE", Short: "Read service provider metadata, as downloaded from AWS, and say what is in it",
		Long: `sp reads the metadata file of a service provider ("-" is standard input), refuses what could not be used or trusted, and shows the rest
with its SHA-256. Commit the file as it is and name it in the app: saml: serviceProviderMetadata.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.samlSP(args[0]) }}
}

func (a *app) samlSP(name string) error {
	data, err := a.readMetadata(name)
	if err != nil {
		return err
	}
	sp, err := samlmeta.ParseServiceProvider(name, data)
	var problems schema.Problems
	if errors.As(err, &problems) {
		return a.refuseMetadata(name, problems)
	}
	if err != nil {
		return err
	}
	if end := sp.ValidUntil; !end.IsZero() && !end.After(time.Now()) {
		return fmt.Errorf("%s: the metadata has expired on %s; download it afresh from IAM Identity Center", name, end.Format(time.RFC3339))
	}
	if a.format == "json" {
		return a.json(providerJSON(sp))
	}
	a.printProblems(a.stderr, sp.Warnings)
	a.printProvider(sp)
	return nil
}

// refuseMetadata says what is wrong with a file that is not used.
func (a *app) refuseMetadata(name string, problems schema.Problems) error {
	if a.format == "json" {
		if err := a.json(map[string]any{"version": 1, "problems": problemsJSON(problems)}); err != nil {
			return err
		}
		return exit(exitError)
	}
	a.printProblems(a.stderr, problems)
	return fmt.Errorf("%s cannot be used", name)
}

// readMetadata reads a file or standard input, but not without end.
func (a *app) readMetadata(name string) ([]byte, error) {
	const most = 1 << 20 // what is longer than samlmeta takes is its to refuse
	in := io.NopCloser(a.stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
		in = f
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	return data, nil
}

func (a *app) printProvider(sp *samlmeta.ServiceProvider) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.stdout, "%-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("entityID", "%s", sp.EntityID)
	if sp.Region != "" {
		line("AWS", "region %s, identity store %s", sp.Region, sp.IdentityStore)
	}
	for _, c := range sp.Consumers {
		what := c.Kind
		if what == "" {
			what = "not AWS's"
		}
		if c.Default {
			what += ", default"
		}
		line(fmt.Sprintf("ACS %d", c.Index), "%s (%s)", c.Location, what)
	}
	for _, f := range sp.NameIDFormats {
		line("NameID", "%s", f)
	}
	for _, c := range sp.Certificates {
		line("certificate", "%s", certificateLine(c))
	}
	if !sp.ValidUntil.IsZero() {
		line("valid until", "%s", sp.ValidUntil.Format(time.RFC3339))
	}
	line("SHA-256", "%s", sp.SHA256)
}

func certificateLine(c *samlmeta.Certificate) string {
	return fmt.Sprintf("%s, until %s, SHA-256 %s", c.Algorithm(), c.NotAfter().UTC().Format(time.DateOnly), c.Fingerprint)
}

type consumerJSON struct {
	Index    int    `json:"index"`
	Location string `json:"location"`
	Binding  string `json:"binding"`
	Default  bool   `json:"default"`
	Kind     string `json:"kind,omitempty"`
	Region   string `json:"region,omitempty"`
}

type certificateJSON struct {
	Name      string    `json:"name,omitempty"`
	Algorithm string    `json:"algorithm"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	SHA256    string    `json:"sha256"`
}

func newCertificateJSON(name string, c *samlmeta.Certificate) certificateJSON {
	return certificateJSON{name, c.Algorithm(), c.NotBefore().UTC(), c.NotAfter().UTC(), c.Fingerprint}
}

func providerJSON(sp *samlmeta.ServiceProvider) any {
	consumers, certificates := []consumerJSON{}, []certificateJSON{}
	for _, c := range sp.Consumers {
		consumers = append(consumers, consumerJSON{c.Index, c.Location, c.Binding, c.Default, c.Kind, c.Region})
	}
	for _, c := range sp.Certificates {
		certificates = append(certificates, newCertificateJSON("", c))
	}
	return struct {
		Version       int               `json:"version"`
		EntityID      string            `json:"entityID"`
		Region        string            `json:"region,omitempty"`
		IdentityStore string            `json:"identityStore,omitempty"`
		Consumers     []consumerJSON    `json:"assertionConsumerServices"`
		NameIDFormats []string          `json:"nameIDFormats"`
		Certificates  []certificateJSON `json:"certificates"`
		ValidUntil    time.Time         `json:"validUntil,omitzero"`
		SHA256        string            `json:"sha256"`
		Warnings      []problem         `json:"warnings"`
	}{1, sp.EntityID, sp.Region, sp.IdentityStore, consumers, append([]string{}, sp.NameIDFormats...), certificates, sp.ValidUntil, sp.SHA256, problemsJSON(sp.Warnings)}
}

// identityRequest is what roster saml idp is told.
type identityRequest struct {
	place
	app, domain, certificate, profile, out string
	lifetime                               int
}

func (a *app) samlIDPCommand() *cobra.Command {
	var q identityRequest
	c := &cobra.Command{Use: "idp APP", Short: "Write the identity provider's metadata, to be uploaded to AWS",
		Long: `idp renders the metadata that an app's identityProvider declares for one of its domains, to standard output or --out. A private key is
needed only with signMetadataWith; every other key that can be resolved is compared with its certificate.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.app = args[0]
			return a.samlIDP(cmd.Context(), &q)
		}}
	q.registerC(c)
	f := c.Flags()
	f.StringVar(&q.domain, "domain", "", "domain to write the file for (default: the only one)")
	f.StringVar(&q.certificate, "certificate", "", "name of the one signing certificate to put in (default: all that are published, the active one first)")
	f.IntVar(&q.lifetime, "lifetime", 0, "days that the file is valid, 2 to 730 (default: lifetimeDays)")
	f.StringVar(&q.profile, "profile", string(samlmeta.Upload), "upload: valid for the whole lifetime, for AWS; published: valid for a week at most, as the daemon serves it")
	f.StringVarP(&q.out, "out", "o", "", "file to write (default: standard output)")
	return c
}

func (a *app) samlIDP(ctx context.Context, q *identityRequest) error {
	decls, tree, err := a.readPlace(ctx, &q.place)
	if err != nil {
		return err
	}
	idp, err := identityProviderOf(decls, q.app)
	if err != nil {
		return err
	}
	if q.domain == "" && len(idp.Domains) > 1 {
		return usageError{fmt.Errorf("app %q has several domains: --domain %s", q.app, strings.Join(idp.Domains, "|"))}
	}
	domain := q.domain
	if domain == "" {
		domain = idp.Domains[0]
	}
	r := samlmeta.Rendering{Provider: idp, Domain: domain, Only: q.certificate, Profile: samlmeta.Profile(q.profile), LifetimeDays: q.lifetime, Now: time.Now()}
	if r.Certificates, err = samlmeta.Certificates(idp, tree); err != nil {
		return err
	}
	if r.Key, err = a.signingKeys(ctx, idp, r.Certificates); err != nil {
		return err
	}
	file, err := r.Render()
	if err != nil {
		return err
	}
	return a.handOver(q, file, r.Certificates)
}

// identityProviderOf finds what an app declares of its identity provider.
func identityProviderOf(decls *schema.Declarations, key string) (*schema.IdentityProvider, error) {
	app := decls.Apps[key]
	switch {
	case app == nil:
		return nil, fmt.Errorf("there is no app %q; declared: %s", key, strings.Join(slices.Sorted(maps.Keys(decls.Apps)), ", "))
	case app.SAML == nil || app.SAML.IdentityProvider == nil:
		return nil, fmt.Errorf("%s: app %q declares no saml.identityProvider", app.Pos, key)
	}
	return app.SAML.IdentityProvider, nil
}

// signingKeys compares the keys of published certificates with them, and returns the one that signs the metadata; nil if none is to. A key
// that cannot be resolved here is said to be unchecked, unless it is needed.
func (a *app) signingKeys(ctx context.Context, idp *schema.IdentityProvider, certificates map[string]*samlmeta.Certificate) (crypto.Signer, error) {
	var signer crypto.Signer
	for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
		k := idp.Signing[name]
		if k.Key == nil || k.Phase == "retired" {
			continue
		}
		key, err := a.signingKey(ctx, k, certificates[name])
		var unresolved unresolvedKey
		switch {
		case errors.As(err, &unresolved) && name != idp.SignMetadataWith:
			fmt.Fprintf(a.stderr, "the key of %q is not compared with its certificate: %v\n", name, err)
		case err != nil:
			return nil, fmt.Errorf("the key of %q: %w", name, err)
		case name == idp.SignMetadataWith:
			signer = key
		}
	}
	return signer, nil
}

// unresolvedKey is a private key that is not to be had here.
type unresolvedKey struct{ error }

func (e unresolvedKey) Unwrap() error { return e.error }

// signingKey resolves the private key of a certificate.
func (a *app) signingKey(ctx context.Context, k *schema.SigningKey, c *samlmeta.Certificate) (crypto.Signer, error) {
	resolver := &secret.Resolver{Policy: a.policy, Getenv: a.env, AgeIdentity: a.ageIdentity}
	v, err := resolver.Resolve(ctx, k.Key)
	if err != nil {
		return nil, unresolvedKey{err}
	}
	key, err := c.ParseKey(v.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Key.Pos, err)
	}
	return key, nil
}

// handOver writes the file and says what it is.
func (a *app) handOver(q *identityRequest, f *samlmeta.File, certificates map[string]*samlmeta.Certificate) error {
	sum := sha256.Sum256(f.XML)
	if q.out != "" {
		if err := writeWhole(q.out, f.XML); err != nil {
			return err
		}
	}
	if a.format == "json" {
		list := []certificateJSON{}
		for _, name := range f.Certificates {
			list = append(list, newCertificateJSON(name, certificates[name]))
		}
		return a.json(map[string]any{"version": 1, "app": q.app, "entityID": f.EntityID, "validUntil": f.ValidUntil, "certificates": list,
			"sha256": hex.EncodeToString(sum[:]), "xml": string(f.XML), "out": q.out})
	}
	if q.out == "" {
		_, err := a.stdout.Write(f.XML)
		return err
	}
	fmt.Fprintf(a.stdout, "wrote %s: %s, valid until %s\n", q.out, f.EntityID, f.ValidUntil.Format(time.RFC3339))
	for _, name := range f.Certificates {
		fmt.Fprintf(a.stdout, "certificate %s: %s\n", name, certificateLine(certificates[name]))
	}
	fmt.Fprintf(a.stdout, "SHA-256 %s\n", hex.EncodeToString(sum[:]))
	return nil
}

// writeWhole writes a file whole or not at all.
func writeWhole(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
