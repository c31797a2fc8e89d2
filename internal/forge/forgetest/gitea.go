package forgetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func giteaUser(name string) map[string]any {
	return map[string]any{"id": len(name), "login": name, "username": name}
}

func giteaPull(p *Pull) map[string]any {
	headRepo := 1
	if p.Fork {
		headRepo = 2
	}
	v := map[string]any{"id": 500 + p.Number, "number": p.Number, "title": p.Title, "user": giteaUser(p.Author),
		"state": "open", "draft": p.Draft, "updated_at": timestamp(p.Updated),
		"html_url": fmt.Sprintf("https://gitea.example/acme/people/pulls/%d", p.Number), "merged": p.Merged != "",
		"merge_commit_sha": nil, "merge_base": p.MergeBase,
		"head": map[string]any{"label": "change", "ref": p.source(), "sha": p.Head, "repo_id": headRepo,
			"repo": map[string]any{"id": headRepo, "full_name": "acme/people"}},
		"base": map[string]any{"label": p.Base, "ref": p.Base, "sha": strings.Repeat("b", 40),
			"repo_id": 1}}
	v["created_at"] = timestamp(p.Created)
	if p.Closed {
		v["state"] = "closed"
	}
	if p.Merged != "" {
		v["state"], v["merge_commit_sha"], v["merged_at"] = "closed", p.Merged, timestamp(p.mergedOn())
	}
	return v
}

func giteaComment(c *Comment) map[string]any {
	return map[string]any{"id": c.ID, "user": giteaUser(c.Author), "body": c.Body}
}

const giteaBasePath = "/api/v1/repos/acme/people"

// giteaAPI responds as Gitea's Swagger description says. make e2e-forge runs the same client
// against a real Gitea.
func Gitea(r *State) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/user", func(w http.ResponseWriter, _ *http.Request) {
		Respond(w, 200, giteaUser(BotLogin))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/pulls", func(w http.ResponseWriter, req *http.Request) {
		if q := req.URL.Query(); q.Get("state") != "open" || q.Get("sort") != "recentupdate" {
			r.T.Errorf("asked for %s", req.URL)
		}
		Respond(w, 200, mapSlice(paginate(w, req, r.open(), "limit", 50), giteaPull))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 200, mapSlice(r.Find(req.PathValue("n")).Comments, giteaComment))
	})
	mux.HandleFunc("POST "+giteaBasePath+"/issues/{n}/comments", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 201, giteaComment(r.comment(req)))
	})
	mux.HandleFunc("PATCH "+giteaBasePath+"/issues/comments/{id}", func(w http.ResponseWriter, req *http.Request) {
		c := r.CommentByID(req.PathValue("id"))
		if c == nil {
			Respond(w, 404, map[string]any{"message": "The target couldn't be found."})
			return
		}
		r.edit(c, r.Decode(req)["body"].(string))
		Respond(w, 200, giteaComment(c))
	})
	mux.HandleFunc("POST "+giteaBasePath+"/pulls", r.creates("head", "base", "body", giteaPull))
	giteaReviews(r, mux)
	giteaContributions(r, mux)
	return Strict(r, mux)
}

// giteaReviews adds statuses, the pull requests of a commit and their reviews.
func giteaReviews(r *State, mux *http.ServeMux) {
	mux.HandleFunc("POST "+giteaBasePath+"/statuses/{sha}", func(w http.ResponseWriter, req *http.Request) {
		b := r.Decode(req)
		r.setStatus(fmt.Sprint(req.PathValue("sha"), " ", b["state"], " ", b["context"], " ", b["description"]))
		Respond(w, 201, map[string]any{"id": 3, "status": b["state"], "context": b["context"]})
	})
	mux.HandleFunc("GET "+giteaBasePath+"/commits/{sha}/status", func(w http.ResponseWriter, req *http.Request) {
		Respond(w, 200, map[string]any{"sha": req.PathValue("sha"),
			"statuses": r.newestStatuses(req.PathValue("sha"), "status", "context")})
	})
	mux.HandleFunc("GET "+giteaBasePath+"/commits/{sha}/pull", func(w http.ResponseWriter, req *http.Request) {
		for _, p := range r.Pulls { // finds only merge commits
			if p.Merged == req.PathValue("sha") {
				Respond(w, 200, giteaPull(p))
				return
			}
		}
		Respond(w, 404, map[string]any{"message": "The target couldn't be found."})
	})
	mux.HandleFunc("GET "+giteaBasePath+"/pulls/{n}/reviews", func(w http.ResponseWriter, req *http.Request) {
		states := map[string]string{"approve": "APPROVED", "changes": "REQUEST_CHANGES", "comment": "COMMENT",
			"dismissed": "APPROVED"}
		Respond(w, 200, mapSlice(paginate(w, req, r.Find(req.PathValue("n")).Reviews, "limit", 50),
			func(v Review) map[string]any {
				return map[string]any{"user": giteaUser(v.By), "state": states[v.Verdict], "commit_id": v.Head,
					"submitted_at": timestamp(v.At), "dismissed": v.Verdict == "dismissed",
					"official": !slices.Contains(r.Readers, v.By), "stale": false}
			}))
	})
}

// giteaContributions adds the commits and the timeline of pull requests, and the activity of the
// repository. As in Gitea 1.26, neither the timeline nor the activity has a Link header.
func giteaContributions(r *State, mux *http.ServeMux) {
	mux.HandleFunc("GET "+giteaBasePath+"/pulls/{n}/commits", func(w http.ResponseWriter, req *http.Request) {
		account := func(name string) any {
			if name == "" {
				return nil
			}
			return giteaUser(name)
		}
		Respond(w, 200, mapSlice(paginate(w, req, r.Find(req.PathValue("n")).Own, "limit", 50),
			func(c Commit) map[string]any {
				return map[string]any{"sha": c.Sha, "author": account(c.Author), "committer": account(c.Committer)}
			}))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/activities/feeds", func(w http.ResponseWriter, req *http.Request) {
		if r.NoPushes {
			Respond(w, 404, map[string]any{"message": "Not Found"})
			return
		}
		page := paginate(w, req, r.pushesTo(), "limit", 50)
		w.Header().Del("Link")
		Respond(w, 200, mapSlice(page, func(p Push) map[string]any {
			content := fmt.Sprintf(`{"Commits":[],"HeadCommit":{"Sha1":%q},"CompareURL":"acme/people/compare/%s...%s",`+
				`"Len":1}`, p.After, p.Before, p.After)
			return map[string]any{"id": 1, "op_type": "commit_repo", "act_user": giteaUser(p.By), "content": content,
				"ref_name": "refs/heads/" + p.Branch, "created": timestamp(p.At)}
		}))
	})
	mux.HandleFunc("GET "+giteaBasePath+"/issues/{n}/timeline", func(w http.ResponseWriter, req *http.Request) {
		events := []map[string]any{}
		for _, push := range r.Find(req.PathValue("n")).Timeline {
			body := fmt.Sprintf(`{"is_force_push":%t,"commit_ids":["%s"]}`, push.Force,
				strings.Join(push.Commits, `","`))
			events = append(events, map[string]any{"id": 1, "type": "pull_push", "user": giteaUser(push.By),
				"body": body, "created_at": timestamp(push.At)}, map[string]any{"id": 2, "type": "comment",
				"user": giteaUser("ann"), "body": "hello", "created_at": timestamp(push.At)})
		}
		page := paginate(w, req, events, "limit", 50)
		w.Header().Del("Link")
		Respond(w, 200, page)
	})
}
