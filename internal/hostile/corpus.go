package hostile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Dir is the folder of the corpus, for tests of packages that are two levels below the root.
var Dir = filepath.Join("..", "..", "testdata", "hostile")

// FullSizes is the name of the environment variable that makes inputs as large as they would be in
// an attack. Without it, they are just above the limits that the tests set.
const FullSizes = "HOSTILE_FULL_SIZES"

// Corpus is the content of index.yaml: the cases by where their input comes from.
type Corpus struct {
	Declarations []*Case `yaml:"declarations"`
	Trees        []*Case `yaml:"trees"`
	Metadata     []*Case `yaml:"metadata"`
	SCIM         []*Case `yaml:"scim"`
	OAuth        []*Case `yaml:"oauth"`
	Forges       []*Case `yaml:"forges"`
	Requests     []*Case `yaml:"requests"`
}

// Case is one hostile input and the answer to it. index.yaml explains the fields.
type Case struct {
	Name string `yaml:"name"`
	// Content is the input, unless a case has other parts below.
	Content `yaml:",inline"`
	// Answer is a part of the answer. Limit says which rule gives it.
	Answer string `yaml:"answer"`
	Limit  string `yaml:"limit"`
	// Memory is how many MiB the process that reads the input may use; 0 means 256.
	Memory int64 `yaml:"memory"`

	// File is the path of a file of declarations. Example adds it to the example organization.
	File    string `yaml:"file"`
	Example bool   `yaml:"example"`
	// Entries are added to a tree. Fetched is the answer if git refuses to fetch the tree.
	Entries []Entry `yaml:"entries"`
	Fetched string  `yaml:"fetched"`
	// Call is what a client does, or how metadata is read.
	Call string `yaml:"call"`
	// Headers and Gzip describe an HTTP message. A client gets it with the Status.
	Headers map[string]string `yaml:"headers"`
	Gzip    bool              `yaml:"gzip"`
	Status  int               `yaml:"status"`
	// Method, Path and Sign describe a request. The answer has the Status.
	Method string `yaml:"method"`
	Path   string `yaml:"path"`
	// Sign adds the signature of the webhook secret.
	Sign bool `yaml:"sign"`
}

// Content is text: that of a file of the corpus, or parts that are repeated.
type Content struct {
	Input string `yaml:"input"`
	Parts []Part `yaml:"parts"`
}

// Part is a text that is repeated. {i} in it is the number of the repetition, which begins at 0,
// and {i+1} is the next one. A part without Times is there once. With FullSizes, it is there Full
// times.
type Part struct {
	Text  string `yaml:"text"`
	Times int    `yaml:"times"`
	Full  int    `yaml:"full"`
}

// Entry is an entry of a tree. The names in its path are escaped as in URLs, so they may have a
// slash, a line end, or bytes that are no text.
type Entry struct {
	Path    string `yaml:"path"`
	Content `yaml:",inline"`
	// Link is the target of a symbolic link. Submodule makes the entry a submodule.
	Link      string `yaml:"link"`
	Submodule bool   `yaml:"submodule"`
	// Times and Full repeat the entry, as in a Part, with {i} in its path.
	Times int `yaml:"times"`
	Full  int `yaml:"full"`
	// Bomb is the number of levels of folders below the entry. Each has 16 times the same folder,
	// the last one has 16 files.
	Bomb int `yaml:"bomb"`
}

// Read reads the corpus.
func Read() (*Corpus, error) {
	data, err := os.ReadFile(filepath.Join(Dir, "index.yaml"))
	if err != nil {
		return nil, err
	}
	var c Corpus
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("read the index of hostile inputs: %w", err)
	}
	return &c, c.check()
}

// All returns all cases.
func (c *Corpus) All() []*Case {
	var out []*Case
	for _, list := range [][]*Case{c.Declarations, c.Trees, c.Metadata, c.SCIM, c.OAuth, c.Forges, c.Requests} {
		out = append(out, list...)
	}
	return out
}

// check returns an error for a case without a name, an answer or a limit, and for a name that is
// there twice.
func (c *Corpus) check() error {
	var errs []error
	names := map[string]bool{}
	for _, one := range c.All() {
		if one.Name == "" || one.Answer == "" && one.Status == 0 || one.Limit == "" {
			errs = append(errs, fmt.Errorf("case %q has no name, answer or limit", one.Name))
		}
		if names[one.Name] {
			errs = append(errs, fmt.Errorf("case %q is there twice", one.Name))
		}
		names[one.Name] = true
	}
	return errors.Join(errs...)
}

// MemoryLimit is how many bytes the process that reads the input may use. With FullSizes, the test
// itself needs most of it.
func (c *Case) MemoryLimit() int64 {
	if os.Getenv(FullSizes) != "" {
		return 3 << 30
	}
	return cmp.Or(c.Memory, 256) << 20
}

// repetitions is how often something is repeated.
func repetitions(times, full int) int {
	if full > 0 && os.Getenv(FullSizes) != "" {
		return full
	}
	return max(1, times)
}

// numbered replaces {i} and {i+1} in a text.
func numbered(text string, i int) string {
	if !strings.Contains(text, "{i") {
		return text
	}
	return strings.NewReplacer("{i}", strconv.Itoa(i), "{i+1}", strconv.Itoa(i+1)).Replace(text)
}

// WriteTo writes the text. It needs little memory, whatever the size.
func (c Content) WriteTo(w io.Writer) (n int64, err error) {
	write := func(text string) error {
		written, err := io.WriteString(w, text)
		n += int64(written)
		return err
	}
	if c.Input != "" {
		data, err := os.ReadFile(filepath.Join(Dir, filepath.FromSlash(c.Input)))
		if err != nil {
			return 0, err
		}
		if err := write(string(data)); err != nil {
			return n, err
		}
	}
	for _, p := range c.Parts {
		times, step := repetitions(p.Times, p.Full), 1
		if !strings.Contains(p.Text, "{i") && p.Text != "" {
			step = max(1, 64<<10/len(p.Text)) // fewer, larger writes
		}
		for i := 0; i < times; i += step {
			text := p.Text
			if step > 1 {
				text = strings.Repeat(text, min(step, times-i))
			}
			if err := write(numbered(text, i)); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Bytes returns the text.
func (c Content) Bytes() ([]byte, error) {
	var b bytes.Buffer
	_, err := c.WriteTo(&b)
	return b.Bytes(), err
}
