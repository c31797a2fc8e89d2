package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/samlmeta"
)

func (c *cli) samlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "saml",
		Short: "Exchange SAML metadata with AWS",
	}
	cmd.AddCommand(c.samlSPCommand(), c.samlIDPCommand())
	return cmd
}

// certificateJSON is the JSON form of a certificate.
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

func certificateText(c *samlmeta.Certificate) string {
	return c.Algorithm() + ", until " + c.NotAfter().UTC().Format(time.DateOnly) + ", SHA-256 " + c.Fingerprint
}
