package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/filelock"
	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// SimulatorConfig configures the simulator of IAM Identity Center's SCIM endpoint.
type SimulatorConfig struct {
	Listen string // address of the SCIM endpoint
	Manage string // address of the management listener; "" for none
	// HostNames are the names that requests may be sent to, in addition to loopback names and the
	// hosts of Listen and Manage.
	HostNames []string
	Tenant    string
	Token     string // "" means a random one
	// Profile is aws, aws-2024 or rfc.
	Profile string
	// File keeps the directory across restarts; "" keeps it in memory only.
	File string

	PerSecond  float64 // request rate limit; 0 for none, below 0 for that of the profile
	Burst      int     // requests at once; 0 means those of one second
	RetryAfter time.Duration
	Latency    time.Duration
	Options    []string // name=value
	// Denied starts with the fault "denied". AllowFrom are the IP addresses and prefixes that it
	// spares.
	Denied    bool
	AllowFrom []string
}

// Simulator is a running simulator.
type Simulator struct {
	Endpoint string // of SCIM
	Manage   string // "" for none
	Token    string
}

// SimulatorOptions returns the names of the options.
func SimulatorOptions() []string { return awssim.OptionNames() }

// simulatorWrite is the time that a response of the simulator may take without --latency. It is
// long, because faults delay responses.
const simulatorWrite = 10 * time.Minute

// Simulate runs the simulator until the context ends. It calls started when the simulator listens.
func Simulate(ctx context.Context, c SimulatorConfig, started func(Simulator)) error {
	server, err := c.server()
	if err != nil {
		return UsageError{err}
	}
	if c.File != "" {
		lock, err := lockSimulatorFile(c.File)
		if err != nil {
			return err
		}
		defer lock.Release()
		if err := server.Open(c.File); err != nil {
			return err
		}
		defer server.Close()
	}
	if c.Denied || len(c.AllowFrom) > 0 {
		if err := server.Inject(awssim.Fault{Name: awssim.FaultDenied, Allow: c.AllowFrom}); err != nil {
			return UsageError{err}
		}
	}
	scim, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for SCIM: %w; choose another address with --listen", err)
	}
	out := Simulator{Endpoint: "http://" + scim.Addr().String() + server.Path(), Token: server.Token()}
	endpoints := []endpoint{{listener: scim, handler: server, hosts: c.hosts(c.Listen)}}
	if c.Manage != "" {
		manage, err := net.Listen("tcp", c.Manage)
		if err != nil {
			err = fmt.Errorf("listen for management: %w; choose another address with --manage", err)
			return errors.Join(err, scim.Close())
		}
		endpoints = append(endpoints, endpoint{listener: manage, handler: server.Manage(), hosts: c.hosts(c.Manage)})
		out.Manage = "http://" + manage.Addr().String() + "/"
	}
	started(out)
	return serveHTTP(ctx, httpserver.Limits{Write: simulatorWrite + c.Latency}, endpoints...)
}

func (c *SimulatorConfig) hosts(listen string) httpserver.Hosts {
	return httpserver.AllowedNames(append(slices.Clone(c.HostNames), httpserver.NameOf(listen)...)...)
}

// lockSimulatorFile takes the lock of a simulator's file: two simulators would overwrite each
// other's changes.
func lockSimulatorFile(file string) (*filelock.Lock, error) {
	name := file + ".lock"
	lock, err := filelock.Try(name)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, fmt.Errorf("file %s is in use by the simulator of %s: stop that process, or choose another "+
			"--file", file, filelock.Holder(name))
	}
	lock.Name(filelock.ThisProcess())
	return lock, nil
}

func (c *SimulatorConfig) server() (*awssim.Server, error) {
	profile, err := awssim.ParseProfile(c.Profile)
	if err != nil {
		return nil, err
	}
	server := &awssim.Server{Profile: profile, Tenant: c.Tenant}
	server.Options.Throttle = awssim.Throttle{Unlimited: c.PerSecond == 0, PerSecond: max(0, c.PerSecond),
		Burst: c.Burst, RetryAfter: c.RetryAfter}
	server.Options.Latency.Fixed = c.Latency
	for _, option := range c.Options {
		name, value, ok := strings.Cut(option, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s: want name=value", option)
		}
		if err := server.Options.Set(name, value); err != nil {
			return nil, err
		}
	}
	if c.Token != "" {
		server.Tokens = []awssim.Token{{Secret: c.Token}}
	}
	return server, server.Validate()
}
