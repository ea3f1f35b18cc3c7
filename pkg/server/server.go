package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/consensus"
	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/kinds"
	"github.com/binnacle-io/binnacle/pkg/rest"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/replicated"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// shutdownGrace is how long requests may take to finish once the server stops.
const shutdownGrace = 30 * time.Second

// What is kept in memory besides the objects themselves, in bytes: encodings of
// objects and of watch events, and the changes that watchers who lag a little
// read. Beyond, encodings are made again and history is read from disk.
const (
	formsBytes  = 48 << 20
	framesBytes = 8 << 20
	logBytes    = 8 << 20
)

// Server is one member: a store and the API over it.
type Server struct {
	config   Config
	log      *slog.Logger
	listener net.Listener
	data     *dataDir
	pki      *pki
	metrics  *metrics

	mvcc      *mvcc.Store
	node      *consensus.Node
	store     *replicated.Store
	caches    *watchcache.Set
	registry  *registry.Registry
	bootstrap *bootstrapper
	http      *http.Server

	// stopping ends watches, and with them what keeps connections busy.
	stopping context.Context
	stop     context.CancelFunc
	// ready is closed when the server answers requests.
	ready chan struct{}
}

// New checks the configuration, opens the data and listens. It starts nothing.
// Close releases what Run was never called for.
func New(c Config) (*Server, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: c, log: c.Logger, ready: make(chan struct{})}
	s.stopping, s.stop = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		s.Close()
		if s.data != nil {
			s.data.undo()
		}
		return nil, err
	}
	return s, nil
}

// open acquires things in the order in which they most likely fail, so that a
// failure has touched nothing.
func (s *Server) open() error {
	if err := s.listen(); err != nil {
		return err
	}
	var err error
	access := kinds.Deps{Authenticator: tokens{}, Authorizer: reviewer{auth.SystemMasters{}}, Rules: reviewer{auth.SystemMasters{}}}
	var bearer auth.Authenticator = auth.NoTokens{}
	if s.config.TokenAuthFile != "" {
		file, err := auth.LoadTokenFile(s.config.TokenAuthFile)
		if err != nil {
			return err
		}
		bearer, access.Authenticator = file, tokens{file}
	}
	if s.data, err = openDataDir(s.config.DataDir, true); err != nil {
		return err
	}
	advertise := advertiseAddress(s.config)
	service := netip.MustParsePrefix(s.config.ServiceClusterIPRange)
	names := servingNames(s.config.BindAddress, advertise.String(), service.Masked().Addr().Next().String())
	if s.pki, err = loadPKI(s.config, names, time.Now()); err != nil {
		return err
	}
	authn := auth.Union{auth.NewX509(s.pki.clientCAs), bearer}
	v := VersionInfo(s.config.Version)
	s.metrics = newMetrics(v)
	if err := s.openStore(); err != nil {
		return err
	}
	s.caches = watchcache.New(watchcache.Config{Store: s.store, Logger: s.log, FormsBytes: formsBytes, FramesBytes: framesBytes, LogBytes: logBytes})
	s.registry = registry.New(registry.Config{Store: s.store, Caches: s.caches, Resources: kinds.All(access)})
	s.bootstrap = &bootstrapper{registry: s.registry, log: s.log, now: time.Now, service: service, address: advertise, port: int32(s.port())}
	s.serve(rest.Config{Registry: s.registry, Authenticator: authn, Authorizer: auth.SystemMasters{}, Version: v,
		ServerAddress: net.JoinHostPort(advertise.String(), strconv.Itoa(s.port())), Observer: s.metrics, Logger: s.log, Now: time.Now,
		Stopping:    s.stopping,
		MaxRequests: s.config.MaxRequestsInflight, MaxMutating: s.config.MaxMutatingRequestsInflight, Health: s.health(), Metrics: s.metrics.handler(), Profile: s.profile()})
	s.export()
	return writeKubeconfig(s.data.join(kubeconfig), s.URL(), s.pki, s.config.PKIDir)
}

func (s *Server) listen() error {
	address := net.JoinHostPort(s.config.BindAddress, strconv.Itoa(s.config.SecurePort))
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use: stop the other server or choose another --secure-port (0 picks a free one)", address)
	case err != nil:
		return fmt.Errorf("cannot listen on %s (--bind-address, --secure-port): %w", address, err)
	}
	s.listener = l
	return nil
}

func (s *Server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// URL is the base URL of the server.
func (s *Server) URL() string {
	host := s.config.BindAddress
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(s.port()))
}

// Kubeconfig is the path of the admin's kubeconfig.
func (s *Server) Kubeconfig() string { return s.data.join(kubeconfig) }

// Ready is closed when the server answers requests.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// openStore opens the database and the log, and puts the store over them.
func (s *Server) openStore() error {
	var err error
	s.mvcc, err = mvcc.Open(mvcc.Config{Path: s.data.join(dbFile), RecentBytes: logBytes, Logger: s.log, Observer: mvcc.Observer{
		Commit: func(d time.Duration, _ int, _ int64) { s.metrics.commit.Observe(d.Seconds()) },
		Compaction: func(d time.Duration, removed int) {
			s.metrics.compaction.Observe(float64(d.Milliseconds()))
			s.metrics.compacted.Add(float64(removed))
		}}})
	if err != nil {
		return fmt.Errorf("database %s: %w", s.data.join(dbFile), err)
	}
	id := s.data.id
	machine := replicated.NewMachine(id.member, s.mvcc, rand.Uint64())
	s.node, err = consensus.Open(consensus.Config{ID: id.member, ClusterID: id.cluster, Dir: s.data.join(logDir),
		StateMachine: stateMachine{machine}, Observer: logObserver{s.metrics}, Logger: s.log})
	if err != nil {
		return fmt.Errorf("log %s: %w", s.data.join(logDir), err)
	}
	s.store, err = replicated.New(replicated.Config{
		Log:                 s.node,
		LogErrors:           replicated.LogErrors{NoLeader: consensus.ErrNoLeader, Stopped: consensus.ErrStopped, TooLarge: consensus.ErrTooLarge},
		Machine:             machine,
		Leadership:          func() (uint64, bool) { st := s.node.Status(); return st.Term, st.Leader == id.member },
		CompactionRetention: s.config.AutoCompactionRetention, Logger: s.log,
	})
	return err
}

// stateMachine applies the log to the store.
type stateMachine struct{ *replicated.Machine }

func (m stateMachine) Apply(entries []consensus.Entry) error {
	return replicated.Apply(m.Machine, entries)
}

// logObserver counts what the log does.
type logObserver struct{ m *metrics }

func (o logObserver) Synced(took time.Duration, bytes int) {
	o.m.walFsync.Observe(took.Seconds())
	o.m.walBytes.Add(float64(bytes))
}
func (o logObserver) Applied(took time.Duration, _ int) { o.m.applied.Observe(took.Seconds()) }
func (o logObserver) LeaderChanged(uint64)              { o.m.leaderChange.Inc() }

// serve makes the HTTP server.
func (s *Server) serve(c rest.Config) {
	h := rest.NewHandler(c)
	s.metrics.watchInflight(h.Inflight)
	s.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 32 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.pki.serving.tls}, ClientAuth: tls.RequestClientCert,
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 250, MaxReceiveBufferPerStream: 256 << 10},
	}
}

func (s *Server) health() http.Handler {
	ping := check{"ping", func() error { return nil }}
	stored := check{"etcd", func() error {
		if st := s.node.Status(); st.Leader == 0 {
			return errors.New("no leader")
		}
		return nil
	}}
	synced := check{"informer-sync", func() error {
		select {
		case <-s.ready:
			return nil
		default:
			return errors.New("starting")
		}
	}}
	shutdown := check{"shutdown", func() error {
		if s.stopping.Err() != nil {
			return errors.New("process is shutting down")
		}
		return nil
	}}
	return &health{checks: map[string][]check{
		"livez":   {ping, stored},
		"readyz":  {ping, {"etcd-readiness", stored.ok}, synced, shutdown},
		"healthz": {ping, stored},
	}}
}

func (s *Server) profile() http.Handler {
	if !s.config.Profiling {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// export registers the figures that are read when asked for.
func (s *Server) export() {
	m := s.metrics
	m.watchStore(s.mvcc.Stats)
	m.registry.MustRegister(newCacheCollector(s.caches.Stats))
	m.gauge("etcd_server_proposals_pending", "Proposals that are not yet committed.", func() float64 { return float64(s.node.Stats().ProposalsPending) })
	m.counter("etcd_server_proposals_failed_total", "Proposals that no leader took.", func() float64 { return float64(s.node.Stats().ProposalsFailed) })
	m.gauge("etcd_server_has_leader", "Whether a leader is known.", func() float64 { return truth(s.node.Status().Leader != 0) })
	m.gauge("etcd_server_is_leader", "Whether this member leads.", func() float64 { return truth(s.node.Status().Leader == s.data.id.member) })
	m.gauge("etcd_server_proposals_applied_total", "Log entries applied.", func() float64 { return float64(s.node.Status().Applied) })
	m.gauge("etcd_server_proposals_committed_total", "Log entries committed.", func() float64 { return float64(s.node.Status().Commit) })
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// advertiseAddress is where other machines find this one.
func advertiseAddress(c Config) netip.Addr {
	for _, s := range []string{c.AdvertiseAddress, c.BindAddress} {
		if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() && (s == c.AdvertiseAddress || !a.IsLoopback()) {
			return a
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
				return p.Addr()
			}
		}
	}
	return netip.MustParseAddr("127.0.0.1")
}

// Close releases everything of a server whose Run was not called.
func (s *Server) Close() {
	s.stop()
	if s.listener != nil {
		s.listener.Close()
	}
	if s.node != nil {
		if err := s.node.Close(); err != nil {
			s.log.Warn("closing the log", "error", err)
		}
	}
	if s.mvcc != nil {
		if err := s.mvcc.Close(); err != nil {
			s.log.Warn("closing the database", "error", err)
		}
	}
	if s.data != nil {
		s.data.close()
	}
}

// Run serves until ctx ends or something fails. When it returns every goroutine
// has ended and everything acknowledged is on disk.
func (s *Server) Run(ctx context.Context) error {
	defer s.data.close()
	var life lifecycle
	// In this order they start, in the reverse order they stop.
	life.start("database", s.mvcc.Run)
	life.start("log", s.node.Run)
	life.start("store", s.store.Run)
	life.start("watch cache", s.caches.Run)
	life.start("https", s.runHTTP)
	err := s.bringUp(ctx, &life)
	if err == nil {
		close(s.ready)
		life.start("warming", s.warm)
		s.log.Info("ready", "url", s.URL(), "kubeconfig", s.Kubeconfig())
		select {
		case <-ctx.Done():
			s.log.Info("stopping")
		case <-life.failed():
		}
	}
	s.stop()
	err = errors.Join(err, life.stop())
	if closed := s.mvcc.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk of %s is full, everything acknowledged is kept: make room and start again (%w)", s.config.DataDir, err)
	}
	return err
}

// warm loads the caches behind the first requests' back.
func (s *Server) warm(ctx context.Context) error {
	if err := s.registry.Warm(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("caches are loaded on their first use", "error", err)
	}
	<-ctx.Done()
	return nil
}

// bringUp waits for a leader and makes the bootstrap objects.
func (s *Server) bringUp(ctx context.Context, life *lifecycle) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		select {
		case <-s.node.Ready():
			done <- s.bootstrap.run(ctx)
		case <-ctx.Done():
			done <- nil
		}
	}()
	select {
	case err := <-done:
		return err
	case <-life.failed():
		cancel()
		<-done
		return nil
	}
}

// runHTTP serves until ctx ends, then lets requests finish.
func (s *Server) runHTTP(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.ServeTLS(s.listener, "", "") }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	err := s.http.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests did not finish in time and were cut off", "after", shutdownGrace)
		err = s.http.Close()
	}
	<-served
	return err
}

// Check opens a stopped data directory and verifies every invariant of its log
// and its database. It changes nothing.
func Check(dataDirPath string) error {
	d, err := openDataDir(dataDirPath, false)
	if err != nil {
		return err
	}
	defer d.close()
	db := d.join(dbFile)
	index, err := mvcc.CheckFile(db)
	if err != nil {
		err = fmt.Errorf("database %s: %w", db, err)
	}
	if _, lerr := consensus.Check(vfs.OS{}, d.join(logDir), index); lerr != nil {
		err = errors.Join(err, fmt.Errorf("log %s: %w", d.join(logDir), lerr))
	}
	return err
}
