package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// service is what roster serve is told beyond the place.
type service struct {
	place
	branch, listen string
	poll, jitter   time.Duration
	hosting        hosting
}

func (a *app) serveCommand() *cobra.Command {
	var s service
	c := &cobra.Command{Use: "serve --repo URL", Short: "The daemon: keep AWS as the repository declares",
		Long: `serve polls the repository, applies each new commit, and runs each enabled provisioner on its schedule. Reports are pushed to the
audit branch. SIGTERM and Ctrl-C end it after the calls in flight.

With --forge it also shows on each open pull request what merging it would do, and knows what was approved where a provisioner requires a
review. With a webhook secret, /webhooks/github, /webhooks/gitlab and /webhooks/gitea make it look sooner.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.repo == "" {
				return usageError{errors.New("serve needs --repo URL")}
			}
			return a.serve(cmd.Context(), &s, nil)
		}}
	s.register(c)
	s.hosting.register(c)
	f := c.Flags()
	_ = f.MarkHidden("ref")
	f.StringVar(&s.branch, "branch", "main", "branch to apply")
	f.StringVar(&s.listen, "listen", "127.0.0.1:8741", "address of health, metrics, status and pages; empty for none")
	f.DurationVar(&s.poll, "poll", 30*time.Second, "how often the repository is asked for a new commit")
	f.DurationVar(&s.jitter, "jitter", 5*time.Second, "how much later than scheduled a run may begin")
	return c
}

// serve runs the daemon until the context ends. started, if set, is told the address of the pages.
func (a *app) serve(ctx context.Context, s *service, started func(address string)) error {
	w := &workspace{app: a, place: &s.place, log: a.logger(slog.LevelInfo)}
	if err := w.openMirror(ctx, s.branch); err != nil {
		return err
	}
	runner := w.runner()
	runner.Progress = nil
	memory := w.remember()
	defer memory.Close()
	runner.Cache = memory
	host, err := s.hosting.open(a, s.repo, &s.place.git)
	if err != nil {
		return err
	}
	if host != nil {
		runner.Review = &preview.Reviewer{Forge: host, Repo: w.proposals(), Branch: s.branch}
	}
	commits, pulls := make(bell, 1), make(bell, 1)
	d := &daemon.Daemon{Head: func(ctx context.Context) (reconcile.CommitRef, error) { return w.newest(ctx, s.branch) }, Load: w.load, Deadlines: w.deadlines, Runner: runner,
		PollInterval: s.poll, Jitter: s.jitter, Log: w.log, Trigger: commits}
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	previewing := func() {}
	if previewer := w.previews(s, host, runner, pulls); previewer != nil {
		d.RunEnded = func(_ string, result *run.Result, _ error) {
			if result != nil && result.Report != nil && result.Report.Counts.Done > 0 {
				previewer.DirectoryChanged()
				pulls.ring()
			}
		}
		var running sync.WaitGroup
		running.Go(func() { previewer.Run(ctx) })
		previewing = running.Wait
	}
	webhooks := s.hosting.webhooks(a, w, func() { commits.ring(); pulls.ring() })
	if s.listen != "" {
		listener, err := net.Listen("tcp", s.listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		w.log.Info("pages", "address", "http://"+listener.Addr().String()+"/")
		if started != nil {
			started(listener.Addr().String())
		}
		go func() {
			metadata := &publisher{workspace: w, state: d.State, now: time.Now}
			server := &web.Server{State: d.State, Explain: w.explainer(d), Webhooks: webhooks, Metadata: metadata.metadata}
			failed <- serveAll(ctx, []served{{listener, server.Handler()}})
			cancel()
		}()
	} else {
		failed <- nil
	}
	err = d.Run(ctx)
	cancel()
	previewing()
	w.log.Info("stopped")
	return errors.Join(err, <-failed)
}

// openMirror opens the cache of the repository and insists that the branch can be read: a daemon that cannot start says so at once.
func (w *workspace) openMirror(ctx context.Context, branch string) error {
	p := w.place
	if branch == p.auditBranch && p.auditRepo == "" {
		return usageError{fmt.Errorf("--branch and --audit-branch are both %s: reports would be taken for declarations", branch)}
	}
	p.ref = branch
	return w.openRemote(ctx, true)
}

// remember keeps what directories were seen to hold beside what the audit keeps in the same folder.
func (w *workspace) remember() *daemon.Memory {
	return &daemon.Memory{Dir: filepath.Join(w.state, "seen"), Log: w.log}
}

func (w *workspace) newest(ctx context.Context, branch string) (reconcile.CommitRef, error) {
	if err := w.source.repo.Fetch(ctx, branch); err != nil {
		return reconcile.CommitRef{}, err
	}
	h, err := w.source.repo.Resolve(branch)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c, err := w.source.describe(h)
	c.Branch = branch
	return c, err
}

// load reads a commit and checks it against the policy.
func (w *workspace) load(ctx context.Context, commit string) (*schema.Declarations, error) {
	decls, err := w.source.Declarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	if problems := w.app.policy.Check(decls); len(problems) > 0 {
		return nil, problems
	}
	return decls, nil
}
