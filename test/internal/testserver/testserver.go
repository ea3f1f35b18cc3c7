// Package testserver starts a server inside a test's process.
package testserver

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/server"
)

// Server is a running server.
type Server struct {
	URL        string
	Kubeconfig string
	DataDir    string
	// TLS is a client configuration with the admin's certificate.
	TLS  *tls.Config
	stop func() error
}

// Stop stops the server and waits for its end.
func (s *Server) Stop() error { return s.stop() }

// Start runs a server on a free port until the test ends; then its data is
// checked.
func Start(t testing.TB) *Server {
	t.Helper()
	dir := t.TempDir()
	s := StartAt(t, server.Config{DataDir: filepath.Join(dir, "data"), AnyPort: true})
	return s
}

// StartAt runs a server of the given configuration until the test ends.
func StartAt(t testing.TB, c server.Config) *Server {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	out := &Server{URL: s.URL(), Kubeconfig: s.Kubeconfig(), DataDir: c.DataDir}
	stopped := false
	out.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := out.stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
		if err := server.Check(c.DataDir); err != nil {
			t.Errorf("the data after the test: %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatalf("the server did not start: %v", err)
	}
	pki := filepath.Join(c.DataDir, "pki")
	cert, err := tls.LoadX509KeyPair(filepath.Join(pki, "admin.crt"), filepath.Join(pki, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	out.TLS = &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}
	return out
}
