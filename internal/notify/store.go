package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// Options are what a Notifier needs.
type Options struct {
	Config *Config
	// File stores what is open and what waits. Only its owner can read it.
	File string
	// Resolve returns the value of a secret.
	Resolve func(ctx context.Context, s Secret) (string, error)
	Log     *slog.Logger
	Now     func() time.Time
}

// New returns a notifier with the state of its file. A damaged file is moved aside: problems that
// are still open are then reported again.
func New(o Options) (*Notifier, error) {
	n := &Notifier{config: o.Config, senders: map[string]sender{}, file: o.File, log: o.Log, now: o.Now,
		wake: make(chan struct{}, 1), state: state{Version: stateVersion, Open: map[string]openProblem{}}}
	for _, ch := range o.Config.Channels {
		n.senders[ch.Name] = newSender(ch, o.Resolve)
	}
	return n, n.load()
}

const stateVersion = 1

func (n *Notifier) load() error {
	data, err := os.ReadFile(n.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil && !atomicfile.Unreadable(err) {
		return err
	}
	var s state
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil || s.Version != stateVersion {
		aside, moveErr := atomicfile.MoveDamaged(n.file)
		n.log.Warn("the file of notifications cannot be read: problems are reported again", "file", aside, "error", err)
		return moveErr
	}
	if s.Open == nil {
		s.Open = map[string]openProblem{}
	}
	n.state = s
	for i := range n.state.Waiting { // the operator may have mended the receiver
		if d := &n.state.Waiting[i]; d.Tries > 0 {
			d.Due = n.now()
		}
	}
	return nil
}

// save writes the file. The caller holds n.mu.
func (n *Notifier) save() error {
	data, err := json.Marshal(&n.state)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(n.file, 0o600, data); err != nil {
		return fmt.Errorf("store notifications: %w", err)
	}
	return nil
}
