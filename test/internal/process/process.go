// Package process runs the apiserver's binary in tests.
//
// [Run] is for commands that end by themselves, [Start] for a server: it returns
// when the server has said that it serves. Every process ends with its test.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Limit is how long a command may take, or a server to start or to end.
const Limit = 60 * time.Second

// Result is what a command left behind.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run runs a command to its end.
func Run(t testing.TB, binary string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %v: %v (%v)\n%s%s", binary, args, err, ctx.Err(), &stdout, &stderr)
	}
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// Server is a process that serves, or is about to.
type Server struct {
	URL, Kubeconfig string

	cmd    *exec.Cmd
	line   chan string // the line that says where it serves; closed when there is none
	stdout output
	stderr output
	done   chan struct{}
}

// Launch starts a server and does not wait for it.
func Launch(t testing.TB, binary string, args ...string) *Server {
	t.Helper()
	s := &Server{cmd: exec.Command(binary, args...), line: make(chan string, 1), done: make(chan struct{})}
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		in := bufio.NewScanner(out)
		if in.Scan() {
			s.line <- in.Text()
		}
		for close(s.line); in.Scan(); {
			_, _ = s.stdout.Write(append(in.Bytes(), '\n'))
		}
		_ = s.cmd.Wait() // its outcome is in ProcessState
	}()
	t.Cleanup(func() { s.Kill(); <-s.done })
	return s
}

// announcement is the one line that a server prints.
var announcement = regexp.MustCompile(`^serving on (https://\S+) after \S+; try: kubectl --kubeconfig (\S+) get namespaces$`)

// Ready waits until the server serves.
func (s *Server) Ready(t testing.TB) *Server {
	t.Helper()
	select {
	case line, ok := <-s.line:
		if !ok {
			<-s.done
			t.Fatalf("the server ended with code %d:\n%s", s.cmd.ProcessState.ExitCode(), s.Log())
		}
		m := announcement.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("the server said %q", line)
		}
		s.URL, s.Kubeconfig = m[1], m[2]
	case <-time.After(Limit):
		t.Fatalf("the server is not ready after %v:\n%s", Limit, s.Log())
	}
	return s
}

// Start starts a server and waits until it serves.
func Start(t testing.TB, binary string, args ...string) *Server {
	t.Helper()
	return Launch(t, binary, args...).Ready(t)
}

// Log is what the server wrote to standard error.
func (s *Server) Log() string { return s.stderr.String() }

// Output is what the server wrote to standard output after its one line.
func (s *Server) Output() string { return s.stdout.String() }

// Signal sends a signal.
func (s *Server) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the process as a crash would, if it has not ended.
func (s *Server) Kill() {
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err == nil {
		<-s.done
	}
}

// Wait waits until the process has ended and returns its exit code.
func (s *Server) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(Limit):
		t.Fatalf("the server has not ended after %v:\n%s", Limit, s.Log())
	}
	return s.cmd.ProcessState.ExitCode()
}

// Ended is closed when the process has ended.
func (s *Server) Ended() <-chan struct{} { return s.done }

// output is written by the process while a test reads it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
