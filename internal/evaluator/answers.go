package evaluator

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
	"github.com/seed-d64a251c/roster/schema"
)

// Answers keeps what children have answered in a folder, so that a tree is not evaluated again when
// only AWS has changed. The answer of a child depends on the tree, the limits and the version of
// roster, and not on the time. A nil Answers keeps nothing.
type Answers struct {
	dir      string
	maxBytes int64 // of all files

	mu sync.Mutex
}

// maxAnswers is the size of all answers. That of 100,000 users with 1,000,000 memberships has about
// 10 MB.
const maxAnswers = 1 << 30

// keptAnswer is the result of one evaluation: declarations as schema.Encode writes them, or
// problems.
type keptAnswer struct {
	declarations []byte
	problems     schema.Problems
}

// OpenAnswers opens a folder, and removes the answers of other versions of roster from it.
func OpenAnswers(dir, version string) (*Answers, error) {
	digest := sha256.Sum256([]byte(version))
	own := hex.EncodeToString(digest[:8])
	a := &Answers{dir: filepath.Join(dir, own), maxBytes: maxAnswers}
	for _, name := range []string{dir, a.dir} {
		if err := privatedir.Make(name); err != nil {
			return nil, fmt.Errorf("open answers: %w", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open answers: %w", err)
	}
	for _, e := range entries {
		if e.Name() == own {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("remove answers of another version: %w", err)
		}
	}
	return a, nil
}

// file returns the file of the answer for a tree.
func (a *Answers) file(tree string, limits Limits) string {
	digest := sha256.Sum256([]byte(limits.String() + "\n" + tree))
	return filepath.Join(a.dir, hex.EncodeToString(digest[:]))
}

// load returns the answer for a tree. A file that is missing or damaged is no answer.
func (a *Answers) load(tree string, limits Limits, now time.Time) (keptAnswer, bool) {
	if a == nil || tree == "" {
		return keptAnswer{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	file := a.file(tree, limits)
	data, err := os.ReadFile(file)
	if err != nil {
		return keptAnswer{}, false
	}
	out, err := decodeAnswer(data)
	if err != nil {
		return keptAnswer{}, false
	}
	_ = os.Chtimes(file, now, now) // the oldest is removed first; without the time, an older one stays
	return out, true
}

// store keeps an answer. It removes the answers that were not used for the longest time, if there
// is no room.
func (a *Answers) store(tree string, limits Limits, answer keptAnswer, now time.Time) error {
	if a == nil || tree == "" {
		return nil
	}
	data, err := encodeAnswer(answer)
	if err != nil {
		return fmt.Errorf("keep the answer of the evaluator: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if int64(len(data)) > a.maxBytes {
		return nil
	}
	if err := a.makeRoom(int64(len(data))); err != nil {
		return fmt.Errorf("remove old answers of the evaluator: %w", err)
	}
	file := a.file(tree, limits)
	if err := atomicfile.WriteBytes(file, privatedir.FileMode, data); err != nil {
		return fmt.Errorf("keep the answer of the evaluator: %w", err)
	}
	return os.Chtimes(file, now, now)
}

// makeRoom removes files until n bytes fit. The caller holds the lock.
func (a *Answers) makeRoom(n int64) error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		files, n = append(files, info), n+info.Size()
	}
	slices.SortFunc(files, func(x, y fs.FileInfo) int { return x.ModTime().Compare(y.ModTime()) })
	for _, f := range files {
		if n <= a.maxBytes {
			return nil
		}
		if err := os.Remove(filepath.Join(a.dir, f.Name())); err != nil {
			return err
		}
		n -= f.Size()
	}
	return nil
}

// The first byte of a decompressed answer.
const (
	answerDeclarations = byte(frameAnswer)
	answerProblems     = byte(frameProblems)
)

func encodeAnswer(answer keptAnswer) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	kind, content := answerDeclarations, answer.declarations
	if answer.problems != nil {
		kind = answerProblems
		if content, err = json.Marshal(answer.problems); err != nil {
			return nil, err
		}
	}
	for _, part := range [][]byte{{kind}, content} {
		if _, err := z.Write(part); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// decodeAnswer decodes a file. The checksum of gzip finds damage.
func decodeAnswer(data []byte) (out keptAnswer, err error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return out, err
	}
	content, err := io.ReadAll(io.LimitReader(z, maxAnswer+1))
	switch {
	case err != nil:
		return out, err
	case len(content) > 0 && content[0] == answerDeclarations:
		out.declarations = content[1:]
		return out, nil
	case len(content) > 0 && content[0] == answerProblems:
		err = json.Unmarshal(content[1:], &out.problems)
		return out, err
	}
	return out, errProtocol
}
