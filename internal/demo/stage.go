package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// Setting is what a demonstration is made of.
type Setting struct {
	// Dir is the folder that everything goes to, absolute; it must be empty or absent.
	Dir string
	// Content is the example organisation; the endpoint of its provisioner is rewritten to the simulator's.
	Content fs.FS
	// Serve runs the daemon until the context ends, and tells started where its pages are.
	Serve func(ctx context.Context, d Daemon, started func(address string)) error
	// Deadline is how long one step of the story may take; 0 is 30 seconds.
	Deadline time.Duration
	// Between, if set, stands between the daemon and the simulator, to spoil what passes.
	Between func(http.Handler) http.Handler
	// Program is how the commands that are shown call roster.
	Program string
	Voice   Voice
}

// Daemon is what the daemon needs to know of the stage.
type Daemon struct {
	Repo     string // URL
	StateDir string
	Token    string // good for the endpoint
	Log      io.Writer
}

// Stage is a demonstration that is set up. Close it.
type Stage struct {
	Setting
	token     string
	log       *os.File
	simulator *awssim.Server
	endpoint  string // of SCIM
	manage    string // of the simulator's management
	pages     string // of the daemon; empty until it has started
	servers   []*http.Server
	evidence  evidence
	pushed    []pushed
	stop      context.CancelFunc // of the daemon; nil until it has started
	ended     chan struct{}      // closed when the daemon has ended
	failure   error              // what it ended with, once ended is closed
}

// pushed is a commit of the story, with the outcome that its first report must have.
type pushed struct{ commit, outcome string }

// Open makes the repository and starts the simulator. The daemon starts with the story.
func Open(ctx context.Context, in Setting) (*Stage, error) {
	s := &Stage{Setting: in, token: "demo-" + rand.Text(), ended: make(chan struct{})}
	if s.Deadline == 0 {
		s.Deadline = 30 * time.Second
	}
	s.evidence = evidence{repo: s.Repository(), known: map[string]report{}}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("set the demo up: %w", err), s.Close())
	}
	return s, nil
}

// Repository is the folder of the bare repository that everybody pushes to.
func (s *Stage) Repository() string { return filepath.Join(s.Dir, "organisation.git") }

// Clone is the folder of a working copy of it.
func (s *Stage) Clone() string { return filepath.Join(s.Dir, "clone") }

// Log is the file that the daemon logs to.
func (s *Stage) Log() string { return filepath.Join(s.Dir, "daemon.log") }

func (s *Stage) url() string { return "file://" + filepath.ToSlash(s.Repository()) }

func (s *Stage) open(ctx context.Context) error {
	if _, err := gitrepo.InitBare(ctx, s.Repository()); err != nil {
		return err
	}
	var err error
	if s.log, err = os.OpenFile(s.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	scim, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	content, tenant, err := rewrite(s.Content, scim.Addr().String())
	if err != nil {
		return errors.Join(err, scim.Close())
	}
	manage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, scim.Close())
	}
	s.simulator = &awssim.Server{Tenant: tenant, Tokens: []awssim.Token{{Secret: s.token}}}
	s.simulator.Options.Throttle.Unlimited = true
	front := http.Handler(s.simulator)
	if s.Between != nil {
		front = s.Between(front)
	}
	s.answer(scim, front)
	s.answer(manage, s.simulator.Manage())
	s.endpoint, s.manage = "http://"+scim.Addr().String()+s.simulator.Path(), "http://"+manage.Addr().String()+"/"
	return s.publish(ctx, content)
}

func (s *Stage) answer(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }() // it ends with Close, or the step that needs it fails
}

// publish commits the example as roster init does, and pushes it.
func (s *Stage) publish(ctx context.Context, content fs.FS) error {
	_, err := gitrepo.Init(ctx, s.Clone(), content, gitrepo.CommitMeta{Message: "Start with the example organisation\n", When: time.Now(),
		Author: gitrepo.Person{Name: authorName, Email: authorEmail}})
	if err != nil {
		return err
	}
	if _, err := git(ctx, s.Clone(), "remote", "add", "origin", s.url()); err != nil {
		return err
	}
	_, err = git(ctx, s.Clone(), "push", "-q", "-u", "origin", "main")
	return err
}

// start starts the daemon and waits for its pages. What ends it before its time cancels the context that start returns.
func (s *Stage) start(ctx context.Context) (context.Context, error) {
	story, fail := context.WithCancelCause(ctx)
	daemon, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close, after the story
	s.stop = stop
	address := make(chan string, 1)
	go func() {
		defer close(s.ended)
		d := Daemon{Repo: s.url(), StateDir: filepath.Join(s.Dir, "state"), Token: s.token, Log: s.log}
		s.failure = s.Serve(daemon, d, func(a string) { address <- a })
		if s.failure == nil && daemon.Err() == nil {
			s.failure = errors.New("it came to an end")
		}
		fail(fmt.Errorf("the daemon stopped: %w", s.failure))
	}()
	wait, done := context.WithTimeout(story, s.Deadline)
	defer done()
	select {
	case a := <-address:
		s.pages = "http://" + a + "/"
		return story, nil
	case <-wait.Done():
		return story, fmt.Errorf("start the daemon: %w", context.Cause(wait))
	}
}

// Stay returns when the context ends, without an error, or when the daemon does.
func (s *Stage) Stay(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended:
		return fmt.Errorf("the daemon stopped: %w", s.failure)
	}
}

// Close ends the daemon after its calls in flight, then the simulator. The folder stays.
func (s *Stage) Close() error {
	var errs []error
	if s.stop != nil {
		s.stop()
		<-s.ended
		s.stop = nil
	}
	for _, server := range s.servers {
		errs = append(errs, server.Close()) // the daemon, whose calls matter, has ended
	}
	s.servers = nil
	if s.log != nil {
		errs = append(errs, s.log.Close())
		s.log = nil
	}
	return errors.Join(errs...)
}
