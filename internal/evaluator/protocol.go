package evaluator

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// The parent and the child exchange frames: a kind, the length of the payload in four bytes, and
// the payload.
//
//	parent                          child
//	start {limits, now}     ------> limits itself
//	                        <------ layers
//	tree [entries]          ------>
//	                        <------ read "path"        any number of times
//	file | noFile "reason"  ------>
//	                        <------ answer bytes       any number, the encoded declarations
//	                        <------ done | problems [...] | failed {reason}
type frameKind byte

const (
	frameStart    frameKind = 's'
	frameTree     frameKind = 't'
	frameFile     frameKind = 'f'
	frameNoFile   frameKind = 'n'
	frameLayers   frameKind = 'l'
	frameRead     frameKind = 'r'
	frameAnswer   frameKind = 'a'
	frameDone     frameKind = 'd'
	frameProblems frameKind = 'p'
	frameFailed   frameKind = 'x'
)

// start is what the child has to know before it limits itself.
type start struct {
	Limits Limits
	// Now is the time for which mappings are evaluated.
	Now time.Time
	// Verify asks only whether the declarations can be loaded, OnlyLayers for nothing but the
	// layers.
	Verify, OnlyLayers bool
}

// treeEntry is a file or folder of the tree.
type treeEntry struct {
	Path string `json:"p"`
	Mode uint32 `json:"m"` // the type bits of fs.FileMode
	Size int64  `json:"s,omitempty"`
	// Invalid is why a folder cannot be listed. The tree is the cause.
	Invalid string `json:"i,omitempty"`
}

// noFile is why a file cannot be read.
type noFile struct {
	Missing bool
	Invalid bool // the tree has something else instead
	Reason  string
}

// failure is why the child could not load the declarations, if they have no problems.
type failure struct {
	Reason string
	Panic  bool
	// Slow is set if the time on the clock ran out, which may not happen again.
	Slow bool
}

// maxFrame is the largest payload that the child may send. The parent sends files of any size that
// the limits allow.
const maxFrame = 4 << 20

// maxAnswer is the largest size of encoded declarations. Those of 100,000 users with 1,000,000
// memberships have 80 MB.
const maxAnswer = 256 << 20

func writeFrame(w io.Writer, kind frameKind, payload []byte) error {
	header := make([]byte, 5, 5+len(payload))
	header[0] = byte(kind)
	binary.BigEndian.PutUint32(header[1:], uint32(len(payload)))
	if len(payload) < 64<<10 {
		_, err := w.Write(append(header, payload...))
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

func writeJSON(w io.Writer, kind frameKind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, payload)
}

var errFrameTooLarge = errors.New("the frame is too large")

func readFrame(r io.Reader, limit int64) (frameKind, []byte, error) {
	var header [5]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	size := int64(binary.BigEndian.Uint32(header[1:]))
	if size > limit {
		return 0, nil, errFrameTooLarge
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	return frameKind(header[0]), payload, nil
}

// expectFrame reads a frame of one kind and decodes it.
func expectFrame(r io.Reader, kind frameKind, v any) error {
	have, payload, err := readFrame(r, maxAnswer)
	if err != nil {
		return err
	}
	if have != kind {
		return fmt.Errorf("got a frame %q, want %q", have, kind)
	}
	return json.Unmarshal(payload, v)
}

// maxProblems is the number of problems that the child sends. The parent lists far fewer.
const maxProblems = 2000

// maxProblemText is the number of bytes of each text of a problem that the child sends.
const maxProblemText = 2000

// shortProblems limits problems to the size that the child may send.
func shortProblems(list schema.Problems) schema.Problems {
	list = list[:min(len(list), maxProblems)]
	for i := range list {
		p := &list[i]
		for _, text := range []*string{&p.Pos.File, &p.Path, &p.Message, &p.Value, &p.Advice} {
			if len(*text) > maxProblemText {
				*text = (*text)[:maxProblemText]
			}
		}
	}
	return list
}

// answerWriter sends what is written to it as answer frames.
type answerWriter struct{ w io.Writer }

func (a answerWriter) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 {
		part := p[:min(len(p), maxFrame)]
		if err := writeFrame(a.w, frameAnswer, part); err != nil {
			return n, err
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}
