package validate

import (
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// endpoint checks the endpoint.
func (pv *provisionerValidator) endpoint() {
	if pv.p.Endpoint == "" {
		return
	}
	e, invalid := declaration.ParseEndpoint(pv.p.Endpoint)
	if invalid != nil {
		value := tree.Quote(pv.p.Endpoint)
		if strings.ContainsAny(pv.p.Endpoint, "@?#") {
			value = "" // it may contain a secret
		}
		pv.Report(pv.problem(invalid.Code, "endpoint", invalid.Message).WithValue(value))
	}
	if pv.p.Rate.PerSecond == 0 && e.Remote {
		message := "must be limited, because the endpoint is on another machine"
		pv.Report(pv.problem(tree.Unlimited, "rate.perSecond", message))
	}
}
