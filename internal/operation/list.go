package operation

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
)

// maxOperations is the number of operations that a list keeps for each provisioner.
const maxOperations = 200

// List has the operations of a daemon, and stores those of each provisioner in a file. Its methods
// may be called concurrently.
type List struct {
	dir   string
	clean func(text string) string // removes the secrets of the process
	log   *slog.Logger
	now   func() time.Time

	mu         sync.Mutex
	operations []Operation // by the time when they were queued
	changed    chan struct{}
}

// stored is the content of the file.
type stored struct {
	Version    int         `json:"version"`
	Operations []Operation `json:"operations"`
}

const storedVersion = 1

// Open returns the list of a folder. What ran when the process ended is interrupted, and what was
// queued is superseded by the next run. A damaged file is moved aside. clean removes the secrets of
// the process from a text.
func Open(
	dir string, clean func(text string) string, log *slog.Logger, now func() time.Time,
) (*List, error) {
	l := &List{dir: dir, clean: clean, log: log, now: now, changed: make(chan struct{})}
	files, err := os.ReadDir(dir)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
	case atomicfile.Unreadable(err):
		return l, l.moveDamaged(dir, err)
	default:
		return nil, err
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) == ".json" {
			if err := l.load(filepath.Join(dir, f.Name())); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(l.operations, func(a, b Operation) int { return a.QueuedAt.Compare(b.QueuedAt) })
	return l, nil
}

func (l *List) load(file string) error {
	data, err := os.ReadFile(file)
	if err != nil && !atomicfile.Unreadable(err) {
		return err
	}
	var s stored
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil || s.Version != storedVersion {
		return l.moveDamaged(file, err)
	}
	for _, o := range s.Operations {
		switch o.State {
		case Running:
			o = o.end(Result{Stopped: true}, l.now().UTC())
		case Queued:
			o = o.end(Result{Superseded: true}, l.now().UTC())
		}
		l.operations = append(l.operations, o)
	}
	return nil
}

// moveDamaged moves a file or folder that cannot be read.
func (l *List) moveDamaged(name string, why error) error {
	aside, err := atomicfile.MoveDamaged(name)
	l.log.Warn("a list of operations cannot be read: it begins again", "file", aside, "error", why)
	return err
}

// Queue adds an operation that is due. If one is queued for the provisioner, it returns that one:
// it will do the work.
func (l *List) Queue(provisioner, trigger, requestedBy string) Operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.operations {
		if o := &l.operations[i]; o.Provisioner == provisioner && o.State == Queued {
			if o.RequestedBy == "" {
				o.RequestedBy = requestedBy
			}
			return *o
		}
	}
	return l.add(provisioner, trigger, requestedBy)
}

// add adds a queued operation. The caller holds l.mu.
func (l *List) add(provisioner, trigger, requestedBy string) Operation {
	now := l.now().UTC()
	var random [4]byte
	_, _ = rand.Read(random[:])
	o := Operation{ID: now.Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:]), Provisioner: provisioner,
		State: Queued, Trigger: trigger, RequestedBy: requestedBy, QueuedAt: now}
	l.operations = append(l.operations, o)
	l.forget(provisioner)
	l.save(provisioner)
	return o
}

// forget removes the oldest operations of a provisioner if there are too many. The caller holds
// l.mu.
func (l *List) forget(provisioner string) {
	n := 0
	for i := range l.operations {
		if l.operations[i].Provisioner == provisioner {
			n++
		}
	}
	l.operations = slices.DeleteFunc(l.operations, func(o Operation) bool {
		if o.Provisioner != provisioner || n <= maxOperations || !o.State.Ended() {
			return false
		}
		n--
		return true
	})
}

// Start begins the queued operation of a provisioner, or a new one.
func (l *List) Start(provisioner, trigger, commit string) Operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.operations, func(o Operation) bool {
		return o.Provisioner == provisioner && o.State == Queued
	})
	if i < 0 {
		l.add(provisioner, trigger, "")
		i = len(l.operations) - 1
	}
	o := &l.operations[i]
	o.State, o.Trigger, o.Commit, o.StartedAt = Running, trigger, commit, l.now().UTC()
	l.save(provisioner)
	return *o
}

// Progress sets the progress of an operation. It is not stored.
func (l *List) Progress(id string, p Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.find(id); o != nil && o.State == Running {
		o.Progress = &p
		l.notify()
	}
}

// End records how an operation ended.
func (l *List) End(id string, r Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.find(id); o != nil {
		*o = o.end(r, l.now().UTC())
		o.Summary, o.Error = l.clean(o.Summary), l.clean(o.Error)
		provisioner := o.Provisioner
		l.forgetQuiet(id)
		l.save(provisioner)
	}
}

// Drop removes an operation that did nothing, because another process runs the provisioner.
func (l *List) Drop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.find(id); o != nil {
		provisioner := o.Provisioner
		l.operations = slices.DeleteFunc(l.operations, func(o Operation) bool { return o.ID == id })
		l.save(provisioner)
	}
}

// find returns the operation of an id; nil if there is none. The caller holds l.mu.
func (l *List) find(id string) *Operation {
	for i := range l.operations {
		if l.operations[i].ID == id {
			return &l.operations[i]
		}
	}
	return nil
}

// Get returns the operation of an id. The error is ErrNotFound.
func (l *List) Get(id string) (Operation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.find(id); o != nil {
		return *o, nil
	}
	return Operation{}, fmt.Errorf("operation %q: %w", id, ErrNotFound)
}

// All returns the operations, the newest first. With a provisioner, it returns only those of it.
func (l *List) All(provisioner string) []Operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Operation
	for _, o := range slices.Backward(l.operations) {
		if provisioner == "" || o.Provisioner == provisioner {
			out = append(out, o)
		}
	}
	return out
}

// Changed returns a channel that is closed by the next change of an operation.
func (l *List) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// notify wakes those who wait for a change. The caller holds l.mu.
func (l *List) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// save stores the operations of a provisioner, and wakes those who wait for a change. A list that
// cannot be stored is logged: runs do not depend on it. The caller holds l.mu.
func (l *List) save(provisioner string) {
	own := slices.DeleteFunc(slices.Clone(l.operations), func(o Operation) bool { return o.Provisioner != provisioner })
	data, err := json.Marshal(stored{storedVersion, own})
	if err == nil {
		err = privatedir.Make(l.dir)
	}
	if err == nil {
		err = atomicfile.WriteBytes(filepath.Join(l.dir, provisioner+".json"), 0o600, data)
	}
	if err != nil {
		l.log.Error("cannot store the list of operations", "provisioner", provisioner, "error", err)
	}
	l.notify()
}

// forgetQuiet removes the operation before one if both changed and held nothing: a provisioner that
// is in sync for a month has one operation, not thousands. The caller holds l.mu.
func (l *List) forgetQuiet(id string) {
	last := -1
	for i := range l.operations {
		o := &l.operations[i]
		if o.ID == id {
			if o.quiet() && last >= 0 && l.operations[last].quiet() {
				l.operations = slices.Delete(l.operations, last, last+1)
			}
			return
		}
		if current := l.find(id); current != nil && o.Provisioner == current.Provisioner {
			last = i
		}
	}
}
