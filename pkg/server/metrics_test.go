package server

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/rest"
)

// metricNames reads lines of "name type label,label".
func metricNames(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		out[name] = strings.TrimSpace(rest)
	}
	return out
}

var (
	typeLine  = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	labelName = regexp.MustCompile(`([a-zA-Z_]+)="`)
)

// exposed reads an exposition in the same form.
func exposed(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		name := m[1]
		var labels []string
		for line := range strings.Lines(text) {
			base, rest, ok := strings.Cut(line, "{")
			if !ok || strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(base, "_bucket"), "_sum"), "_count") != name && base != name {
				continue
			}
			for _, l := range labelName.FindAllStringSubmatch(rest[:strings.LastIndex(rest, "}")], -1) {
				if !slices.Contains(labels, l[1]) && l[1] != "le" && l[1] != "quantile" {
					labels = append(labels, l[1])
				}
			}
		}
		slices.Sort(labels)
		out[name] = strings.TrimSpace(m[2] + " " + strings.Join(labels, ","))
	}
	return out
}

// TestMetricNames: the metrics that dashboards and alerts for kube-apiserver and
// etcd look at have their names, types and labels; and nothing takes a name of
// theirs that they do not have.
func TestMetricNames(t *testing.T) {
	r := start(t, Config{})
	r.do(r.client, "GET", "/api/v1/namespaces/default", "")
	r.do(r.client, "GET", "/api/v1/namespaces", "")
	r.do(r.client, "POST", "/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"a"}}`)
	resp, err := r.client.Get(r.URL() + "/api/v1/namespaces?watch=1&timeoutSeconds=30")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, text := r.do(r.client, "GET", "/metrics", "")
	have := exposed(t, text)
	want := metricNames(t)
	for name, form := range want {
		if have[name] != form {
			t.Errorf("%s is %q, want %q", name, have[name], form)
		}
	}
	for name := range have {
		if _, known := want[name]; !known && !strings.HasPrefix(name, "binnacle_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && !strings.HasPrefix(name, "promhttp_") {
			t.Errorf("%s is a name that neither kube-apiserver nor etcd has, or that testdata/metrics.txt lacks", name)
		}
	}
}

func TestRequestMetrics(t *testing.T) {
	r := start(t, Config{})
	r.do(r.client, "GET", "/api/v1/namespaces/default", "")
	r.do(r.client, "GET", "/api/v1/namespaces/none", "")
	r.do(r.client, "POST", "/api/v1/namespaces?dryRun=All", `{"metadata":{"name":"a"}}`)
	_, text := r.do(r.client, "GET", "/metrics", "")
	for _, want := range []string{
		`apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="namespaces",scope="resource",subresource="",system_client="",verb="GET",version="v1"} 1`,
		`apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="namespaces",scope="resource",subresource="",system_client="",verb="GET",version="v1"} 1`,
		`code="201",component="apiserver",dry_run="All"`,
		`apiserver_request_duration_seconds_count{component="apiserver",dry_run="",group="",resource="namespaces",scope="resource",subresource="",verb="GET",version="v1"} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestRequestMetricsAreFew: the children kept for speed are those of prometheus.
func TestRequestMetricsAreFew(t *testing.T) {
	m := newMetrics(VersionInfo(""))
	o := rest.Observation{Verb: "get", Version: "v1", Resource: "pods", Scope: "resource", Code: 200, Duration: time.Millisecond}
	m.Request(o)
	if n := testing.AllocsPerRun(100, func() { m.Request(o) }); n > 1 {
		t.Errorf("%v allocations to count a request", n)
	}
}
