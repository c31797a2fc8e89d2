package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/election"
	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/internal/metrics"
	"github.com/seed-d64a251c/roster/internal/notify"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// ServeConfig configures the daemon.
type ServeConfig struct {
	Repository RepositoryConfig // URL is required
	Branch     string           // to apply
	Listen     string           // address of the HTTP server; "" for none
	Poll       time.Duration    // interval at which the repository is polled
	Jitter     time.Duration    // maximum delay of a scheduled run
	// QuarantinePause is the first pause of a quarantine; 0 means a minute.
	QuarantinePause time.Duration
	Forge           ForgeConfig
	Access          AccessConfig
	Election        ElectionConfig
	Notify          string // file with the channels of notifications; "" for none
}

// Server is the daemon with its HTTP server and its previews of pull requests.
type Server struct {
	config    ServeConfig
	workspace *Workspace
	daemon    *daemon.Daemon
	cache     *daemon.FileCache
	previewer *preview.Previewer // nil: no previews
	webhooks  http.Handler       // nil: none
	access    *httpAccess
	metrics   *metrics.Metrics
	calls     *metrics.Hours
	history   *reportHistory
	notifier  *notify.Notifier // nil: no notifications

	leaders       *election.Election // nil: there is no election
	poll, preview trigger

	// OnRun, if set, is called after each run. Set it before Run.
	OnRun func(provisioner string, result *run.Result, err error)

	readOnce sync.Map // provisioners that have made a run in this process
}

// NewServer opens the repository and connects the parts of the daemon. It fails if the branch
// cannot be read and was never read before: a wrong configuration is an error at the start.
func NewServer(ctx context.Context, s Settings, c ServeConfig) (*Server, error) {
	if c.Branch == c.Repository.AuditBranch && c.Repository.AuditURL == "" {
		return nil, UsageError{fmt.Errorf("--branch and --audit-branch are both %s: reports would be read as "+
			"declarations", c.Branch)}
	}
	access, err := c.Access.open(&s, c.Listen)
	if err != nil {
		return nil, err
	}
	c.Repository.Ref, c.Repository.StartOffline = c.Branch, true
	s.Progress = nil
	w, err := OpenForApply(ctx, s, c.Repository)
	if err != nil {
		return nil, err
	}
	if err := w.evaluateInChild(ctx); err != nil {
		w.Close()
		return nil, err
	}
	f, err := c.Forge.open(&s, &c.Repository)
	if err != nil {
		w.Close()
		return nil, err
	}
	leaders, err := c.Election.open(w)
	if err != nil {
		w.Close()
		return nil, err
	}
	out := &Server{config: c, leaders: leaders, workspace: w, poll: newTrigger(), preview: newTrigger(), access: access}
	out.metrics = metrics.New(s.Version, runtime.Version())
	out.calls = &metrics.Hours{}
	w.directories.metrics, w.directories.calls = out.metrics, out.calls
	out.cache = &daemon.FileCache{Dir: filepath.Join(w.stateDir, "cache"), Log: s.Log, Now: s.Now}
	out.history = newReportHistory(w, out.cache)
	runner := w.runner()
	runner.Cache = out.cache
	runner.QuarantinePause = c.QuarantinePause
	if out.notifier, err = openNotifier(&s, c.Notify, w.stateDir, c.Access.PublicURL, runner.Clock); err != nil {
		w.Close()
		return nil, err
	}
	if f != nil {
		runner.Review = &preview.Reviewer{Forge: f, Repo: urgentMerges(w.source), Branch: c.Branch,
			TrustCommitAuthors: c.Forge.TrustCommitAuthors}
		if c.Forge.TrustCommitAuthors {
			runner.Notices = append(runner.Notices, "--trust-commit-authors is set: a review counts even if the "+
				"forge does not know who authored or pushed a commit")
		}
	}
	operations, err := operation.Open(filepath.Join(w.stateDir, "operations"), s.Secrets.String, s.Log, runner.Clock)
	if err != nil {
		w.Close()
		return nil, err
	}
	out.daemon = &daemon.Daemon{
		Operations: operations,
		Head:       out.poller(w.source, c.Branch),
		Known:      func() (reconcile.CommitRef, error) { return w.source.known(c.Branch) },
		Load:       w.source.checkedDeclarations,
		Deadlines:  w.deadlinesOf,
		Recorded: func(d *schema.Declarations, p *schema.Provisioner, after *run.After) []deadline.Deadline {
			return recordedEnds(d, p, after, runner.Clock())
		},
		Runner:       runner,
		PollInterval: c.Poll,
		Jitter:       c.Jitter,
		Log:          s.Log,
		Trigger:      out.poll,
		RunEnded:     out.afterRun,
	}
	if out.previewer = newPreviewer(w, &c, f, *runner); out.previewer != nil {
		out.previewer.Trigger = out.preview
		out.previewer.Standby = out.daemon.Standby
		if leaders != nil {
			out.previewer.Standby = func() bool { return !leaders.Leads(previewsKey) }
		}
	}
	if leaders != nil {
		out.daemon.Election = leaders
	}
	if out.webhooks = c.Forge.webhooks(&s, out.poll.fire, out.preview.fire); out.webhooks != nil {
		out.webhooks = out.metrics.CountWebhooks(out.webhooks)
	}
	return out, nil
}

// afterRun posts what a run did on the merged pull requests. It renews the previews after a run
// that has changed AWS.
func (s *Server) afterRun(provisioner string, result *run.Result, err error) {
	if s.previewer != nil && result != nil && result.Report != nil {
		if s.previewer.Outcomes != nil && s.previewer.Outcomes.RunEnded(result.Report, result.LastApplied) {
			s.preview.fire()
		}
		if result.Report.Counts.Done > 0 {
			s.previewer.DirectoryChanged()
			s.preview.fire()
		}
	}
	s.notifyAfter(provisioner, result, err)
	s.countRun(provisioner, result, err)
	s.returnMemory(provisioner, result)
	s.history.Reports(provisioner) // they are read again
	if s.OnRun != nil {
		s.OnRun(provisioner, result, err)
	}
}

// countRun counts a run that ended. A run that another process or a newer commit replaced is none.
func (s *Server) countRun(provisioner string, result *run.Result, err error) {
	switch {
	case result != nil && result.Report != nil:
		s.metrics.Run(provisioner, result.Report)
	case err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, reconcile.ErrLeased):
		s.metrics.Run(provisioner, nil)
	}
}

// poller returns the function that fetches the newest commit of a branch, and counts the polls.
func (s *Server) poller(source *Source, branch string) func(context.Context) (reconcile.CommitRef, error) {
	return func(ctx context.Context) (reconcile.CommitRef, error) {
		commit, err := source.newest(ctx, branch)
		s.metrics.Poll(err)
		return commit, err
	}
}

// Trigger makes the daemon poll the repository and the forge immediately.
func (s *Server) Trigger() {
	s.poll.fire()
	s.preview.fire()
}

// Run runs the daemon until the context ends and the requests in flight are finished. It calls
// started, if set, with the address of the HTTP server.
func (s *Server) Run(ctx context.Context, started func(address string)) error {
	defer s.workspace.Close()
	defer s.cache.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	if s.config.Listen == "" {
		served <- nil
	} else {
		listener, err := s.access.listen(s.config.Listen)
		if err != nil {
			return err
		}
		log := s.workspace.settings.Log
		log.Info("listening", "address", s.access.scheme()+"://"+listener.Addr().String()+"/")
		if started != nil {
			started(listener.Addr().String())
		}
		go func() {
			served <- serveHTTP(ctx, httpserver.Limits{},
				endpoint{listener: listener, handler: s.handler(), hosts: httpserver.CheckedByHandler,
					tls: s.access.tls, log: log})
			cancel()
		}()
	}
	var others sync.WaitGroup
	others.Go(func() { s.history.Run(ctx) })
	if s.notifier != nil {
		others.Go(func() { s.notifier.Run(ctx) })
	}
	if s.previewer != nil {
		s.resumeOutcomes(ctx)
		others.Go(func() { s.previewer.Run(ctx) })
		if s.leaders != nil {
			others.Go(func() { s.leaders.Lead(ctx, previewsKey, untilHandedOver) })
		}
	}
	err := s.daemon.Run(ctx)
	cancel()
	others.Wait()
	s.workspace.settings.Log.Info("stopped")
	return errors.Join(err, <-served)
}

// untilHandedOver is what the leader of the previews does: the previewer asks whether it leads.
func untilHandedOver(ctx context.Context, handOver <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-handOver:
	}
}

// resumeOutcomes makes the previewer post the newest outcomes, which may have been lost when an
// earlier process ended. A provisioner whose reports cannot be read is logged.
func (s *Server) resumeOutcomes(ctx context.Context) {
	outcomes, w := s.previewer.Outcomes, s.workspace
	if outcomes == nil {
		return
	}
	keys, err := w.recorder.Provisioners(ctx)
	if err != nil {
		w.settings.Log.Warn("cannot look for outcomes that were not posted", "error", err)
	}
	now := w.runner().Clock()
	for _, key := range keys {
		report, status, err := w.recorder.NewestReport(ctx, key, now.Add(-preview.MaxResumed))
		if err != nil {
			w.settings.Log.Warn("cannot look for an outcome that was not posted", "provisioner", key, "error", err)
		} else if report != nil && outcomes.Resume(report, status, now) {
			s.preview.fire()
		}
	}
}

func (s *Server) handler() http.Handler {
	metadata := &metadataCache{settings: s.workspace.settings, source: s.workspace.source,
		commit: func() string { return s.daemon.State().ValidCommit.ID }}
	server := &web.Server{State: s.daemon.State, Explain: s.workspace.explainNewest(s.daemon), Webhooks: s.webhooks,
		Changes:  s.workspace.reportChanges,
		Metrics:  append(s.metrics.Collectors(), metrics.AuditBacklog(s.workspace.recorder.Unpublished)),
		Metadata: metadata.get, Access: s.access.Access, Poll: s.Trigger}
	apps := &appList{source: s.workspace.source, commit: func() string { return s.daemon.State().ValidCommit.ID }}
	server.Apps, server.History, server.Calls = apps.get, s.history, s.calls.Of
	server.Operations, server.Sync = s.daemon.Operations, s.daemon.Sync
	if s.notifier != nil {
		server.NotificationProblems = s.notifier.Waiting
		server.Metrics = append(server.Metrics, metrics.NotificationsWaiting(s.notifier.Undelivered))
	}
	if s.previewer != nil && s.config.Forge.Kind != "" {
		server.NewFile = s.approvalFile
		server.ForgeProblem, server.Pulls = s.previewer.Problem, s.previewer.Pulls
	}
	return s.workspace.settings.Secrets.Handler(server.Handler())
}

// approvalFile returns the file that adds an approval of held changes, and the address of the page
// of the forge that adds it to the branch.
func (s *Server) approvalFile(digest string) (address, content string) {
	c := &s.config.Forge
	config := forge.Config{Kind: forge.Kind(c.Kind), Repository: cmp.Or(c.URL, s.config.Repository.URL)}
	content = "package roster\n\n" + render.Approval(digest, "say why these changes are intended") + "\n"
	name := fmt.Sprintf("approval-%.8s.cue", strings.TrimPrefix(digest, "sha256:"))
	return config.NewFileURL(s.config.Branch, path.Join(s.workspace.source.path, name), content), content
}

// trigger is a channel that holds at most one event.
type trigger chan struct{}

func newTrigger() trigger { return make(trigger, 1) }

// fire adds an event, unless one is waiting already.
func (t trigger) fire() {
	select {
	case t <- struct{}{}:
	default:
	}
}
