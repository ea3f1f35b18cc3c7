package e2e

import (
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/binnacle-io/binnacle/pkg/server"
	"github.com/binnacle-io/binnacle/test/internal/testserver"
)

// within is how long a test waits for what should come about at once: long
// enough for a machine that is busy with other things.
const within = 60 * time.Second

// restartable is a server that can be stopped and started again on the same
// data and port.
type restartable struct {
	config  server.Config
	running *testserver.Server
}

func startRestartable(t testing.TB) *restartable {
	t.Helper()
	r := &restartable{config: server.Config{DataDir: filepath.Join(t.TempDir(), "data"), SecurePort: fixedPort(t)}}
	r.start(t)
	return r
}

func (r *restartable) start(t testing.TB) {
	t.Helper()
	r.running = testserver.StartAt(t, r.config)
}

func (r *restartable) stop(t testing.TB) {
	t.Helper()
	if err := r.running.Stop(); err != nil {
		t.Fatalf("stopping the server: %v", err)
	}
}

// fixedPort finds a free port that nobody gets by chance while the server is
// down: below those that systems hand out for outgoing connections.
func fixedPort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(10000)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port found")
	return 0
}

const (
	asJSON     = "application/json"
	asProtobuf = "application/vnd.kubernetes.protobuf"
)

// clientConfig is the admin's client configuration, without a limit on its rate.
func clientConfig(t testing.TB, kubeconfig, contentType string) *rest.Config {
	t.Helper()
	c, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c.QPS = -1
	c.ContentType = contentType
	c.UserAgent = "e2e"
	return c
}

// retryBackoff tries every so often for so long.
func retryBackoff(every, limit time.Duration) wait.Backoff {
	return wait.Backoff{Duration: every, Factor: 1, Steps: int(limit / every)}
}
