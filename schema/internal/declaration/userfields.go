package declaration

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Builtin returns a field of the user that is not a custom attribute, declared or derived from
// declared ones. It returns nil if the field has no value.
func (u *User) Builtin(name string) any {
	switch name {
	case "key":
		return u.Key
	case "userId":
		return u.UserID
	case "firstName":
		return u.FirstName
	case "lastName":
		return u.LastName
	case "email":
		return u.Email
	case "state":
		return string(u.State)
	case "validFrom":
		return DateText(u.ValidFrom)
	case "validUntil":
		return DateText(u.ValidUntil)
	case "asciiFirstName":
		return asciiFold(u.FirstName)
	case "asciiLastName":
		return asciiFold(u.LastName)
	case "emailLocal":
		return emailPart(u.Email, false)
	case "emailDomain":
		return emailPart(u.Email, true)
	}
	return nil
}

func DateText(d *Date) any {
	if d == nil {
		return nil
	}
	return d.Text
}

func emailPart(email string, domain bool) string {
	i := strings.LastIndexByte(email, '@')
	switch {
	case domain:
		return email[i+1:]
	case i < 0:
		return email
	}
	return email[:i]
}

// asciiFold converts a name to ASCII. It removes diacritics, replaces other Latin letters by their
// usual transcription, and drops all other characters.
func asciiFold(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			plain = false
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		default:
			b.WriteString(foldings[r])
		}
	}
	return b.String()
}

// foldings are the characters that Unicode decomposition does not convert to ASCII.
var foldings = map[rune]string{
	'ß': "ss", 'ẞ': "SS", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'đ': "d", 'Đ': "D",
	'ð': "d", 'Ð': "D", 'þ': "th", 'Þ': "Th", 'ł': "l", 'Ł': "L", 'ħ': "h", 'Ħ': "H", 'ı': "i", 'ĸ': "k",
	'ŋ': "ng", 'Ŋ': "NG", 'ŧ': "t", 'Ŧ': "T", 'ĳ': "ij", 'Ĳ': "IJ", 'ŉ': "n", 'ƒ': "f", 'ə': "e", 'Ə': "E",
	'’': "'", '‘': "'", 'ʼ': "'", '‐': "-", '‑': "-", '–': "-", '\u00a0': " ",
}
