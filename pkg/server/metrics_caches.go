package server

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// cacheCollector exports the figures of the watch caches that are loaded.
type cacheCollector struct {
	stats func() watchcache.Stats

	objects, version, dispatched, inits, decodeErrors *prometheus.Desc
	watchers, forms, log                              *prometheus.Desc
}

func newCacheCollector(stats func() watchcache.Stats) *cacheCollector {
	perResource := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"group", "resource"}, nil)
	}
	return &cacheCollector{stats: stats,
		objects:      perResource("apiserver_resource_objects", "Objects of a resource."),
		version:      perResource("apiserver_watch_cache_resource_version", "Revision of the newest change that the watch cache holds."),
		dispatched:   perResource("apiserver_watch_cache_events_dispatched_total", "Events that the watch cache took in."),
		inits:        perResource("apiserver_watch_cache_initializations_total", "Loads of the watch cache from the store."),
		decodeErrors: perResource("apiserver_storage_decode_errors_total", "Stored objects that could not be read."),
		watchers:     perResource("binnacle_watch_cache_watchers", "Open watches."),
		forms:        prometheus.NewDesc("binnacle_watch_cache_encodings_bytes", "Encodings of objects and events that are kept.", nil, nil),
		log:          prometheus.NewDesc("binnacle_watch_cache_log_bytes", "Changes that are kept in memory for watches.", nil, nil),
	}
}

func (c *cacheCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.objects, c.version, c.dispatched, c.inits, c.decodeErrors, c.watchers, c.forms, c.log} {
		out <- d
	}
}

func (c *cacheCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for i := range s.Caches {
		r := &s.Caches[i]
		if !r.Loaded {
			continue
		}
		resource, group, _ := strings.Cut(r.Resource, ".")
		put := func(d *prometheus.Desc, t prometheus.ValueType, v float64) {
			out <- prometheus.MustNewConstMetric(d, t, v, group, resource)
		}
		put(c.objects, prometheus.GaugeValue, float64(r.Objects))
		put(c.version, prometheus.GaugeValue, float64(r.Revision))
		put(c.dispatched, prometheus.CounterValue, float64(r.EventsTotal))
		put(c.inits, prometheus.CounterValue, float64(r.LoadsTotal))
		put(c.decodeErrors, prometheus.CounterValue, float64(r.DecodeErrorsTotal))
		put(c.watchers, prometheus.GaugeValue, float64(r.Watchers))
	}
	out <- prometheus.MustNewConstMetric(c.forms, prometheus.GaugeValue, float64(s.FormsBytes+s.FramesBytes))
	out <- prometheus.MustNewConstMetric(c.log, prometheus.GaugeValue, float64(s.LogBytes))
}
