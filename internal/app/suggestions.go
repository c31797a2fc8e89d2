package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/schema"
)

// A Suggestion is a value that a shell may complete, with a description; "" for none.
type Suggestion struct{ Value, Description string }

// Suggestions are the values of a repository that a shell completes.
type Suggestions struct {
	Settings   Settings
	Repository RepositoryConfig
}

// completionTime is how long the declarations may take: a person waits for the shell.
const completionTime = 3 * time.Second

// declarations loads the files on disk, or HEAD if they are invalid. It returns empty declarations
// if neither can be loaded: then nothing is completed.
func (s *Suggestions) declarations(ctx context.Context) *schema.Declarations {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	if s.Repository.URL != "" {
		return &schema.Declarations{} // a completion sends no requests
	}
	decls, err := s.Settings.loadWorkingTree(ctx, s.Repository.folder())
	if err == nil {
		return decls
	}
	repo, err := gitrepo.Open(s.Repository.Dir)
	if err != nil {
		return &schema.Declarations{}
	}
	source := newLocalSource(s.Settings, &s.Repository, repo)
	head, err := source.resolve("HEAD")
	if err != nil {
		return &schema.Declarations{}
	}
	if decls, err = source.Declarations(ctx, head.ID); err != nil {
		return &schema.Declarations{}
	}
	return decls
}

// Provisioners returns the keys of the declared provisioners.
func (s *Suggestions) Provisioners(ctx context.Context) []Suggestion {
	decls := s.declarations(ctx)
	return suggest(decls.Provisioners, func(key string) []Suggestion {
		return []Suggestion{{key, decls.Provisioners[key].Identity()}}
	})
}

// Groups returns the keys of the declared groups.
func (s *Suggestions) Groups(ctx context.Context) []Suggestion {
	decls := s.declarations(ctx)
	return suggest(decls.Groups, func(key string) []Suggestion {
		return []Suggestion{{key, decls.Groups[key].DisplayName}}
	})
}

// Users returns the keys and the email addresses of the declared users.
func (s *Suggestions) Users(ctx context.Context) []Suggestion {
	decls := s.declarations(ctx)
	return suggest(decls.Users, func(key string) []Suggestion {
		u := decls.Users[key]
		name := u.FirstName + " " + u.LastName
		return []Suggestion{{key, name}, {u.Email, name}}
	})
}

// Apps returns the keys of the declared apps.
func (s *Suggestions) Apps(ctx context.Context) []Suggestion {
	decls := s.declarations(ctx)
	return suggest(decls.Apps, func(key string) []Suggestion {
		return []Suggestion{{key, decls.Apps[key].DisplayName}}
	})
}

// Digests returns the digests of what the newest reports hold, from the audit branch as it was last
// fetched.
func (s *Suggestions) Digests(ctx context.Context) []Suggestion {
	e, err := OpenEvidence(ctx, s.Settings, EvidenceConfig{Repository: s.Repository})
	if err != nil {
		return nil
	}
	newest, err := e.Reports("", 1)
	if err != nil {
		return nil
	}
	var out []Suggestion
	for _, r := range newest {
		for _, g := range r.Report.HeldGroups {
			out = append(out, Suggestion{g.Digest, r.Provisioner + ": " + g.String()})
		}
	}
	return out
}

// Reports returns the ids of the newest runs.
func (s *Suggestions) Reports(ctx context.Context) []Suggestion {
	e, err := OpenEvidence(ctx, s.Settings, EvidenceConfig{Repository: s.Repository})
	if err != nil {
		return nil
	}
	newest, err := e.Reports("", 20)
	if err != nil {
		return nil
	}
	var out []Suggestion
	for _, r := range newest {
		out = append(out, Suggestion{r.Report.Run, r.Provisioner + ": " + string(r.Report.Outcome)})
	}
	return out
}

// Branches returns the branches of the repository.
func (s *Suggestions) Branches(context.Context) []Suggestion {
	repo, err := gitrepo.Open(s.Repository.Dir)
	if err != nil {
		return nil
	}
	names, err := repo.Branches()
	if err != nil {
		return nil
	}
	var out []Suggestion
	for _, name := range names {
		out = append(out, Suggestion{Value: name})
	}
	return out
}

// suggest returns what describe returns for each key, sorted by key.
func suggest[T any](declared map[string]T, describe func(key string) []Suggestion) []Suggestion {
	var out []Suggestion
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		out = append(out, describe(key)...)
	}
	return out
}
