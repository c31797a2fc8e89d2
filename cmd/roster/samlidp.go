package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/samlmeta"
)

func (c *cli) samlIDPCommand() *cobra.Command {
	var repo repoFlags
	var request app.MetadataRequest
	var out string
	cmd := &cobra.Command{
		Use:   "idp APP",
		Short: "Write the identity provider's metadata for the upload to AWS",
		Long: `idp writes the metadata that the identityProvider of an app declares for one of its domains, to
standard output or --out. A private key is required only for signMetadataWith. Every other key
that can be resolved is compared with its certificate.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.App = args[0]
			return c.samlIDP(cmd.Context(), repo.RepositoryConfig, request, out)
		},
	}
	repo.addWithDir(cmd)
	f := cmd.Flags()
	f.StringVar(&request.Domain, "domain", "", "domain of the metadata (default: the only one)")
	f.StringVar(&request.Certificate, "certificate", "", "name of the only signing certificate to include "+
		"(default: all that are published, the active one first)")
	f.IntVar(&request.LifetimeDays, "lifetime", 0, "validity in days, 2 to 730 (default: lifetimeDays)")
	f.StringVar(&request.Profile, "profile", string(samlmeta.Upload), "upload: valid for the whole lifetime, for AWS; "+
		"published: valid for at most a week, as the daemon serves it")
	f.StringVarP(&out, "out", "o", "", "file to write (default: standard output)")
	return cmd
}

func (c *cli) samlIDP(ctx context.Context, repo app.RepositoryConfig, q app.MetadataRequest, out string) error {
	file, err := app.IdentityProviderMetadata(ctx, c.settings(logWarnings), repo, q)
	for _, note := range file.Notes {
		output.Fprintf(c.stderr, "%s\n", note)
	}
	if err != nil {
		return err
	}
	if out != "" {
		if err := atomicfile.WriteBytes(out, 0o644, file.XML); err != nil {
			return fmt.Errorf("write %s: %w", out, err)
		}
	}
	sum := sha256.Sum256(file.XML)
	if c.format == "json" {
		certificates := []certificateJSON{}
		for _, name := range file.Certificates {
			certificates = append(certificates, newCertificateJSON(name, file.SigningCertificates[name]))
		}
		return c.printJSON(map[string]any{"version": 1, "app": q.App, "entityID": file.EntityID,
			"validUntil": file.ValidUntil, "certificates": certificates, "sha256": hex.EncodeToString(sum[:]),
			"xml": string(file.XML), "out": out})
	}
	if out == "" {
		return c.writeFile(file.XML)
	}
	output.Fprintf(c.stdout, "wrote %s: %s, valid until %s\n", out, file.EntityID, file.ValidUntil.Format(time.RFC3339))
	for _, name := range file.Certificates {
		output.Fprintf(c.stdout, "certificate %s: %s\n", name, certificateText(file.SigningCertificates[name]))
	}
	output.Fprintf(c.stdout, "SHA-256 %s\n", hex.EncodeToString(sum[:]))
	return nil
}
