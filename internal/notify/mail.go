package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/internal/textfile"
)

// mailSender sends messages by SMTP.
type mailSender struct {
	smtp    *SMTP
	resolve resolver
}

func (s *mailSender) send(ctx context.Context, m *message, now time.Time) error {
	msg := mail.NewMsg()
	if err := msg.From(s.smtp.From); err != nil {
		return err
	}
	if err := msg.To(s.smtp.To...); err != nil {
		return err
	}
	msg.Subject(truncated(m.subject(), 200))
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(m.id + "@roster")
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no answers of absent people
	msg.SetBodyString(mail.TypeTextPlain, m.text())
	client, err := s.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("%s: %w", s.smtp.Server, err)
	}
	return nil
}

func (s *mailSender) client(ctx context.Context) (*mail.Client, error) {
	host, portText, err := net.SplitHostPort(s.smtp.Server)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("smtp.server: %q is not a port", portText)
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.smtp.CAFile != "" {
		pem, err := textfile.Read(s.smtp.CAFile)
		if err != nil {
			return nil, err
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", s.smtp.CAFile)
		}
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(sendTimeout), mail.WithTLSConfig(config)}
	switch {
	case port == 465:
		options = append(options, mail.WithSSL())
	case loopback.IsHost(host):
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.smtp.Username != "" {
		password, err := s.resolve(ctx, s.smtp.Password)
		if err != nil {
			return nil, err
		}
		if password == "" {
			return nil, errors.New("the password is empty")
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.smtp.Username),
			mail.WithPassword(strings.TrimSpace(password)))
	}
	return mail.NewClient(host, options...)
}
