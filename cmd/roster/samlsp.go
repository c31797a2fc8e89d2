package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

func (c *cli) samlSPCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sp FILE",
		Short: "Validate and show service provider metadata that was downloaded from AWS",
		Long: `sp reads the metadata file of a service provider ("-" is standard input), refuses a file that
cannot be used or trusted, and shows the content with its SHA-256. Commit the file unchanged, and
name it in the app: saml: serviceProviderMetadata.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return c.samlSP(args[0]) },
	}
}

func (c *cli) samlSP(name string) error {
	data, err := c.readMetadata(name)
	if err != nil {
		return err
	}
	sp, err := samlmeta.ParseServiceProvider(name, data)
	var problems schema.Problems
	if errors.As(err, &problems) {
		return c.refuseMetadata(name, problems)
	}
	if err != nil {
		return err
	}
	if end := sp.ValidUntil; !end.IsZero() && !end.After(time.Now()) {
		return fmt.Errorf("%s: the metadata expired on %s; download it from IAM Identity Center again", name,
			end.Format(time.RFC3339))
	}
	if c.format == "json" {
		return c.printJSON(newServiceProviderJSON(sp))
	}
	printProblems(c.stderr, sp.Warnings)
	c.printServiceProvider(sp)
	return nil
}

// refuseMetadata prints the problems of a file that cannot be used.
func (c *cli) refuseMetadata(name string, problems schema.Problems) error {
	if c.format == "json" {
		err := c.printJSON(withError(map[string]any{"version": 1, "problems": problemsJSON(problems)}, problems))
		if err != nil {
			return err
		}
		return exitError
	}
	printProblems(c.stderr, problems)
	return fmt.Errorf("%s cannot be used", name)
}

// maxMetadataRead limits what is read of a file. It is more than samlmeta accepts, so that samlmeta
// reports a file that is too long.
const maxMetadataRead = 1 << 20

// readMetadata reads a file, or standard input if name is "-".
func (c *cli) readMetadata(name string) ([]byte, error) {
	in := io.NopCloser(c.stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
		in = f
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxMetadataRead))
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	return data, nil
}

func (c *cli) printServiceProvider(sp *samlmeta.ServiceProvider) {
	line := func(name, format string, args ...any) {
		output.Fprintf(c.stdout, "%-13s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("entityID", "%s", sp.EntityID)
	if sp.Region != "" {
		line("AWS", "region %s, identity store %s", sp.Region, sp.IdentityStore)
	}
	for _, consumer := range sp.Consumers {
		kind := consumer.Kind
		if kind == "" {
			kind = "not an AWS endpoint"
		}
		if consumer.Default {
			kind += ", default"
		}
		line(fmt.Sprintf("ACS %d", consumer.Index), "%s (%s)", consumer.Location, kind)
	}
	for _, f := range sp.NameIDFormats {
		line("NameID", "%s", f)
	}
	for _, certificate := range sp.Certificates {
		line("certificate", "%s", certificateText(certificate))
	}
	if !sp.ValidUntil.IsZero() {
		line("valid until", "%s", sp.ValidUntil.Format(time.RFC3339))
	}
	line("SHA-256", "%s", sp.SHA256)
}

// serviceProviderJSON is the JSON form of service provider metadata.
type serviceProviderJSON struct {
	Version       int               `json:"version"`
	EntityID      string            `json:"entityID"`
	Region        string            `json:"region,omitempty"`
	IdentityStore string            `json:"identityStore,omitempty"`
	Consumers     []consumerJSON    `json:"assertionConsumerServices"`
	NameIDFormats []string          `json:"nameIDFormats"`
	Certificates  []certificateJSON `json:"certificates"`
	ValidUntil    time.Time         `json:"validUntil,omitzero"`
	SHA256        string            `json:"sha256"`
	Warnings      []problemJSON     `json:"warnings"`
}

type consumerJSON struct {
	Index    int    `json:"index"`
	Location string `json:"location"`
	Binding  string `json:"binding"`
	Default  bool   `json:"default"`
	Kind     string `json:"kind,omitempty"`
	Region   string `json:"region,omitempty"`
}

func newServiceProviderJSON(sp *samlmeta.ServiceProvider) serviceProviderJSON {
	consumers, certificates := []consumerJSON{}, []certificateJSON{}
	for _, c := range sp.Consumers {
		consumers = append(consumers, consumerJSON{c.Index, c.Location, c.Binding, c.Default, c.Kind, c.Region})
	}
	for _, c := range sp.Certificates {
		certificates = append(certificates, newCertificateJSON("", c))
	}
	return serviceProviderJSON{1, sp.EntityID, sp.Region, sp.IdentityStore, consumers,
		append([]string{}, sp.NameIDFormats...), certificates, sp.ValidUntil, sp.SHA256, problemsJSON(sp.Warnings)}
}
