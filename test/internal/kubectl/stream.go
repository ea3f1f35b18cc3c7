package kubectl

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Stream is a kubectl that runs until the test ends it or ends itself.
type Stream struct {
	command string
	cmd     *exec.Cmd
	lines   chan string
	stderr  *lockedBuffer
	seen    []string
	done    chan struct{}
}

// Start starts kubectl. It ends with the test at the latest.
func (k *Tool) Start(t testing.TB, line string, more ...string) *Stream {
	t.Helper()
	args := k.arguments(line, more)
	s := &Stream{command: "kubectl " + strings.Join(args, " "), cmd: k.command(context.Background(), args),
		lines: make(chan string, 1024), stderr: &lockedBuffer{}, done: make(chan struct{})}
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		defer close(s.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			s.lines <- in.Text()
		}
		_ = s.cmd.Wait() // killed, as a rule
	}()
	t.Cleanup(s.Stop)
	return s
}

// Stop ends kubectl.
func (s *Stream) Stop() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	for range s.lines {
	}
	<-s.done
}

// Expect reads lines until one matches the regular expression and returns it.
func (s *Stream) Expect(t testing.TB, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.NewTimer(Limit)
	defer deadline.Stop()
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("%s ended without a line that matches %q; it wrote:\n%s\n%s", s.command, pattern, strings.Join(s.seen, "\n"), s.stderr)
			}
			s.seen = append(s.seen, line)
			if re.MatchString(line) {
				return line
			}
		case <-deadline.C:
			t.Fatalf("%s: no line matches %q within %v; it wrote:\n%s\n%s", s.command, pattern, Limit, strings.Join(s.seen, "\n"), s.stderr)
		}
	}
}

// Wait waits until kubectl has ended by itself and returns its exit code.
func (s *Stream) Wait(t testing.TB) int {
	t.Helper()
	deadline := time.NewTimer(Limit)
	defer deadline.Stop()
	for {
		select {
		case line, ok := <-s.lines:
			if ok {
				s.seen = append(s.seen, line)
				continue
			}
			<-s.done
			return s.cmd.ProcessState.ExitCode()
		case <-deadline.C:
			t.Fatalf("%s did not end within %v; it wrote:\n%s\n%s", s.command, Limit, strings.Join(s.seen, "\n"), s.stderr)
		}
	}
}

// Interrupt asks kubectl to end, as Ctrl-C does.
func (s *Stream) Interrupt(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// lockedBuffer is written by the process while the test reads it.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
