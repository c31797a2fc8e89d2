package gitrepo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gliderlabs/ssh"

	"github.com/seed-d64a251c/roster/internal/textfile"
)

// ReadPolicy returns a policy with the keys of signers files; see Policy.Allow. If there are files
// but no keys in them, it returns an error.
func ReadPolicy(files ...string) (*Policy, error) {
	p := &Policy{}
	for _, name := range files {
		content, err := textfile.Read(name)
		if err != nil {
			return nil, fmt.Errorf("read signers: %w", withoutNotExist(err))
		}
		if err := p.Allow(content); err != nil {
			return nil, fmt.Errorf("read signers: %s: %w", name, err)
		}
	}
	if len(files) > 0 && len(p.ssh)+len(p.pgp) == 0 {
		return nil, fmt.Errorf("read signers: %s: the file has no key", strings.Join(files, ", "))
	}
	return p, nil
}

const (
	pgpBlockBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	pgpBlockEnd   = "-----END PGP PUBLIC KEY BLOCK-----"
)

// Allow adds the keys of a signers file. The file has lines in the format of ssh-keygen's allowed
// signers (ssh-keygen(1), ALLOWED SIGNERS) and armored OpenPGP public keys. The supported options
// are cert-authority, namespaces, valid-after and valid-before. Times without Z are UTC. An invalid
// line is an error with its line number.
//
// The dates of an OpenPGP key are in a comment directly above its block, so that gpg --import can
// still read the file:
//
//	# valid-after=20260101 valid-before=20270101
//	-----BEGIN PGP PUBLIC KEY BLOCK-----
func (p *Policy) Allow(file []byte) error {
	n, lines := 0, strings.SplitAfter(string(file), "\n")
	var dates validity
	for n < len(lines) {
		line := strings.TrimSpace(lines[n])
		n++
		switch {
		case line == pgpBlockBegin:
			end := n
			for end < len(lines) && strings.TrimSpace(lines[end]) != pgpBlockEnd {
				end++
			}
			if end == len(lines) {
				return fmt.Errorf("line %d: the key block has no end", n)
			}
			block := strings.Join(lines[n-1:end+1], "")
			if err := p.AllowOpenPGP([]byte(block), dates.after, dates.before); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			n, dates = end+1, validity{}
		case strings.HasPrefix(line, "#"):
			found, err := commentDates(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			if found != (validity{}) {
				dates = found
			}
		case line == "":
			dates = validity{}
		case dates != validity{}:
			return fmt.Errorf("line %d: dates in a comment apply to OpenPGP keys only; "+
				"for an SSH key, use the option valid-before=\"...\"", n)
		default:
			s, forGit, err := parseSigner(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			if forGit {
				p.ssh = append(p.ssh, s)
			}
		}
	}
	return nil
}

// commentDates reads the dates in a comment. It ignores all other words.
func commentDates(line string) (dates validity, err error) {
	for _, word := range strings.Fields(strings.TrimLeft(line, "#")) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			continue
		}
		switch value = strings.Trim(value, `"`); strings.ToLower(name) {
		case "valid-after":
			dates.after, err = parseSignerTime(value)
		case "valid-before":
			dates.before, err = parseSignerTime(value)
		}
		if err != nil {
			return validity{}, err
		}
	}
	return dates, nil
}

// parseSigner reads "principals [options] type key [comment]". If the namespaces of the line
// exclude commits, forGit is false.
func parseSigner(line string) (s sshSigner, forGit bool, err error) {
	principals, rest, err := cutPrincipals(line)
	if err != nil {
		return s, false, err
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return s, false, errors.New("want principals, options, key type and key")
	}
	s, forGit = sshSigner{principals: principals, key: key}, true
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "cert-authority":
			s.authority = true
		case "namespaces":
			forGit = matchPatterns(value, signatureNamespace)
		case "valid-after":
			s.after, err = parseSignerTime(value)
		case "valid-before":
			s.before, err = parseSignerTime(value)
		default:
			err = fmt.Errorf("unknown option %q: want cert-authority, namespaces, valid-after or valid-before", name)
		}
		if err != nil {
			return s, false, err
		}
	}
	return s, forGit, nil
}

// cutPrincipals splits a line after the principals, which may be in quotes.
func cutPrincipals(line string) (principals, rest string, err error) {
	if line[0] == '"' {
		principals, rest, ok := strings.Cut(line[1:], `"`)
		if !ok || principals == "" {
			return "", "", errors.New("the quotes around the principals are not closed")
		}
		return principals, strings.TrimSpace(rest), nil
	}
	principals, rest, ok := strings.Cut(line, " ")
	if !ok {
		principals, rest, ok = strings.Cut(line, "\t")
	}
	if !ok || isKeyType(principals) {
		return "", "", errors.New("want principals, such as an email address, before the key")
	}
	return principals, strings.TrimSpace(rest), nil
}

// isKeyType recognizes a line of authorized_keys, which has no principals.
func isKeyType(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-") || strings.HasPrefix(word, "sk-")
}

// parseSignerTime reads YYYYMMDD[HHMM[SS]][Z].
func parseSignerTime(s string) (time.Time, error) {
	digits := strings.TrimSuffix(s, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(digits) == len(layout) {
			if t, err := time.Parse(layout, digits); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("invalid time %q: want YYYYMMDD or YYYYMMDDHHMM[SS], with or without Z", s)
}
