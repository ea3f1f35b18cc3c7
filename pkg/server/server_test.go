package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/rest"
)

// running is a server that serves until the test ends.
type running struct {
	*Server
	t      testing.TB
	client *http.Client // with the admin's certificate, as the kubeconfig has it
	cancel context.CancelFunc
	ended  chan error
	once   sync.Once
	err    error
}

func start(t testing.TB, c Config) *running {
	t.Helper()
	if c.DataDir == "" {
		c.DataDir = filepath.Join(t.TempDir(), "data")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	c.AnyPort = true
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Server: s, t: t, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		r.stop()
		if err := Check(c.DataDir); err != nil {
			t.Errorf("the data after the test: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-r.ended:
		t.Fatalf("it did not start: %v", err)
	}
	r.client = clientOf(t, s.Kubeconfig(), true)
	return r
}

// stop stops the server and returns what Run returned.
func (r *running) stop() error {
	r.once.Do(func() {
		r.cancel()
		r.err = <-r.ended
		if r.client != nil {
			r.client.CloseIdleConnections()
		}
		if r.err != nil {
			r.t.Errorf("stopping: %v", r.err)
		}
	})
	return r.err
}

// clientOf reads a kubeconfig as a client does.
func clientOf(t testing.TB, kubeconfig string, http2 bool) *http.Client {
	t.Helper()
	b, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     string `json:"certificate-authority-data"`
			}
		}
		Users []struct {
			User struct {
				Cert string `json:"client-certificate-data"`
				Key  string `json:"client-key-data"`
			}
		}
	}
	if err := yaml.Unmarshal(b, &k); err != nil {
		t.Fatal(err)
	}
	decode := func(s string) []byte {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(decode(k.Clusters[0].Cluster.CA)) {
		t.Fatal("no CA in the kubeconfig")
	}
	cert, err := tls.X509KeyPair(decode(k.Users[0].User.Cert), decode(k.Users[0].User.Key))
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{ForceAttemptHTTP2: http2, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}}
}

// anonymous is a client without credentials.
func (r *running) anonymous() *http.Client {
	roots := r.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
}

// do sends a request and returns the code and the body.
func (r *running) do(c *http.Client, method, path, body string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestServes(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	write(t, tokens, "adm,root,1,system:masters\nusr,joe,2\n")
	r := start(t, Config{TokenAuthFile: tokens, Profiling: true})
	for _, ns := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		if code, body := r.do(r.client, "GET", "/api/v1/namespaces/"+ns, ""); code != 200 {
			t.Errorf("%s: HTTP %d %s", ns, code, body)
		}
	}
	code, body := r.do(r.client, "GET", "/api/v1/namespaces/default/endpoints/kubernetes", "")
	if port := fmt.Sprintf(`"port":%d`, r.port()); code != 200 || !strings.Contains(body, port) {
		t.Errorf("endpoints: HTTP %d %s", code, body)
	}
	if code, body := r.do(r.client, "GET", "/api/v1/namespaces/default/services/kubernetes", ""); code != 200 || !strings.Contains(body, `"clusterIP":"10.0.0.1"`) {
		t.Errorf("service: HTTP %d %s", code, body)
	}
	anyone := r.anonymous()
	for path, want := range map[string][4]int{ // anonymous, joe, root by token, admin by certificate
		"/livez":             {200, 200, 200, 200},
		"/readyz?verbose":    {200, 200, 200, 200},
		"/healthz/ping":      {200, 200, 200, 200},
		"/version":           {200, 200, 200, 200},
		"/api":               {200, 200, 200, 200},
		"/metrics":           {401, 403, 200, 200},
		"/debug/pprof/":      {401, 403, 200, 200},
		"/api/v1/namespaces": {401, 403, 200, 200},
	} {
		got := [4]int{}
		got[0], _ = r.do(anyone, "GET", path, "")
		got[1], _ = r.do(anyone, "GET", path, "", "Authorization", "Bearer usr")
		got[2], _ = r.do(anyone, "GET", path, "", "Authorization", "Bearer adm")
		got[3], _ = r.do(r.client, "GET", path, "")
		if got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if code, _ := r.do(anyone, "GET", "/api/v1/namespaces", "", "Authorization", "Bearer wrong"); code != 401 {
		t.Errorf("a wrong token: HTTP %d", code)
	}
	if info, err := os.Stat(r.Kubeconfig()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kubeconfig: %v %v", info.Mode(), err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, Config{DataDir: dir})
	before := map[string]string{}
	for i := range 20 {
		path := "/api/v1/namespaces/default/configmaps"
		if code, body := r.do(r.client, "POST", path, fmt.Sprintf(`{"metadata":{"name":"cm-%d"},"data":{"k":"v"}}`, i)); code != 201 {
			t.Fatalf("HTTP %d %s", code, body)
		}
		_, before[fmt.Sprintf("cm-%d", i)] = r.do(r.client, "GET", fmt.Sprintf("%s/cm-%d", path, i), "")
	}
	ca := pkiFiles(t, filepath.Join(dir, "pki"))
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir); err != nil {
		t.Fatal(err)
	}
	r = start(t, Config{DataDir: dir})
	for name, want := range before {
		if _, got := r.do(r.client, "GET", "/api/v1/namespaces/default/configmaps/"+name, ""); got != want {
			t.Errorf("%s: %s, was %s", name, got, want)
		}
	}
	if !mapsEqual(ca, pkiFiles(t, filepath.Join(dir, "pki"))) {
		t.Error("a restart replaced certificates")
	}
}

// TestStartFaults: one line, and nothing touched.
func TestStartFaults(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for name, c := range map[string]struct {
		prepare func(dir string) Config
		says    string
	}{
		"port in use":    {func(string) Config { return Config{SecurePort: port} }, "is in use"},
		"no address":     {func(string) Config { return Config{BindAddress: "192.0.2.1", AnyPort: true} }, "cannot listen"},
		"foreign data":   {func(dir string) Config { write(t, filepath.Join(dir, "data", "x"), ""); return Config{AnyPort: true} }, "holds other things"},
		"no token file":  {func(string) Config { return Config{AnyPort: true, TokenAuthFile: "/none"} }, "--token-auth-file"},
		"no serving key": {func(string) Config { return Config{AnyPort: true, TLSCertFile: "/none", TLSPrivateKeyFile: "/none"} }, "/none"},
		"a broken CA": {func(dir string) Config {
			write(t, filepath.Join(dir, "data", "pki", "ca.crt"), "x")
			write(t, filepath.Join(dir, "data", "pki", "ca.key"), "x")
			return Config{AnyPort: true}
		}, "ca.crt"},
		"a data dir in a file": {func(dir string) Config { write(t, filepath.Join(dir, "data"), "x"); return Config{AnyPort: true} }, "data"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config := c.prepare(dir)
			config.DataDir = filepath.Join(dir, "data")
			before := tree(t, dir)
			s, err := New(config)
			if err == nil {
				s.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("it left %q, there was %q", after, before)
			}
		})
	}
}

func TestSecondServerOnTheSameData(t *testing.T) {
	r := start(t, Config{})
	before := tree(t, r.config.DataDir)
	if _, err := New(Config{DataDir: r.config.DataDir, AnyPort: true}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Error(err)
	}
	if err := Check(r.config.DataDir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("check of running data: %v", err)
	}
	if after := tree(t, r.config.DataDir); after != before {
		t.Errorf("it left %q, there was %q", after, before)
	}
	if code, _ := r.do(r.client, "GET", "/readyz", ""); code != 200 {
		t.Errorf("the first one: HTTP %d", code)
	}
}

// TestCloseWithoutRun releases the port and the data.
func TestCloseWithoutRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := New(Config{DataDir: dir, AnyPort: true})
	if err != nil {
		t.Fatal(err)
	}
	address := s.listener.Addr().String()
	s.Close()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	start(t, Config{DataDir: dir})
}

// TestStopEndsWatches: watches end cleanly at once, whether
// they are read or not, and what was answered is on disk.
func TestStopEndsWatches(t *testing.T) {
	r := start(t, Config{})
	for _, http2 := range []bool{true, false} {
		client := clientOf(t, r.Kubeconfig(), http2)
		defer client.CloseIdleConnections()
		resp, err := client.Get(r.URL() + "/api/v1/namespaces?watch=1")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if http2 != (resp.ProtoMajor == 2) {
			t.Errorf("served over %s", resp.Proto)
		}
		read := bufio.NewReader(resp.Body)
		for range 4 {
			if _, err := read.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		defer func() {
			if rest, err := io.ReadAll(read); err != nil || len(bytes.TrimSpace(rest)) > 0 && !bytes.Contains(rest, []byte(`"type"`)) {
				t.Errorf("the end of a watch: %q, %v", rest, err)
			}
		}()
	}
	began := time.Now()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// TestHeaderFlood: more headers than there may be are refused, over both
// protocols, and the server lives on.
func TestHeaderFlood(t *testing.T) {
	r := start(t, Config{})
	for _, http2 := range []bool{false, true} {
		client := clientOf(t, r.Kubeconfig(), http2)
		defer client.CloseIdleConnections()
		for name, flood := range map[string]func(http.Header){
			"one long": func(h http.Header) { h.Set("X-Flood", strings.Repeat("x", 3<<20)) },
			"many": func(h http.Header) {
				for i := range 100_000 {
					h.Set(fmt.Sprintf("X-Flood-%d", i), "0123456789")
				}
			},
		} {
			req, err := http.NewRequest("GET", r.URL()+"/api/v1/namespaces", nil)
			if err != nil {
				t.Fatal(err)
			}
			flood(req.Header)
			resp, err := client.Do(req)
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("HTTP/2 %v, %s: %s", http2, name, resp.Status)
				}
			}
		}
		if code, _ := r.do(r.client, "GET", "/readyz", ""); code != 200 {
			t.Errorf("afterwards: HTTP %d", code)
		}
	}
}

// TestHasPatienceOfItsOwn: connections that never complete a request are closed.
// That takes half a minute, so that only the setting is looked at.
func TestHasPatienceOfItsOwn(t *testing.T) {
	r := start(t, Config{})
	if r.http.ReadHeaderTimeout <= 0 || r.http.IdleTimeout <= 0 || r.http.MaxHeaderBytes <= 0 || r.http.HTTP2.MaxConcurrentStreams <= 0 {
		t.Errorf("%+v", r.http)
	}
	if r.http.ReadTimeout != 0 || r.http.WriteTimeout != 0 {
		t.Error("these would end watches")
	}
}

// TestGarbageConnections: what is not TLS, or not HTTP, harms nobody.
func TestGarbageConnections(t *testing.T) {
	r := start(t, Config{})
	tlsConfig := r.client.Transport.(*http.Transport).TLSClientConfig
	for _, garbage := range []string{"", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\x00", 1000), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\xff", 500)} {
		c, err := net.Dial("tcp", r.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(garbage)); err != nil {
			t.Error(err)
		}
		c.Close()
		for _, proto := range []string{"h2", "http/1.1"} {
			config := tlsConfig.Clone()
			config.NextProtos, config.ServerName = []string{proto}, "127.0.0.1"
			tc, err := tls.Dial("tcp", r.listener.Addr().String(), config)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = tc.Write([]byte(garbage))
			tc.Close()
		}
	}
	if code, _ := r.do(r.client, "GET", "/readyz", ""); code != 200 {
		t.Errorf("afterwards: HTTP %d", code)
	}
}

// TestOverload: beyond the bound, requests are told to come back.
func TestOverload(t *testing.T) {
	r := start(t, Config{MaxMutatingRequestsInflight: 1})
	body, hold := io.Pipe()
	req, err := http.NewRequest("POST", r.URL()+"/api/v1/namespaces", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 1000
	held := make(chan int, 1)
	go func() {
		resp, err := r.client.Do(req)
		if err != nil {
			held <- 0
			return
		}
		resp.Body.Close()
		held <- resp.StatusCode
	}()
	if _, err := hold.Write([]byte("{")); err != nil { // taken by the client's connection
		t.Fatal(err)
	}
	handler := r.http.Handler.(*rest.Handler)
	eventually(t, func() bool { _, writes := handler.Inflight(); return writes == 1 })
	if code, body := r.do(r.client, "POST", "/api/v1/namespaces", "{"); code != http.StatusTooManyRequests || strings.HasPrefix(body, "{") {
		t.Errorf("HTTP %d %s", code, body)
	}
	if code, _ := r.do(r.client, "GET", "/api/v1/namespaces", ""); code != 200 {
		t.Errorf("a read: HTTP %d", code)
	}
	hold.CloseWithError(errors.New("given up"))
	<-held
	eventually(t, func() bool { _, writes := handler.Inflight(); return writes == 0 })
	if code, body := r.do(r.client, "POST", "/api/v1/namespaces", `{"metadata":{"name":"after"}}`); code != http.StatusCreated {
		t.Errorf("after the load: HTTP %d %s", code, body)
	}
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it never came true")
		}
	}
}

func TestVersionInfo(t *testing.T) {
	v := VersionInfo("1.2.3")
	if v.Major != "1" || v.Minor != "36" || !strings.HasPrefix(v.GitVersion, "v1.36.") || !strings.HasSuffix(v.GitVersion, "+binnacle.1.2.3") {
		t.Errorf("%+v", v)
	}
	r := start(t, Config{})
	_, body := r.do(r.anonymous(), "GET", "/version", "")
	got := map[string]string{}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got["gitVersion"] != VersionInfo("").GitVersion {
		t.Errorf("%v %s", err, body)
	}
}
