package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// directory starts a simulated IAM Identity Center. The Endpoint and the Token of the real one are
// in its console, under Settings, Automatic provisioning.
func directory() (endpoint, token string, stop func()) {
	sim := &awssim.Server{}
	server := httptest.NewServer(sim)
	return server.URL + sim.Path(), sim.Token(), server.Close
}

func Example() {
	endpoint, token, stop := directory()
	defer stop()
	ctx := context.Background()

	c := &scim.Client{
		Endpoint: endpoint,
		Token:    scim.StaticToken(token),
		Limiter:  &scim.Limiter{PerSecond: 15, Concurrency: 5},
	}
	active := scim.Bool(true)
	alice, err := c.CreateUser(ctx, &scim.User{
		ExternalID:  "u-1001",
		UserName:    "alice@example.com",
		DisplayName: "Alice Ng",
		Name:        scim.Name{GivenName: "Alice", FamilyName: "Ng"},
		Active:      &active,
		Emails:      []scim.Email{{Value: "alice@example.com", Type: "work", Primary: true}},
	})
	if err != nil {
		log.Fatal(err)
	}
	team, err := c.CreateGroup(ctx, &scim.Group{
		ExternalID:  "platform",
		DisplayName: "Platform",
		Members:     []scim.Member{{Value: alice.ID}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for member, err := range c.Users(ctx, scim.GroupsValueEq(team.ID)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(member.UserName, "is in", team.DisplayName)
	}
	// Output: alice@example.com is in Platform
}

func ExampleClient_UpdateUser() {
	endpoint, token, stop := directory()
	defer stop()
	ctx := context.Background()
	c := &scim.Client{Endpoint: endpoint, Token: scim.StaticToken(token), Observe: func(call scim.Call) {
		fmt.Println(call.Op, call.Status)
	}}

	active := scim.Bool(true)
	have, err := c.CreateUser(ctx, &scim.User{
		UserName: "bob@example.com", DisplayName: "Bob", Active: &active,
		Name: scim.Name{GivenName: "Bob", FamilyName: "Ray"},
	})
	if err != nil {
		log.Fatal(err)
	}
	want := *have
	want.Title = "Engineer"
	have, err = c.UpdateUser(ctx, have, &want) // one PATCH of one attribute
	if err != nil {
		log.Fatal(err)
	}
	if _, err = c.UpdateUser(ctx, have, &want); err != nil { // nothing to do, no call
		log.Fatal(err)
	}
	// Output:
	// create user 201
	// patch user 200
}

func ExampleClient_PatchGroup() {
	endpoint, token, stop := directory()
	defer stop()
	ctx := context.Background()
	c := &scim.Client{Endpoint: endpoint, Token: scim.StaticToken(token)}

	active := scim.Bool(true)
	var ids []string
	for _, name := range []string{"ann", "ben"} {
		u, err := c.CreateUser(
			ctx,
			&scim.User{
				UserName:    name,
				DisplayName: name,
				Name:        scim.Name{GivenName: name, FamilyName: name},
				Active:      &active,
			},
		)
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, u.ID)
	}
	group, err := c.CreateGroup(ctx, &scim.Group{DisplayName: "On call", Members: []scim.Member{{Value: ids[0]}}})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.PatchGroup(ctx, group.ID, scim.GroupPatch{Add: ids[1:], Remove: ids[:1]}); err != nil {
		log.Fatal(err)
	}
	for i, name := range []string{"ann", "ben"} {
		in, err := c.IsMember(ctx, group.ID, ids[i])
		fmt.Println(name, in, err)
	}
	// Output:
	// ann false <nil>
	// ben true <nil>
}

// A search without a result is an fs.ErrNotExist. After any other error, the user may exist.
func ExampleClient_FindUser() {
	endpoint, token, stop := directory()
	defer stop()
	c := &scim.Client{Endpoint: endpoint, Token: scim.StaticToken(token)}

	_, err := c.FindUser(context.Background(), scim.UserNameEq("nobody@example.com"))
	fmt.Println(errors.Is(err, fs.ErrNotExist), err)
	// Output: true find user where userName eq "nobody@example.com": no match
}

func ExampleReadOnly() {
	endpoint, token, stop := directory()
	defer stop()
	c := &scim.Client{
		Endpoint: endpoint,
		Token:    scim.StaticToken(token),
		HTTP:     &http.Client{Transport: scim.ReadOnly(nil)},
	}

	err := c.DeleteUser(context.Background(), "f6a1")
	fmt.Println(err)
	// Output: delete user: DELETE /Users/f6a1: read-only: only GET is allowed
}
