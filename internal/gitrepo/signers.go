package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ReadPolicy makes a policy of signers files; see Allow.
func ReadPolicy(files ...string) (*Policy, error) {
	p := &Policy{}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read signers: %w", plain(err))
		}
		if err := p.Allow(content); err != nil {
			return nil, fmt.Errorf("read signers: %s: %w", name, err)
		}
	}
	if len(files) > 0 && len(p.ssh)+len(p.pgp) == 0 {
		return nil, fmt.Errorf("read signers: %s: no key in it", strings.Join(files, ", "))
	}
	return p, nil
}

// ForMerges lets the keys of another policy, such as a forge's own, sign merge
// commits that change nothing beyond what Git itself makes of their parents. If
// unsigned is set, such a merge commit needs no signature at all: its parents
// speak for it. Whoever made a merge by hand, with conflicts, signs it.
func (p *Policy) ForMerges(keys *Policy, unsigned bool) { p.merges, p.unsignedMerges = keys, unsigned }

const (
	pgpBlockBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	pgpBlockEnd   = "-----END PGP PUBLIC KEY BLOCK-----"
)

// Allow adds the keys of a signers file: lines of an allowed signers file
// (ssh-keygen(1), ALLOWED SIGNERS), with the options cert-authority, namespaces,
// valid-after and valid-before, and armored OpenPGP public keys. Times without Z
// are UTC. A line that cannot be read is an error with its number: a policy is not
// guessed at. Keys come and go by date:
// valid-after and valid-before, among an SSH key's options or, for an OpenPGP key, in
// a comment right above its block:
//
//	# valid-after=20260101 valid-before=20270101
//	-----BEGIN PGP PUBLIC KEY BLOCK-----
//
// so that the file remains one that gpg --import takes.
func (p *Policy) Allow(file []byte) error {
	n, lines := 0, strings.SplitAfter(string(file), "\n")
	var dates period
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
				return fmt.Errorf("line %d: the key does not end", n)
			}
			block := strings.Join(lines[n-1:end+1], "")
			if err := p.AllowOpenPGP([]byte(block), dates.after, dates.before); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			n, dates = end+1, period{}
		case strings.HasPrefix(line, "#"):
			more, err := commentDates(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			if more != (period{}) {
				dates = more
			}
		case line == "":
			dates = period{}
		case dates != period{}:
			return fmt.Errorf("line %d: dates in a comment are for an OpenPGP key; an SSH key has them among its options: valid-before=\"...\"", n)
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

// commentDates reads the dates in a comment; other words are left alone.
func commentDates(line string) (dates period, err error) {
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
			return period{}, err
		}
	}
	return dates, nil
}

// A SigningKey signs commits.
type SigningKey struct {
	// Sign is a CommitMeta.Sign.
	Sign func(payload []byte) ([]byte, error)
	// Public is the key's signers file.
	Public []byte
}

// ReadSigningKey reads an SSH private key or an armored OpenPGP one, and tries it.
// The passphrase may be empty.
func ReadSigningKey(file, passphrase string) (*SigningKey, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", plain(err))
	}
	read := readSSHSigningKey
	if bytes.Contains(content, []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
		read = readOpenPGPSigningKey
	}
	key, err := read(file, passphrase)
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	if err := p.Allow(key.Public); err != nil {
		return nil, fmt.Errorf("read signing key %s: %w", file, err)
	}
	return key, p.try(key, file)
}

// try signs a commit that nobody keeps: a key that has expired or cannot sign is
// found before it is needed.
func (p *Policy) try(key *SigningKey, file string) error {
	payload, err := encodeCommit(Hash{1}, nil, CommitMeta{Message: "a trial", Author: Person{"roster", "roster@localhost"}, When: time.Now(), Sign: key.Sign})
	if err != nil {
		return fmt.Errorf("try signing key %s: %w", file, err)
	}
	c, err := parseCommit(Hash{}, payload)
	if err == nil {
		_, err = Verify(c, p)
	}
	if err != nil {
		return fmt.Errorf("try signing key %s: what it signs does not verify: %w", file, err)
	}
	return nil
}

// verifyCommit verifies one commit by the policy, merge commits included.
func (r *Repo) verifyCommit(ctx context.Context, c Commit, p *Policy) error {
	_, err := Verify(c, p)
	if err == nil || p == nil || len(c.Parents) < 2 {
		return err
	}
	allowed := p.unsignedMerges && c.Signature == ""
	if !allowed && p.merges != nil {
		_, forge := Verify(c, p.merges)
		allowed = forge == nil
	}
	if !allowed {
		return err
	}
	return r.plainMerge(ctx, c)
}

// plainMerge verifies that a merge commit is what Git makes of its parents.
func (r *Repo) plainMerge(ctx context.Context, c Commit) error {
	wrong := func(reason string) error {
		return &SignatureError{Commit: c.Hash, Author: c.author(), Reason: "is a merge " + reason + ": somebody who is allowed has to sign it"}
	}
	if len(c.Parents) > 2 {
		return wrong(fmt.Sprintf("of %d commits", len(c.Parents)))
	}
	tree, err := r.mergeTree(ctx, c.Parents[0], c.Parents[1])
	var conflict *ConflictError
	switch {
	case errors.As(err, &conflict):
		return wrong("that was made by hand, since " + conflict.Error())
	case err != nil:
		return fmt.Errorf("verify merge commit %s: %w", c.Hash, err)
	case tree != c.Tree:
		return wrong("that holds changes which its parents do not have")
	}
	return nil
}
