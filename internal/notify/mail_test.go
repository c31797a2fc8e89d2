package notify

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is an SMTP server that takes messages for everybody, or refuses them.
type mailServer struct {
	ca     string // file with the certificate
	mu     sync.Mutex
	refuse bool
	got    []string // sender, receivers and message
	auth   string
}

func newMailServer(t *testing.T) (*mailServer, string) {
	t.Helper()
	s := &mailServer{}
	server := smtp.NewServer(s)
	server.Domain = "localhost"
	web := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(web.Close)
	server.TLSConfig = &tls.Config{Certificates: web.TLS.Certificates}
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(s.ca, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s, listener.Addr().String()
}

// NewSession begins the session of a client.
func (s *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &mailSession{server: s}, nil
}

type mailSession struct {
	server *mailServer
	text   string
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.auth = user + ":" + password
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.text = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.text += " -> " + to
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.refuse {
		return &smtp.SMTPError{Code: 451, Message: "try again later"}
	}
	s.server.got = append(s.server.got, s.text+"\n"+strings.ReplaceAll(string(data), "\r\n", "\n"))
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func (s *mailServer) set(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

func (s *mailServer) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func TestAMailIsSentWhenTheServerTakesIt(t *testing.T) {
	server, address := newMailServer(t)
	t.Setenv("PASSWORD", canary)
	b := newBench(t, `
pageURL: https://roster.example.com
channels:
- name: mail
  smtp: {server: "`+address+`", from: "roster <roster@example.com>", to: [ann@example.com, bob@example.com],
    username: roster, password: {env: PASSWORD}, caFile: "`+server.ca+`"}
`, "")
	server.set(true)
	b.observe(Problem{Kind: Held, Title: "2 changes are held\nBcc: eve@example.com",
		Details: []string{"gate quota holds them"}, Path: "provisioners/aws"})
	b.after(0)
	if problems := b.Waiting(); len(problems) != 1 || !strings.Contains(b.log.String(), "try again later") {
		t.Errorf("the list of problems is %q, and the log\n%s", problems, b.log)
	}
	server.set(false)
	b.after(time.Minute)
	b.after(time.Hour)
	got := server.messages()
	if len(got) != 1 {
		t.Fatalf("the server took %d messages; the log is\n%s", len(got), b.log)
	}
	for _, want := range []string{
		"roster@example.com -> ann@example.com -> bob@example.com\n",
		"Subject: roster aws: 2 changes are held\\nBcc: eve@example.com\n",
		"Auto-Submitted: auto-generated\n", "Message-ID: <msg_",
		"warning, 2026-03-02 09:00 UTC\n- gate quota holds them\nhttps://roster.example.com/provisioners/aws\n",
	} {
		if !strings.Contains(got[0], want) {
			t.Errorf("the message has no %q:\n%s", want, got[0])
		}
	}
	if strings.Contains(got[0], "\nBcc:") || server.auth != "roster:"+canary {
		t.Errorf("the client logged in as %q; the message is\n%s", server.auth, got[0])
	}
	if strings.Contains(b.log.String(), canary) {
		t.Errorf("the log has the password:\n%s", b.log)
	}
}

// Neither the message nor the password is sent to a server with the wrong certificate.
func TestAMailServerMustHaveATrustedCertificate(t *testing.T) {
	server, address := newMailServer(t)
	t.Setenv("PASSWORD", canary)
	b := newBench(t, `
channels:
- name: mail
  smtp: {server: "`+address+`", from: roster@example.com, to: [ann@example.com], username: roster,
    password: {env: PASSWORD}}
`, "")
	b.observe(failed)
	b.after(0)
	if len(server.messages()) > 0 || server.auth != "" || !strings.Contains(b.log.String(), "certificate") {
		t.Errorf("the server got %q and %q; the log is\n%s", server.messages(), server.auth, b.log)
	}
}
