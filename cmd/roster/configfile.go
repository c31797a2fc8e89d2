package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/textfile"
	"github.com/seed-d64a251c/roster/internal/yamlerror"
	"github.com/seed-d64a251c/roster/schema"
)

// configFlag is the flag with the file that sets other flags.
const configFlag = "config"

// notInFile are the flags that a configuration file cannot set.
var notInFile = []string{configFlag, "print-config", "help", "help-all", "version"}

// maxConfigFile is the maximum size of a configuration file in bytes.
const maxConfigFile = 1 << 20

// Where the value of a flag comes from.
const (
	fromDefault     = "default"
	fromFile        = "file"
	fromEnvironment = "environment"
	fromFlag        = "flag"
)

// configFile is a configuration file: a mapping of the names of flags to their values.
type configFile struct {
	name  string
	flags *pflag.FlagSet
	// sources has where the values of flags come from that are not the default.
	sources map[string]string
}

// load sets the flags that neither the command line nor the environment has set.
func (f *configFile) load() error {
	file, err := os.Open(f.name)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfigFile+1))
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if len(text) > maxConfigFile {
		return fmt.Errorf("read the configuration: %s is larger than 1 MiB", f.name)
	}
	text, other := textfile.Decode(text)
	if other != "" {
		return usageErrorf("%s: %s; save it as UTF-8", f.name, other)
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var document, second yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return nil // nothing but comments
	} else if err != nil {
		return usageErrorf("%w", yamlerror.Explain(f.name, string(text), err))
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return usageErrorf("%s: the file has more than one document; keep the first", f.name)
	}
	return f.setAll(document.Content[0])
}

// setAll sets the flags of the file's mapping.
func (f *configFile) setAll(root *yaml.Node) error {
	if root.Kind != yaml.MappingNode {
		return usageErrorf("%w", f.errorAt(root, "want a mapping of the names of flags to values, such as `poll: 30s`"))
	}
	seen := map[string]int{}
	var failed []error
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if line := seen[key.Value]; line != 0 {
			failed = append(failed, f.errorAt(key, "%q is set twice; first in line %d", key.Value, line))
			continue
		}
		seen[key.Value] = key.Line
		if err := f.set(key, value); err != nil {
			failed = append(failed, err)
		}
	}
	if failed != nil {
		return usageErrorf("%w", errors.Join(failed...))
	}
	return nil
}

// set sets one flag, unless something stronger has set it. The value must be valid in any case.
func (f *configFile) set(key, value *yaml.Node) error {
	flag := f.flags.Lookup(key.Value)
	if key.Kind != yaml.ScalarNode || flag == nil || slices.Contains(notInFile, key.Value) {
		if nearest := schema.Nearest(strings.TrimLeft(key.Value, "-"), f.names()); nearest != "" {
			return f.errorAt(key, "unknown setting %q; did you mean %q?", key.Value, nearest)
		}
		return f.errorAt(key, "unknown setting %q; roster serve --help-all lists the flags, whose names are the "+
			"settings", key.Value)
	}
	values, err := f.values(flag, value)
	if err != nil {
		return err
	}
	before, changed := flagValues(flag), flag.Changed
	if err := setFlag(flag, values); err != nil {
		return f.errorAt(value, "%s: %v", flag.Name, valueError(flag, strings.Join(values, ","), err))
	}
	if changed {
		return setFlag(flag, before)
	}
	flag.Changed = true
	f.sources[flag.Name] = fromFile
	return nil
}

// values returns the values of a setting: one, or those of a list for a flag that takes a list.
func (f *configFile) values(flag *pflag.Flag, value *yaml.Node) ([]string, error) {
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	_, list := flag.Value.(pflag.SliceValue)
	nodes := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		if !list {
			return nil, f.errorAt(value, "%s: want one value and not a list", flag.Name)
		}
		nodes = value.Content
	}
	out := []string{}
	for _, n := range nodes {
		switch {
		case n.Kind != yaml.ScalarNode:
			return nil, f.errorAt(n, "%s: want a value such as %s", flag.Name, exampleValue(flag))
		case n.Tag == "!!null":
			return nil, f.errorAt(n, "%s: the value is missing; remove the line for the default", flag.Name)
		}
		if u, err := url.Parse(n.Value); err == nil && u.User != nil {
			if _, secret := u.User.Password(); secret {
				return nil, f.errorAt(n, "%s: the URL has a password; secrets do not belong into this file: set the "+
					"token in the environment variable that git-token-env names", flag.Name)
			}
		}
		out = append(out, n.Value)
	}
	return out, nil
}

// exampleValue returns a value of a flag's type.
func exampleValue(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "bool":
		return "true"
	case "duration":
		return "30s"
	case "int", "int64", "MiB":
		return "8"
	}
	return "\"text\""
}

func setFlag(flag *pflag.Flag, values []string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.Replace(values)
	}
	return flag.Value.Set(values[0])
}

// names returns the names of the settings.
func (f *configFile) names() []string {
	var out []string
	f.flags.VisitAll(func(flag *pflag.Flag) {
		if !slices.Contains(notInFile, flag.Name) && !flag.Hidden {
			out = append(out, flag.Name)
		}
	})
	return out
}

func (f *configFile) errorAt(at *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %s", f.name, at.Line, at.Column, fmt.Sprintf(format, args...))
}

// loadConfig sets flags from the configuration file of a command that has one.
func (c *cli) loadConfig(cmd *cobra.Command) error {
	c.sources = map[string]string{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			c.sources[f.Name] = fromFlag
		}
	})
	if err := c.setFromEnvironment(cmd.Flags()); err != nil {
		return err
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && c.sources[f.Name] == "" {
			c.sources[f.Name] = fromEnvironment
		}
	})
	if flag := cmd.Flags().Lookup(configFlag); flag != nil && flag.Value.String() != "" {
		file := &configFile{name: flag.Value.String(), flags: cmd.Flags(), sources: c.sources}
		return file.load()
	}
	return nil
}

// setting is a flag in the output of --print-config.
type setting struct {
	Name   string   `json:"name"`
	Values []string `json:"values"` // one, or those of a list
	Source string   `json:"source"` // "flag", "environment", "file" or "default"
}

// printConfig prints the settings of a command with their sources, as a configuration file.
func (c *cli) printConfig(cmd *cobra.Command) error {
	file := &configFile{flags: cmd.Flags()}
	var settings []setting
	for _, name := range file.names() {
		settings = append(settings, c.settingOf(cmd.Flags().Lookup(name)))
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "settings": settings})
	}
	for _, s := range settings {
		_, list := cmd.Flags().Lookup(s.Name).Value.(pflag.SliceValue)
		line, err := s.yaml(list)
		if err != nil {
			return fmt.Errorf("print %s: %w", s.Name, err)
		}
		output.Fprintf(c.stdout, "%s # %s\n", line, s.Source)
	}
	return nil
}

// settingOf returns the value of a flag and its source. Passwords of URLs are left out.
func (c *cli) settingOf(flag *pflag.Flag) setting {
	s := setting{flag.Name, slices.Clone(flagValues(flag)), c.sources[flag.Name]}
	if s.Source == "" {
		s.Source = fromDefault
		if _, list := flag.Value.(pflag.SliceValue); list { // a command may have replaced the default
			s.Values = strings.FieldsFunc(strings.Trim(flag.DefValue, "[]"), func(r rune) bool { return r == ',' })
		}
	}
	for i, value := range s.Values {
		s.Values[i] = withoutPassword(value)
	}
	return s
}

// yaml returns the line of a configuration file with the setting.
func (s setting) yaml(list bool) (string, error) {
	value := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range s.Values {
		n := &yaml.Node{Kind: yaml.ScalarNode, Value: v}
		if v == "" {
			n.Style = yaml.DoubleQuotedStyle
		}
		value.Content = append(value.Content, n)
	}
	if !list {
		value = value.Content[0]
	}
	line, err := yaml.Marshal(&yaml.Node{Kind: yaml.MappingNode,
		Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: s.Name}, value}})
	return strings.TrimSpace(string(line)), err
}

// withoutPassword returns a URL without its password, and any other text as it is.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	if _, secret := u.User.Password(); secret {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}
