// Package neterror says in words what went wrong between a client and a server, without the names
// of functions and system calls. It knows only the errors of the standard library.
package neterror

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Explain returns an error whose text is for people, and that wraps err. An error that it does not
// know, and the end of a context by its owner, are returned as they are. The URL of a request is
// not in the text: it may have a secret.
func Explain(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	for _, explain := range []func(error) string{explainName, explainTLS, explainConnection, explainContent} {
		if text := explain(err); text != "" {
			return &explained{text, err}
		}
	}
	return err
}

// Within returns an error that wraps err, and whose text has the text of Explain instead of that of
// the network's error that err wraps. The rest of the text, such as what was tried, stays.
func Within(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if !isNetwork(e) {
			continue
		}
		text := strings.Replace(err.Error(), e.Error(), Explain(e).Error(), 1)
		if text == err.Error() {
			break
		}
		return &explained{text, err}
	}
	return err
}

// isNetwork reports whether an error is one of those that Explain knows, itself and not by an error
// that it wraps.
func isNetwork(err error) bool {
	switch err.(type) {
	case *url.Error, net.Error, *net.AddrError, *json.SyntaxError, *json.UnmarshalTypeError, tls.RecordHeaderError,
		tls.AlertError, *tls.CertificateVerificationError, x509.UnknownAuthorityError, x509.HostnameError,
		x509.CertificateInvalidError, syscall.Errno:
		return true
	}
	return err == io.EOF || err == io.ErrUnexpectedEOF || err == context.DeadlineExceeded
}

// explained is an error with another text.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

func explainName(err error) string {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return ""
	case dns.IsNotFound:
		return fmt.Sprintf("the host %s does not exist", dns.Name)
	case dns.IsTimeout:
		return fmt.Sprintf("the host name %s cannot be resolved: the name server does not answer", dns.Name)
	}
	return fmt.Sprintf("the host name %s cannot be resolved", dns.Name)
}

// plainHTTP is the text of the error of net/http for a server without TLS.
const plainHTTP = "server gave HTTP response to HTTPS client"

func explainTLS(err error) string {
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var alert tls.AlertError
	switch {
	case errors.As(err, &record), strings.Contains(err.Error(), plainHTTP):
		return "the server does not use TLS on this port: check the port, and https in the address"
	case errors.As(err, &authority):
		return "the server's certificate is not signed by an authority that this machine trusts"
	case errors.As(err, &host):
		names := ""
		if host.Certificate != nil && len(host.Certificate.DNSNames) > 0 {
			own := host.Certificate.DNSNames
			names = ", only for " + strings.Join(own[:min(5, len(own))], ", ")
		}
		return fmt.Sprintf("the server's certificate is not for %s%s", host.Host, names)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		period := ""
		if c := invalid.Cert; c != nil {
			period = fmt.Sprintf(": it is valid from %s to %s", c.NotBefore.UTC().Format(time.DateOnly),
				c.NotAfter.UTC().Format(time.DateOnly))
		}
		return "the server's certificate has expired, or is not valid yet" + period
	case errors.As(err, &verification), errors.As(err, &invalid):
		return "the server's certificate is not valid"
	case errors.As(err, &alert):
		return "the TLS handshake failed: the other side reports " + strings.TrimPrefix(alert.Error(), "tls: ")
	}
	return ""
}

func explainConnection(err error) string {
	var op *net.OpError
	var address *net.AddrError
	var timeout net.Error
	peer := "the server"
	if errors.As(err, &op) && op.Op == "dial" && op.Addr != nil {
		peer = op.Addr.String()
	}
	switch {
	case errors.As(err, &address):
		return fmt.Sprintf("%q is not a valid address: %s", address.Addr, address.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + peer
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to " + peer
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return peer + " did not answer in time"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection before the end of its answer"
	case errors.Is(err, io.EOF):
		return "the server closed the connection without an answer"
	}
	return ""
}

func explainContent(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "the answer is not HTTP: check the port"
	case errors.As(err, &syntax):
		return "the answer is not JSON"
	case errors.As(err, &kind):
		return "the answer is not the JSON that was expected"
	}
	return ""
}
