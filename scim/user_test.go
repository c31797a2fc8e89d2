package scim_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

// TestReadUsers reads users in the forms that servers send.
func TestReadUsers(t *testing.T) {
	rows := map[string]struct {
		body string
		want scim.User
	}{
		"the Developer Guide's example": {
			`{"id":"9067729b3d-94f1e0b3","externalId":"701984","meta":{"resourceType":"User","created":"2020-04-07T16:48:54Z","lastModified":"2020-04-08T16:48:54Z"},
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"bjensen",
			"name":{"formatted":"Ms. Barbara J Jensen","familyName":"Jensen","givenName":"Barbara","middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"},
			"displayName":"Babs Jensen","nickName":"Babs","title":"Tour Guide","userType":"Employee","preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,
			"emails":[{"value":"bjensen@example.com","type":"work","primary":true}],
			"addresses":[{"formatted":"100 Universal City Plaza","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","type":"work","primary":true}],
			"phoneNumbers":[{"value":"555-555-5555","type":"work"}],"roles":[{"value":"guide","type":"t","primary":true}],"profileUrl":"https://login.example.com/bjensen",
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","organization":"Universal Studios","division":"Theme Park","department":"Tour Operations","manager":{"value":"9067729b3d","$ref":"../Users/9067729b3d","displayName":"J"}}}`,
			scim.User{
				ID: "9067729b3d-94f1e0b3", ExternalID: "701984", UserName: "bjensen",
				Name: scim.Name{
					Formatted:       "Ms. Barbara J Jensen",
					FamilyName:      "Jensen",
					GivenName:       "Barbara",
					MiddleName:      "Jane",
					HonorificPrefix: "Ms.",
					HonorificSuffix: "III",
				},
				DisplayName: "Babs Jensen", NickName: "Babs", ProfileURL: "https://login.example.com/bjensen",
				Title: "Tour Guide", UserType: "Employee",
				PreferredLanguage: "en-US", Locale: "en-US", Timezone: "America/Los_Angeles", Active: yes(),
				Emails: []scim.Email{{Value: "bjensen@example.com", Type: "work", Primary: true}},
				Addresses: []scim.Address{
					{
						Formatted:     "100 Universal City Plaza",
						StreetAddress: "100 Universal City Plaza",
						Locality:      "Hollywood",
						Region:        "CA",
						PostalCode:    "91608",
						Country:       "USA",
						Type:          "work",
						Primary:       true,
					},
				},
				PhoneNumbers: []scim.PhoneNumber{{Value: "555-555-5555", Type: "work"}},
				Roles:        []scim.Role{{Value: "guide", Type: "t", Primary: true}},
				Enterprise: &scim.Enterprise{
					EmployeeNumber: "701984",
					CostCenter:     "4130",
					Organization:   "Universal Studios",
					Division:       "Theme Park",
					Department:     "Tour Operations",
					Manager:        scim.Manager{Value: "9067729b3d", Ref: "../Users/9067729b3d", DisplayName: "J"},
				},
				Meta: scim.Meta{
					ResourceType: "User",
					Created:      time.Date(2020, 4, 7, 16, 48, 54, 0, time.UTC),
					LastModified: time.Date(2020, 4, 8, 16, 48, 54, 0, time.UTC),
				},
			},
		},
		"booleans in quotes": {
			`{"id":"1","active":"false","emails":[{"value":"a","primary":"True"}]}`,
			scim.User{ID: "1", Active: no(), Emails: []scim.Email{{Value: "a", Primary: true}}},
		},
		"an id only": {`{"id":"1"}`, scim.User{ID: "1"}},
		"nulls": {
			`{"id":"1","active":null,"emails":null,"name":null,"meta":null}`,
			scim.User{ID: "1"},
		},
		"an empty extension": {
			`{"id":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{}}`,
			scim.User{ID: "1"},
		},
		"an invalid date": {
			`{"id":"1","meta":{"created":"yesterday","location":"x"}}`,
			scim.User{ID: "1", Meta: scim.Meta{Location: "x"}},
		},
		"unknown attributes": {
			`{"id":"1","nickname":"N","urn:example:2.0:User":{"shoeSize":7},"groups":[{"value":"g"}]}`,
			scim.User{ID: "1", NickName: "N"},
		},
		"a date with a fraction": {
			`{"id":"1","meta":{"created":"2026-10-01T12:00:00.5+02:00"}}`,
			scim.User{
				ID:   "1",
				Meta: scim.Meta{Created: time.Date(2026, 10, 1, 12, 0, 0, 5e8, time.FixedZone("", 7200))},
			},
		},
		"a manager and little else": {
			`{"id":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m"}}}`,
			scim.User{ID: "1", Enterprise: &scim.Enterprise{Manager: scim.Manager{Value: "m"}}},
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got := must(
				serve(t, reply{status: 200, body: row.body}).client(t, nil).GetUser(t.Context(), row.want.ID),
			)(
				t,
			)
			if !got.Meta.Created.Equal(row.want.Meta.Created) {
				t.Errorf("created %v, want %v", got.Meta.Created, row.want.Meta.Created)
			}
			got.Meta.Created = row.want.Meta.Created
			if !reflect.DeepEqual(*got, row.want) {
				t.Errorf("read\n%+v\nwant\n%+v", *got, row.want)
			}
			if got.IsActive() != (row.want.Active != nil && bool(*row.want.Active)) {
				t.Errorf("active: %v", got.IsActive())
			}
		})
	}
}

func TestBodiesOfUsersAndGroups(t *testing.T) {
	s := serve(
		t,
		reply{status: 201, body: alice},
		reply{status: 200, body: alice},
		reply{status: 201, body: `{"id":"g"}`},
	)
	c := s.client(t, nil)
	u := &scim.User{
		ID:         "ignored",
		UserName:   "alice",
		Active:     no(),
		Enterprise: &scim.Enterprise{},
		Emails:     []scim.Email{{Value: "a@example.com", Primary: true}},
	}
	must(c.CreateUser(t.Context(), u))(t)
	must(c.PutUser(t.Context(), "u1", u))(t)
	must(
		c.CreateGroup(
			t.Context(),
			&scim.Group{ID: "ignored", DisplayName: "G", Members: []scim.Member{{Value: "u1"}}},
		),
	)(
		t,
	)
	want := []string{
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice","active":false,"emails":[{"value":"a@example.com","primary":true}]}`,
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"u1","userName":"alice","active":false,"emails":[{"value":"a@example.com","primary":true}]}`,
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"G","members":[{"value":"u1"}]}`,
	}
	for i, body := range want {
		if got := s.asked[i].body; got != body {
			t.Errorf("sent\n%s\nwant\n%s", got, body)
		}
	}
}
