package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what processes have used so far.
type usage struct {
	cpu time.Duration
	rss float64 // MB
}

// clockTick is the unit of times in /proc/<pid>/stat on Linux.
const clockTick = 10 * time.Millisecond

// usageOf sums over processes; those that are gone count nothing.
func usageOf(pids []int) usage {
	var u usage
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The name before the last parenthesis may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
		for _, f := range fields[11:13] { // user and system time
			ticks, _ := strconv.ParseInt(f, 10, 64)
			u.cpu += time.Duration(ticks) * clockTick
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(status), "\n") {
			if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, _ := strconv.ParseFloat(strings.Fields(kb)[0], 64)
				u.rss += n / 1024
			}
		}
	}
	return u
}

// ownServer is a server that bench has started.
type ownServer struct {
	cmd        *exec.Cmd
	dir        string
	pid        int
	kubeconfig string
}

// startServer builds the server and starts it in a directory of its own.
func startServer(ctx context.Context) (_ *ownServer, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	s := &ownServer{dir: dir, kubeconfig: filepath.Join(dir, "data", "admin.kubeconfig")}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	binary := filepath.Join(dir, "apiserver")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/apiserver")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building ./cmd/apiserver (run bench from the top of the repository): %w", err)
	}
	s.cmd = exec.Command(binary, "--data-dir", filepath.Join(dir, "data"), "--secure-port", "0", "--log-level", "warn")
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.pid = s.cmd.Process.Pid
	line, err := bufio.NewReader(out).ReadString('\n') // it says when it serves
	if err != nil {
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	fmt.Print(line)
	return s, nil
}

func (s *ownServer) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
	os.RemoveAll(s.dir)
}
