package forge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func gitHubUser(name string) map[string]any {
	return map[string]any{"login": name, "id": len(name), "type": "User"}
}

func gitHubPull(p *fakePull) map[string]any {
	headRepo := any(map[string]any{"id": 1, "full_name": "acme/people"})
	if p.fork {
		headRepo = map[string]any{"id": 2, "full_name": p.author + "/people"}
	}
	v := map[string]any{"number": p.number, "title": p.title, "user": gitHubUser(p.author), "state": "open",
		"draft": p.draft, "updated_at": timestamp(p.updated),
		"html_url": fmt.Sprintf("https://github.example/acme/people/pull/%d", p.number), "merged_at": nil,
		"merge_commit_sha": p.merged,
		"head":             map[string]any{"sha": p.head, "ref": p.source(), "repo": headRepo},
		"base": map[string]any{"sha": strings.Repeat("b", 40), "ref": p.base, "repo": map[string]any{"id": 1,
			"full_name": "acme/people"}}}
	v["created_at"] = timestamp(p.created)
	if p.merged != "" {
		v["state"], v["merged_at"] = "closed", timestamp(p.mergedOn())
	}
	return v
}

func gitHubComment(c *storedComment) map[string]any {
	return map[string]any{"id": c.id, "user": gitHubUser(c.author), "body": c.body}
}

const gitHubBasePath = "/api/v3/repos/acme/people"

// gitHubAPI responds as docs.github.com/rest describes.
func gitHubAPI(r *fakeForge) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/user", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, 200, gitHubUser(botLogin))
	})
	mux.HandleFunc("GET "+gitHubBasePath+"/pulls", func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		if q.Get("state") != "open" || q.Get("sort") != "updated" || q.Get("direction") != "desc" {
			r.t.Errorf("asked for %s", req.URL)
		}
		list := slices.DeleteFunc(r.open(), func(p *fakePull) bool { return p.base != q.Get("base") })
		respond(w, 200, mapSlice(paginate(w, req, list, "per_page", 100), gitHubPull))
	})
	mux.HandleFunc("GET "+gitHubBasePath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 200, mapSlice(paginate(w, req, r.find(req.PathValue("n")).comments, "per_page", 100), gitHubComment))
	})
	mux.HandleFunc("POST "+gitHubBasePath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 201, gitHubComment(r.add(r.find(req.PathValue("n")), botLogin, r.body(req)["body"].(string))))
	})
	mux.HandleFunc("PATCH "+gitHubBasePath+"/issues/comments/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.commentByID(req.PathValue("id"))
		if c == nil {
			respond(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		c.body = r.body(req)["body"].(string)
		respond(w, 200, gitHubComment(c))
	})
	gitHubStatuses(r, mux)
	mux.HandleFunc("POST "+gitHubBasePath+"/pulls", r.creates("head", "base", "body", gitHubPull))
	gitHubReviews(r, mux)
	gitHubContributions(r, mux)
	return strict(r, mux)
}

// gitHubStatuses adds the statuses and check runs of a commit.
func gitHubStatuses(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("POST "+gitHubBasePath+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		if len([]rune(b["description"].(string))) > 140 {
			respond(w, 422, map[string]any{"message": "description is too long (maximum is 140 characters)"})
			return
		}
		r.statuses = append(r.statuses, fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["context"], " ",
			b["description"]))
		respond(w, 201, b)
	})
	check := func(w http.ResponseWriter, req *http.Request, code int) {
		b := r.body(req)
		if output, _ := b["output"].(map[string]any); len(fmt.Sprint(output["annotations"])) > 0 {
			if list, _ := output["annotations"].([]any); len(list) > 50 {
				respond(w, 422, map[string]any{"message": "annotations exceeds a maximum quantity of 50"})
				return
			}
		}
		r.checks = append(r.checks, b)
		respond(w, code, map[string]any{"id": 77, "name": b["name"]})
	}
	mux.HandleFunc("POST "+gitHubBasePath+"/check-runs", func(w http.ResponseWriter, req *http.Request) {
		check(w, req, 201)
	})
	mux.HandleFunc("PATCH "+gitHubBasePath+"/check-runs/77", func(w http.ResponseWriter, req *http.Request) {
		check(w, req, 200)
	})
}

// gitHubReviews adds the pull requests of a commit and their reviews.
func gitHubReviews(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("GET "+gitHubBasePath+"/commits/{sha}/pulls", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 200, mapSlice(r.withCommit(req.PathValue("sha")), gitHubPull))
	})
	mux.HandleFunc("GET "+gitHubBasePath+"/pulls/{n}/reviews", func(w http.ResponseWriter, req *http.Request) {
		states := map[string]string{"approve": "APPROVED", "changes": "CHANGES_REQUESTED", "comment": "COMMENTED",
			"dismissed": "DISMISSED"}
		respond(w, 200, mapSlice(paginate(w, req, r.find(req.PathValue("n")).reviews, "per_page", 100),
			func(v fakeReview) map[string]any {
				return map[string]any{"user": gitHubUser(v.by), "state": states[v.verdict], "commit_id": v.head,
					"submitted_at": timestamp(v.at), "author_association": "MEMBER"}
			}))
	})
	mux.HandleFunc("GET "+gitHubBasePath+"/collaborators/{user}/permission",
		func(w http.ResponseWriter, req *http.Request) {
			permission := "write"
			if slices.Contains(r.readers, req.PathValue("user")) {
				permission = "read"
			}
			respond(w, 200, map[string]any{"permission": permission, "user": gitHubUser(req.PathValue("user"))})
		})
}

// gitHubContributions adds the commits of pull requests and the activity of branches.
func gitHubContributions(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("GET "+gitHubBasePath+"/pulls/{n}/commits", func(w http.ResponseWriter, req *http.Request) {
		account := func(name string) any {
			if name == "" {
				return nil
			}
			return gitHubUser(name)
		}
		respond(w, 200, mapSlice(paginate(w, req, r.find(req.PathValue("n")).own, "per_page", 100),
			func(c fakeCommit) map[string]any {
				return map[string]any{"sha": c.sha, "author": account(c.author), "committer": account(c.committer)}
			}))
	})
	mux.HandleFunc("GET /api/v3/repos/{owner}/people/activity", func(w http.ResponseWriter, req *http.Request) {
		if r.noPushes {
			respond(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		q := req.URL.Query()
		list := slices.DeleteFunc(r.pushesTo(), func(p fakePush) bool { return "refs/heads/"+p.branch != q.Get("ref") })
		from := atoi(q.Get("after"))
		list = list[min(from, len(list)):]
		if len(list) > 100 { // the cursor is opaque
			list = list[:100]
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?ref=%s&after=%d>; rel="next"`, req.Host, req.URL.Path,
				q.Get("ref"), from+100))
		}
		respond(w, 200, mapSlice(list, func(p fakePush) map[string]any {
			return map[string]any{"id": 1, "before": p.before, "after": p.after, "ref": "refs/heads/" + p.branch,
				"timestamp": timestamp(p.at), "activity_type": "push", "actor": gitHubUser(p.by)}
		}))
	})
}
