package awssim

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody is the size of the largest request body: bulk.maxPayloadSize of ServiceProviderConfig.
const maxBody = 1 << 20

// call is one protocol call.
type call struct {
	s         *Server
	rules     *rules
	r         *http.Request
	ctx       context.Context
	now       time.Time
	requestID string

	op     *operation // nil if the request matches none
	id     string     // of the object or the schema
	query  url.Values
	token  string // the id of the caller's token
	faults activeFaults

	body    []byte
	bodyErr error
}

// operation returns the name of the operation.
func (c *call) operation() string {
	if c.op == nil {
		return "Unknown"
	}
	return c.op.name
}

// handle runs the checks in their order and then the operation: latency, network faults, the
// caller's address, tenant and token, path, throttle, service faults.
func (c *call) handle() (response, error) {
	if err := c.s.err; err != nil {
		return response{}, fmt.Errorf("the simulator is not configured correctly: %w", err)
	}
	c.readBody()
	routeErr := c.route()
	c.faults = c.s.faults.activate(c, &c.s.random)
	if err := c.s.delay(c); err != nil {
		return response{}, err
	}
	if resp, done := c.networkFault(); done {
		return resp, nil
	}
	if err := c.denied(); err != nil {
		return response{}, err
	}
	if err := c.authorize(); err != nil {
		return response{}, err
	}
	if routeErr != nil {
		return response{}, routeErr
	}
	if !c.s.limiter.allow(c.now) {
		return response{}, throttled()
	}
	if err := c.serviceFault(); err != nil {
		return response{}, err
	}
	return c.op.run(c)
}

func throttled() *problem {
	return &problem{status: http.StatusTooManyRequests, detail: detailThrottle, reason: "too many calls per second"}
}

// authorize checks the tenant in the path and the bearer token. AWS answers 401 if either is wrong.
func (c *call) authorize() error {
	tenant, _, _ := strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	if tenant != c.s.Tenant {
		return unauthorized("wrong tenant %q in the path", tenant)
	}
	scheme, secret, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return unauthorized("the header Authorization has no bearer token")
	}
	id, err := c.s.tokens.check(secret, c.now)
	c.token = id
	return err
}

// readBody reads the body, up to one byte more than is allowed. It runs before every wait, because
// net/http notices that a caller has disconnected only after the body was read.
func (c *call) readBody() {
	if c.r.Body == nil { // a request that no HTTP server created
		return
	}
	c.body, c.bodyErr = io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
}

// document parses the request body.
func (c *call) document() (document, error) {
	if h := c.r.Header.Get("Content-Type"); !c.acceptsContentType(h) {
		p := invalid("", "the Content-Type %q is neither application/scim+json nor application/json", h)
		if c.rules.rfc {
			p.status = http.StatusUnsupportedMediaType
		}
		return nil, p
	}
	if c.bodyErr != nil {
		return nil, invalid(scimTypeSyntax, "cannot read the body: %v", c.bodyErr)
	}
	if len(c.body) > maxBody {
		p := invalid("", "the body is larger than %d bytes", maxBody)
		if c.rules.rfc {
			p.status = http.StatusRequestEntityTooLarge
		}
		return nil, p
	}
	doc, err := parseDocument(c.body)
	if err != nil {
		return nil, invalid(scimTypeSyntax, "%v", err).withRecentDetail(detailJSON)
	}
	return doc, nil
}

func (c *call) acceptsContentType(h string) bool {
	if h == "" && !c.rules.rfc {
		return true
	}
	media, params, err := mime.ParseMediaType(h)
	if err != nil || media != "application/scim+json" && media != "application/json" {
		return false
	}
	charset := params["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}

func (c *call) newRenderer(d *directory, v view) *renderer {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	r := &renderer{rules: c.rules, d: d, view: v, base: scheme + "://" + c.r.Host + c.s.Path()}
	if c.rules.rfc {
		r.projection = newProjection(c.query.Get("attributes"), c.query.Get("excludedAttributes"))
	}
	return r
}
