package declaration

import "testing"

func TestDerivedFieldsOfUsers(t *testing.T) {
	for name, want := range map[string]string{
		"Alice": "Alice", "Zoë": "Zoe", "Łukasz": "Lukasz", "Weiß": "Weiss", "Sørensen": "Sorensen",
		"Dvořák": "Dvorak", "Nguyễn": "Nguyen", "O’Brien": "O'Brien",
		"Þórður": "Thordur", "Yılmaz": "Yilmaz", "Æther": "AEther", "王": "", "Иван": "",
	} {
		if got := asciiFold(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if emailPart("a@b@example.com", false) != "a@b" || emailPart("a@b@example.com", true) != "example.com" {
		t.Error("an address must be split at its last @")
	}
}
