package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/ssh"
)

// A Policy says whose signatures count. The zero value allows nobody.
type Policy struct {
	ssh []sshSigner
	pgp []pgpSigner

	merges         *Policy // of merge commits without changes of their own
	unsignedMerges bool
}

// A period is when a key counts; a zero end is open.
type period struct{ after, before time.Time }

func (p period) covers(t time.Time) error {
	switch {
	case !p.after.IsZero() && t.Before(p.after):
		return fmt.Errorf("which counts from %s only (signed %s)", p.after.UTC().Format(time.RFC3339), t.UTC().Format(time.RFC3339))
	case !p.before.IsZero() && t.After(p.before):
		return fmt.Errorf("which counted until %s only (signed %s)", p.before.UTC().Format(time.RFC3339), t.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// A pgpSigner is one OpenPGP key that counts.
type pgpSigner struct {
	entity *openpgp.Entity
	period
}

func (s pgpSigner) name() string {
	if id := s.entity.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return s.entity.PrimaryKey.KeyIdString()
}

// AllowOpenPGP adds the public keys of an armored key ring. They count for
// signatures made from after to before, where those are not zero, and within
// their own dates.
func (p *Policy) AllowOpenPGP(armored []byte, after, before time.Time) error {
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
	if err != nil {
		return fmt.Errorf("read OpenPGP keys: %w", err)
	}
	for _, entity := range ring {
		p.pgp = append(p.pgp, pgpSigner{entity, period{after, before}})
	}
	return nil
}

// An sshSigner is one line of an allowed signers file.
type sshSigner struct {
	principals string
	key        ssh.PublicKey
	authority  bool // key signs certificates, not commits
	period
}

// accepts reports whether the line allows the key at that time; the error says
// why a key of this line does not count.
func (s sshSigner) accepts(key ssh.PublicKey, at time.Time) (bool, error) {
	cert, isCert := key.(*ssh.Certificate)
	if !s.authority {
		if isCert || !bytes.Equal(key.Marshal(), s.key.Marshal()) {
			return false, nil
		}
		err := s.covers(at)
		return err == nil, err
	}
	if !isCert || !bytes.Equal(cert.SignatureKey.Marshal(), s.key.Marshal()) {
		return false, nil
	}
	if err := s.covers(at); err != nil {
		return false, err
	}
	if cert.CertType != ssh.UserCert {
		return false, errors.New("whose certificate is for a host")
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return at }, IsUserAuthority: func(ssh.PublicKey) bool { return true }}
	for _, principal := range cert.ValidPrincipals {
		if matchPatterns(s.principals, principal) {
			if err := checker.CheckCert(principal, cert); err != nil {
				return false, fmt.Errorf("whose certificate does not count: %w", err)
			}
			return true, nil
		}
	}
	return false, errors.New("whose certificate names nobody who is allowed")
}

// parseSigner reads "principals [options] type key [comment]"; forGit is false
// if the line's namespaces leave commits out.
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

func cutPrincipals(line string) (principals, rest string, err error) {
	if line[0] == '"' {
		principals, rest, ok := strings.Cut(line[1:], `"`)
		if !ok || principals == "" {
			return "", "", errors.New("the quotes around the principals do not end")
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

// isKeyType recognises a line of authorized_keys, which has no principals.
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
	return time.Time{}, fmt.Errorf("time %q: want YYYYMMDD or YYYYMMDDHHMM[SS], with or without Z", s)
}

// matchPatterns applies a pattern-list (ssh_config(5), PATTERNS): * and ?,
// separated by commas, and ! to exclude.
func matchPatterns(list, s string) bool {
	matched := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(strings.TrimSpace(pattern), "!")
		if !matchPattern(pattern, s) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchPattern goes back to the last star only, so that its time is bounded.
func matchPattern(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
