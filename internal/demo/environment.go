package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// environment is the repository, the simulator and the daemon of a demo.
type environment struct {
	config    Config
	printer   printer
	token     string
	log       *os.File
	simulator *awssim.Server
	scimURL   string
	manageURL string // of the simulator's management
	pagesURL  string // of the daemon; "" until it has started
	servers   []*httpserver.Server
	reports   reportReader
	pushed    []pushedCommit

	stopDaemon context.CancelFunc // nil until the daemon has started
	ended      chan struct{}      // closed when the daemon has ended
	daemonErr  error              // valid once ended is closed
}

// pushedCommit is a commit of the scenario, with the outcome of its first report.
type pushedCommit struct{ commit, outcome string }

// open creates the repository and starts the simulator. The scenario starts the daemon.
func open(ctx context.Context, c Config) (*environment, error) {
	if c.StepTimeout == 0 {
		c.StepTimeout = 30 * time.Second
	}
	e := &environment{config: c, printer: printer{c.Out, c.Color}, token: "demo-" + rand.Text(),
		ended: make(chan struct{})}
	e.reports = reportReader{repo: e.repository(), known: map[string]report{}}
	if err := e.setUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("set up the demo: %w", err), e.close())
	}
	return e, nil
}

// repository is the folder of the bare repository that the daemon polls.
func (e *environment) repository() string { return filepath.Join(e.config.Dir, "organization.git") }

// clone is the folder of a working copy of the repository.
func (e *environment) clone() string { return filepath.Join(e.config.Dir, "clone") }

// logFile is the file with the daemon's log.
func (e *environment) logFile() string { return filepath.Join(e.config.Dir, "daemon.log") }

func (e *environment) url() string { return "file://" + filepath.ToSlash(e.repository()) }

func (e *environment) setUp(ctx context.Context) error {
	if _, err := gitrepo.InitBare(ctx, e.repository()); err != nil {
		return err
	}
	var err error
	if e.log, err = os.OpenFile(e.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	scim, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	content, tenant, err := rewrite(e.config.Content, scim.Addr().String())
	if err != nil {
		return errors.Join(err, scim.Close())
	}
	manage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, scim.Close())
	}
	e.simulator = &awssim.Server{Tenant: tenant, Tokens: []awssim.Token{{Secret: e.token}}}
	e.simulator.Options.Throttle.Unlimited = true
	handler := http.Handler(e.simulator)
	if e.config.Intercept != nil {
		handler = e.config.Intercept(handler)
	}
	e.serve(scim, handler)
	e.serve(manage, e.simulator.Manage())
	e.scimURL = "http://" + scim.Addr().String() + e.simulator.Path()
	e.manageURL = "http://" + manage.Addr().String() + "/"
	return e.publish(ctx, content)
}

func (e *environment) serve(l net.Listener, h http.Handler) {
	server := httpserver.New(h, nil, httpserver.Limits{}, nil, nil)
	e.servers = append(e.servers, server)
	go func() { _ = server.Serve(l) }() // if it fails, the step that needs it fails
}

// publish commits the example as roster init does, and pushes it.
func (e *environment) publish(ctx context.Context, content fs.FS) error {
	_, err := gitrepo.Init(ctx, e.clone(), content, gitrepo.CommitMeta{
		Message: "Start with the example organization\n", When: time.Now(),
		Author: gitrepo.Person{Name: authorName, Email: authorEmail}})
	if err != nil {
		return err
	}
	if _, err := git(ctx, e.clone(), "remote", "add", "origin", e.url()); err != nil {
		return err
	}
	_, err = git(ctx, e.clone(), "push", "-q", "-u", "origin", "main")
	return err
}

// start starts the daemon and waits for its pages. The returned context ends if the daemon ends
// early.
func (e *environment) start(ctx context.Context) (context.Context, error) {
	running, fail := context.WithCancelCause(ctx)
	daemon, stop := context.WithCancel(context.WithoutCancel(ctx)) // close ends it
	e.stopDaemon = stop
	address := make(chan string, 1)
	go func() {
		defer close(e.ended)
		d := Daemon{Repo: e.url(), StateDir: filepath.Join(e.config.Dir, "state"), Token: e.token, Log: e.log}
		e.daemonErr = e.config.Serve(daemon, d, func(a string) { address <- a })
		if e.daemonErr == nil && daemon.Err() == nil {
			e.daemonErr = errors.New("it ended without an error")
		}
		fail(fmt.Errorf("the daemon stopped: %w", e.daemonErr))
	}()
	timeout, done := context.WithTimeout(running, e.config.StepTimeout)
	defer done()
	select {
	case a := <-address:
		e.pagesURL = "http://" + a + "/"
		return running, nil
	case <-timeout.Done():
		return running, fmt.Errorf("start the daemon: %w", context.Cause(timeout))
	}
}

// wait returns nil when the context ends, or an error when the daemon does.
func (e *environment) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-e.ended:
		return fmt.Errorf("the daemon stopped: %w", e.daemonErr)
	}
}

// close stops the daemon after its requests in flight, and then the simulator. It keeps the folder.
func (e *environment) close() error {
	var errs []error
	if e.stopDaemon != nil {
		e.stopDaemon()
		<-e.ended
		e.stopDaemon = nil
	}
	for _, server := range e.servers {
		errs = append(errs, server.Close()) // the daemon has ended: no request matters any more
	}
	e.servers = nil
	if e.log != nil {
		errs = append(errs, e.log.Close())
		e.log = nil
	}
	return errors.Join(errs...)
}
