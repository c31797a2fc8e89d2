package forgetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func gitHubUser(name string) map[string]any {
	return map[string]any{"login": name, "id": len(name), "type": "User"}
}

func gitHubPull(p *Pull) map[string]any {
	headRepo := any(map[string]any{"id": 1, "full_name": "acme/people"})
	if p.Fork {
		headRepo = map[string]any{"id": 2, "full_name": p.Author + "/people"}
	}
	v := map[string]any{"number": p.Number, "title": p.Title, "user": gitHubUser(p.Author), "state": "open",
		"draft": p.Draft, "updated_at": timestamp(p.Updated),
		"html_url": fmt.Sprintf("https://github.example/acme/people/pull/%d", p.Number), "merged_at": nil,
		"merge_commit_sha": p.Merged,
		"head":             map[string]any{"sha": p.Head, "ref": p.source(), "repo": headRepo},
		"base": map[string]any{"sha": strings.Repeat("b", 40), "ref": p.Base, "repo": map[string]any{"id": 1,
			"full_name": "acme/people"}}}
	v["created_at"] = timestamp(p.Created)
	if p.Closed {
		v["state"] = "closed"
	}
	if p.Merged != "" {
		v["state"], v["merged_at"] = "closed", timestamp(p.mergedOn())
	}
	return v
}

func gitHubComment(c *Comment) map[string]any {
	return map[string]any{"id": c.ID, "user": gitHubUser(c.Author), "body": c.Body}
}

const GitHubPath = "/api/v3/repos/acme/people"

// gitHubAPI responds as docs.github.com/rest describes.
func GitHub(r *State) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/user", func(w http.ResponseWriter, _ *http.Request) {
		Respond(w, 200, gitHubUser(BotLogin))
	})
	mux.HandleFunc("GET "+GitHubPath+"/pulls", func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		if q.Get("state") != "open" || q.Get("sort") != "updated" || q.Get("direction") != "desc" {
			r.T.Errorf("asked for %s", req.URL)
		}
		list := slices.DeleteFunc(r.open(), func(p *Pull) bool { return p.Base != q.Get("base") })
		Respond(w, 200, mapSlice(paginate(w, req, list, "per_page", 100), gitHubPull))
	})
	mux.HandleFunc("GET "+GitHubPath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 200, mapSlice(paginate(w, req, r.Find(req.PathValue("n")).Comments, "per_page", 100), gitHubComment))
	})
	mux.HandleFunc("POST "+GitHubPath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 201, gitHubComment(r.comment(req)))
	})
	mux.HandleFunc("PATCH "+GitHubPath+"/issues/comments/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.CommentByID(req.PathValue("id"))
		if c == nil {
			Respond(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		r.edit(c, r.Decode(req)["body"].(string))
		Respond(w, 200, gitHubComment(c))
	})
	mux.HandleFunc("GET "+GitHubPath+"/git/matching-refs/heads/gh-readonly-queue/{branch}/{rest...}",
		func(w http.ResponseWriter, req *http.Request) {
			refs := []map[string]any{}
			for _, q := range r.QueuedMerges {
				if strings.HasPrefix(q.Ref, "refs/heads/gh-readonly-queue/"+req.PathValue("branch")+"/") {
					refs = append(refs, map[string]any{"ref": q.Ref,
						"object": map[string]any{"type": "commit", "sha": q.Commit}})
				}
			}
			Respond(w, 200, refs)
		})
	gitHubStatuses(r, mux)
	mux.HandleFunc("POST "+GitHubPath+"/pulls", r.creates("head", "base", "body", gitHubPull))
	gitHubReviews(r, mux)
	gitHubContributions(r, mux)
	return Strict(r, mux)
}

// gitHubStatuses adds the statuses and check runs of a commit.
func gitHubStatuses(r *State, mux *http.ServeMux) {
	mux.HandleFunc("POST "+GitHubPath+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.Decode(req)
		if len([]rune(b["description"].(string))) > 140 {
			Respond(w, 422, map[string]any{"message": "description is too long (maximum is 140 characters)"})
			return
		}
		r.setStatus(fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["context"], " ", b["description"]))
		Respond(w, 201, b)
	})
	mux.HandleFunc("GET "+GitHubPath+"/commits/{sha}/status", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 200, map[string]any{"sha": req.PathValue("sha"),
			"statuses": r.newestStatuses(req.PathValue("sha"), "state", "context")})
	})
	check := func(w http.ResponseWriter, req *http.Request, code int) {
		b := r.Decode(req)
		if output, _ := b["output"].(map[string]any); len(fmt.Sprint(output["annotations"])) > 0 {
			if list, _ := output["annotations"].([]any); len(list) > 50 {
				Respond(w, 422, map[string]any{"message": "annotations exceeds a maximum quantity of 50"})
				return
			}
		}
		r.Checks = append(r.Checks, b)
		Respond(w, code, map[string]any{"id": 77, "name": b["name"]})
	}
	mux.HandleFunc("POST "+GitHubPath+"/check-runs", func(w http.ResponseWriter, req *http.Request) {
		check(w, req, 201)
	})
	mux.HandleFunc("PATCH "+GitHubPath+"/check-runs/77", func(w http.ResponseWriter, req *http.Request) {
		check(w, req, 200)
	})
}

// gitHubReviews adds the pull requests of a commit and their reviews.
func gitHubReviews(r *State, mux *http.ServeMux) {
	mux.HandleFunc("GET "+GitHubPath+"/commits/{sha}/pulls", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 200, mapSlice(r.withCommit(req.PathValue("sha")), gitHubPull))
	})
	mux.HandleFunc("GET "+GitHubPath+"/pulls/{n}/reviews", func(w http.ResponseWriter, req *http.Request) {
		states := map[string]string{"approve": "APPROVED", "changes": "CHANGES_REQUESTED", "comment": "COMMENTED",
			"dismissed": "DISMISSED"}
		Respond(w, 200, mapSlice(paginate(w, req, r.Find(req.PathValue("n")).Reviews, "per_page", 100),
			func(v Review) map[string]any {
				return map[string]any{"user": gitHubUser(v.By), "state": states[v.Verdict], "commit_id": v.Head,
					"submitted_at": timestamp(v.At), "author_association": "MEMBER"}
			}))
	})
	mux.HandleFunc("GET "+GitHubPath+"/collaborators/{user}/permission",
		func(w http.ResponseWriter, req *http.Request) {
			permission := "write"
			if slices.Contains(r.Readers, req.PathValue("user")) {
				permission = "read"
			}
			Respond(w, 200, map[string]any{"permission": permission, "user": gitHubUser(req.PathValue("user"))})
		})
}

// gitHubContributions adds the commits of pull requests and the activity of branches.
func gitHubContributions(r *State, mux *http.ServeMux) {
	mux.HandleFunc("GET "+GitHubPath+"/pulls/{n}/commits", func(w http.ResponseWriter, req *http.Request) {
		account := func(name string) any {
			if name == "" {
				return nil
			}
			return gitHubUser(name)
		}
		Respond(w, 200, mapSlice(paginate(w, req, r.Find(req.PathValue("n")).Own, "per_page", 100),
			func(c Commit) map[string]any {
				return map[string]any{"sha": c.Sha, "author": account(c.Author), "committer": account(c.Committer)}
			}))
	})
	mux.HandleFunc("GET /api/v3/repos/{owner}/people/activity", func(w http.ResponseWriter, req *http.Request) {
		if r.NoPushes {
			Respond(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		q := req.URL.Query()
		list := slices.DeleteFunc(r.pushesTo(), func(p Push) bool { return "refs/heads/"+p.Branch != q.Get("ref") })
		from := atoi(q.Get("after"))
		list = list[min(from, len(list)):]
		if len(list) > 100 { // the cursor is opaque
			list = list[:100]
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?ref=%s&after=%d>; rel="next"`, req.Host, req.URL.Path,
				q.Get("ref"), from+100))
		}
		Respond(w, 200, mapSlice(list, func(p Push) map[string]any {
			return map[string]any{"id": 1, "before": p.Before, "after": p.After, "ref": "refs/heads/" + p.Branch,
				"timestamp": timestamp(p.At), "activity_type": "push", "actor": gitHubUser(p.By)}
		}))
	})
}
