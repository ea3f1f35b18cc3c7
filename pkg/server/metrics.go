package server

import (
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/version"

	"github.com/binnacle-io/binnacle/pkg/rest"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// metrics are what the server counts. Names, types and labels are those of
// kube-apiserver and etcd where the meaning is the same, so that dashboards and
// alerts made for these work.
type metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	sizes     *prometheus.HistogramVec
	watches   *prometheus.GaugeVec
	panics    prometheus.Counter

	walFsync     prometheus.Histogram
	walBytes     prometheus.Gauge
	commit       prometheus.Histogram
	compaction   prometheus.Histogram
	compacted    prometheus.Counter
	applied      prometheus.Histogram
	leaderChange prometheus.Counter

	// byRequest keeps the children of the request metrics: looking them up by
	// eight label values costs more than counting.
	byRequest sync.Map // requestLabels -> *requestMetrics
}

// requestLabels are the labels of apiserver_request_total.
type requestLabels struct {
	verb, group, version, resource, subresource, scope, dryRun string
	code                                                       int
}

type requestMetrics struct {
	total    prometheus.Counter
	duration prometheus.Observer
	size     prometheus.Observer // nil where kube-apiserver keeps none
}

var requestLabelNames = []string{"verb", "group", "version", "resource", "subresource", "scope", "component"}

func newMetrics(v version.Info) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_request_total",
		Help: "Requests by verb, dry run, group, version, resource, scope, component and HTTP code."}, append([]string{"dry_run", "code", "system_client"}, requestLabelNames...))
	m.durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "apiserver_request_duration_seconds",
		Help:    "Time until the answer was complete, watches left out.",
		Buckets: []float64{0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60}}, append([]string{"dry_run"}, requestLabelNames...))
	m.sizes = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "apiserver_response_sizes",
		Help: "Bytes of the answers to get and list.", Buckets: prometheus.ExponentialBuckets(1000, 10, 7)}, requestLabelNames)
	m.watches = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "apiserver_longrunning_requests",
		Help: "Open watches."}, requestLabelNames)
	m.panics = prometheus.NewCounter(prometheus.CounterOpts{Name: "binnacle_handler_panics_total", Help: "Request handlers that panicked."})

	m.applied = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "binnacle_apply_duration_seconds", Help: "Time of applying a run of committed log entries.",
		Buckets: prometheus.ExponentialBuckets(0.00001, 4, 10)})
	fsyncBuckets := prometheus.ExponentialBuckets(0.001, 2, 14)
	m.walFsync = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "etcd_disk_wal_fsync_duration_seconds", Help: "Time of fsync of the raft log.", Buckets: fsyncBuckets})
	m.walBytes = prometheus.NewGauge(prometheus.GaugeOpts{Name: "etcd_disk_wal_write_bytes_total", Help: "Bytes written to the raft log."})
	m.commit = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "etcd_disk_backend_commit_duration_seconds", Help: "Time of a commit of the database.", Buckets: fsyncBuckets})
	m.compaction = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
		Help: "Time of a compaction of the database.", Buckets: prometheus.ExponentialBuckets(100, 2, 14)})
	m.compacted = prometheus.NewCounter(prometheus.CounterOpts{Name: "etcd_debugging_mvcc_db_compaction_keys_total", Help: "Revisions removed by compactions."})
	m.leaderChange = prometheus.NewCounter(prometheus.CounterOpts{Name: "etcd_server_leader_changes_seen_total", Help: "Changes of the leader that this member saw."})

	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "kubernetes_build_info", Help: "What this server was built from; always 1.",
		ConstLabels: prometheus.Labels{"major": v.Major, "minor": v.Minor, "git_version": v.GitVersion, "git_commit": v.GitCommit,
			"git_tree_state": v.GitTreeState, "build_date": v.BuildDate, "go_version": v.GoVersion, "compiler": v.Compiler, "platform": v.Platform}})
	build.Set(1)
	goVersion := prometheus.NewGauge(prometheus.GaugeOpts{Name: "etcd_server_go_version", Help: "Go version; always 1.",
		ConstLabels: prometheus.Labels{"server_go_version": runtime.Version()}})
	goVersion.Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.sizes, m.watches, m.panics, m.applied, m.walFsync, m.walBytes, m.commit, m.compaction,
		m.compacted, m.leaderChange, build, goVersion, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second})
}

// gauge registers a figure that is read when it is asked for.
func (m *metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

func (m *metrics) counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// watchStore exports the figures of the store.
func (m *metrics) watchStore(stats func() mvcc.Stats) {
	figure := func(f func(mvcc.Stats) int64) func() float64 { return func() float64 { return float64(f(stats())) } }
	m.gauge("etcd_debugging_mvcc_current_revision", "Newest revision of the store.", figure(func(s mvcc.Stats) int64 { return s.Revision }))
	m.gauge("etcd_debugging_mvcc_compact_revision", "Revision below which history is gone.", figure(func(s mvcc.Stats) int64 { return s.Compacted }))
	m.gauge("etcd_debugging_mvcc_keys_total", "Keys that exist.", figure(func(s mvcc.Stats) int64 { return s.Keys }))
	m.gauge("etcd_mvcc_db_total_size_in_bytes", "Size of the database file.", figure(func(s mvcc.Stats) int64 { return s.DBSize }))
	m.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of the database file that hold data.", figure(func(s mvcc.Stats) int64 { return s.DBInUse }))
	m.counter("etcd_mvcc_put_total", "Puts applied.", figure(func(s mvcc.Stats) int64 { return s.Puts }))
	m.counter("etcd_mvcc_delete_total", "Deletes applied.", figure(func(s mvcc.Stats) int64 { return s.Deletes }))
	m.counter("etcd_mvcc_txn_total", "Transactions applied.", figure(func(s mvcc.Stats) int64 { return s.Txns }))
	m.counter("etcd_mvcc_range_total", "Ranges read.", figure(func(s mvcc.Stats) int64 { return s.Ranges }))
}

// watchInflight exports how many requests are being served.
func (m *metrics) watchInflight(inflight func() (reads, writes int64)) {
	for kind, value := range map[string]func() float64{
		"readOnly": func() float64 { r, _ := inflight(); return float64(r) },
		"mutating": func() float64 { _, w := inflight(); return float64(w) },
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "apiserver_current_inflight_requests",
			Help: "Requests being served, watches left out.", ConstLabels: prometheus.Labels{"request_kind": kind}}, value))
	}
}

// Request implements rest.Observer.
func (m *metrics) Request(o rest.Observation) {
	dry := ""
	if o.DryRun {
		dry = "All"
	}
	verb := metricVerb(o.Verb)
	key := requestLabels{verb, o.Group, o.Version, o.Resource, o.Subresource, o.Scope, dry, o.Code}
	c, ok := m.byRequest.Load(key)
	if !ok {
		c, _ = m.byRequest.LoadOrStore(key, m.children(key))
	}
	r := c.(*requestMetrics)
	r.total.Inc()
	if verb == "WATCH" {
		return
	}
	r.duration.Observe(o.Duration.Seconds())
	if r.size != nil {
		r.size.Observe(float64(o.Bytes))
	}
}

func (m *metrics) children(k requestLabels) *requestMetrics {
	common := []string{k.verb, k.group, k.version, k.resource, k.subresource, k.scope, "apiserver"}
	r := &requestMetrics{
		total:    m.requests.WithLabelValues(append([]string{k.dryRun, strconv.Itoa(k.code), ""}, common...)...),
		duration: m.durations.WithLabelValues(append([]string{k.dryRun}, common...)...),
	}
	if k.verb == "GET" || k.verb == "LIST" {
		r.size = m.sizes.WithLabelValues(common...)
	}
	return r
}

// metricVerb is the verb as kube-apiserver's metrics have it.
func metricVerb(verb string) string {
	switch verb {
	case "get":
		return "GET"
	case "list":
		return "LIST"
	case "watch":
		return "WATCH"
	case "create":
		return "POST"
	case "update":
		return "PUT"
	case "patch":
		return "PATCH"
	case "delete":
		return "DELETE"
	case "deletecollection":
		return "DELETECOLLECTION"
	}
	return "other"
}

// Watching implements rest.Observer.
func (m *metrics) Watching(group, version, resource string, delta int) {
	m.watches.WithLabelValues("WATCH", group, version, resource, "", "", "apiserver").Add(float64(delta))
}

// Panicked implements rest.Observer.
func (m *metrics) Panicked() { m.panics.Inc() }

var _ rest.Observer = (*metrics)(nil)
