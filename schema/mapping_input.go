package schema

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// userInput is the `user` of a mapping's expressions.
type userInput struct {
	user   *User
	groups []string
	// work is how much work a compiled mapping has done.
	work int
}

func newUserInput(u *User, groups []string) *userInput { return &userInput{user: u, groups: groups} }

// userInputFields are the fields of `user` in a mapping, except attributes. The value reports
// whether the field always has a value.
var userInputFields = map[string]bool{
	"key": true, "userId": true, "firstName": true, "lastName": true, "email": true, "state": true,
	"validFrom": false, "validUntil": false,
	"asciiFirstName": true, "asciiLastName": true, "emailLocal": true, "emailDomain": true, "groups": true,
}

// field returns a field of the input as string, bool, int64 or []string, or nil if it has no value.
func (in *userInput) field(name string) any {
	u := in.user
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
		return dateText(u.ValidFrom)
	case "validUntil":
		return dateText(u.ValidUntil)
	case "asciiFirstName":
		return asciiFold(u.FirstName)
	case "asciiLastName":
		return asciiFold(u.LastName)
	case "emailLocal":
		return emailPart(u.Email, false)
	case "emailDomain":
		return emailPart(u.Email, true)
	case "groups":
		return in.groups
	}
	return nil
}

func dateText(d *Date) any {
	if d == nil {
		return nil
	}
	return d.Text
}

// cueValues returns all fields of the input for CUE.
func (in *userInput) cueValues() map[string]any {
	out := map[string]any{}
	for name := range userInputFields {
		if v := in.field(name); v != nil {
			out[name] = v
		}
	}
	if in.groups == nil {
		out["groups"] = []string{}
	}
	if in.user.Attributes != nil {
		out["attributes"] = in.user.Attributes
	}
	return out
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
