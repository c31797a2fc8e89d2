package forge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func giteaUser(name string) map[string]any {
	return map[string]any{"id": len(name), "login": name, "username": name}
}

func giteaPull(p *fakePull) map[string]any {
	headRepo := 1
	if p.fork {
		headRepo = 2
	}
	v := map[string]any{"id": 500 + p.number, "number": p.number, "title": p.title, "user": giteaUser(p.author),
		"state": "open", "draft": p.draft, "updated_at": timestamp(p.updated),
		"html_url": fmt.Sprintf("https://gitea.example/acme/people/pulls/%d", p.number), "merged": p.merged != "",
		"merge_commit_sha": nil,
		"head": map[string]any{"label": "change", "ref": p.source(), "sha": p.head, "repo_id": headRepo,
			"repo": map[string]any{"id": headRepo, "full_name": "acme/people"}},
		"base": map[string]any{"label": p.base, "ref": p.base, "sha": strings.Repeat("b", 40),
			"repo_id": 1}}
	v["created_at"] = timestamp(p.created)
	if p.merged != "" {
		v["state"], v["merge_commit_sha"], v["merged_at"] = "closed", p.merged, timestamp(p.mergedOn())
	}
	return v
}

func giteaComment(c *storedComment) map[string]any {
	return map[string]any{"id": c.id, "user": giteaUser(c.author), "body": c.body}
}

const giteaBasePath = "/api/v1/repos/acme/people"

// giteaAPI responds as Gitea's Swagger description says. make e2e-forge runs the same client
// against a real Gitea.
func giteaAPI(r *fakeForge) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/user", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, 200, giteaUser(botLogin))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/pulls", func(w http.ResponseWriter, req *http.Request) {
		if q := req.URL.Query(); q.Get("state") != "open" || q.Get("sort") != "recentupdate" {
			r.t.Errorf("asked for %s", req.URL)
		}
		respond(w, 200, mapSlice(paginate(w, req, r.open(), "limit", 50), giteaPull))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 200, mapSlice(r.find(req.PathValue("n")).comments, giteaComment))
	})
	mux.HandleFunc("POST "+giteaBasePath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		respond(w, 201, giteaComment(r.add(r.find(req.PathValue("n")), botLogin, r.body(req)["body"].(string))))
	})
	mux.HandleFunc("PATCH "+giteaBasePath+"/issues/comments/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.commentByID(req.PathValue("id"))
		if c == nil {
			respond(w, 404, map[string]any{"message": "The target couldn't be found."})
			return
		}
		c.body = r.body(req)["body"].(string)
		respond(w, 200, giteaComment(c))
	})
	mux.HandleFunc("POST "+giteaBasePath+"/pulls", r.creates("head", "base", "body", giteaPull))
	giteaReviews(r, mux)
	giteaContributions(r, mux)
	return strict(r, mux)
}

// giteaReviews adds statuses, the pull requests of a commit and their reviews.
func giteaReviews(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("POST "+giteaBasePath+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.body(req)
		r.statuses = append(r.statuses, fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["context"], " ",
			b["description"]))
		respond(w, 201, map[string]any{"id": 3, "status": b["state"], "context": b["context"]})
	})
	mux.HandleFunc("GET "+giteaBasePath+"/commits/{sha}/pull", func(w http.ResponseWriter, req *http.Request) {
		for _, p := range r.pulls { // finds only merge commits
			if p.merged == req.PathValue("sha") {
				respond(w, 200, giteaPull(p))
				return
			}
		}
		respond(w, 404, map[string]any{"message": "The target couldn't be found."})
	})
	mux.HandleFunc("GET "+giteaBasePath+"/pulls/{n}/reviews", func(w http.ResponseWriter, req *http.Request) {
		states := map[string]string{"approve": "APPROVED", "changes": "REQUEST_CHANGES", "comment": "COMMENT",
			"dismissed": "APPROVED"}
		respond(w, 200, mapSlice(paginate(w, req, r.find(req.PathValue("n")).reviews, "limit", 50),
			func(v fakeReview) map[string]any {
				return map[string]any{"user": giteaUser(v.by), "state": states[v.verdict], "commit_id": v.head,
					"submitted_at": timestamp(v.at), "dismissed": v.verdict == "dismissed",
					"official": !slices.Contains(r.readers, v.by), "stale": false}
			}))
	})
}

// giteaContributions adds the commits and the timeline of pull requests, and the activity of the
// repository. As in Gitea 1.26, neither the timeline nor the activity has a Link header.
func giteaContributions(r *fakeForge, mux *http.ServeMux) {
	mux.HandleFunc("GET "+giteaBasePath+"/pulls/{n}/commits", func(w http.ResponseWriter, req *http.Request) {
		account := func(name string) any {
			if name == "" {
				return nil
			}
			return giteaUser(name)
		}
		respond(w, 200, mapSlice(paginate(w, req, r.find(req.PathValue("n")).own, "limit", 50),
			func(c fakeCommit) map[string]any {
				return map[string]any{"sha": c.sha, "author": account(c.author), "committer": account(c.committer)}
			}))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/activities/feeds", func(w http.ResponseWriter, req *http.Request) {
		if r.noPushes {
			respond(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		page := paginate(w, req, r.pushesTo(), "limit", 50)
		w.Header().Del("Link")
		respond(w, 200, mapSlice(page, func(p fakePush) map[string]any {
			content := fmt.Sprintf(`{"Commits":[],"HeadCommit":{"Sha1":%q},"CompareURL":"acme/people/compare/%s...%s",`+
				`"Len":1}`, p.after, p.before, p.after)
			return map[string]any{"id": 1, "op_type": "commit_repo", "act_user": giteaUser(p.by), "content": content,
				"ref_name": "refs/heads/" + p.branch, "created": timestamp(p.at)}
		}))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/issues/{n}/timeline", func(w http.ResponseWriter, req *http.Request) {
		events := []map[string]any{}
		for _, push := range r.find(req.PathValue("n")).timeline {
			body := fmt.Sprintf(`{"is_force_push":%t,"commit_ids":["%s"]}`, push.force,
				strings.Join(push.commits, `","`))
			events = append(events, map[string]any{"id": 1, "type": "pull_push", "user": giteaUser(push.by),
				"body": body, "created_at": timestamp(push.at)}, map[string]any{"id": 2, "type": "comment",
				"user": giteaUser("ann"), "body": "hello", "created_at": timestamp(push.at)})
		}
		page := paginate(w, req, events, "limit", 50)
		w.Header().Del("Link")
		respond(w, 200, page)
	})
}
