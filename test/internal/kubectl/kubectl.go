// Package kubectl runs real kubectl, built from its own module, in tests.
//
// A [Tool] is kubectl with a kubeconfig, a namespace and a home of its own; it
// runs a command to its end, always bounded in time, or starts one that goes on,
// such as get -w, as a [Stream].
package kubectl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/test/internal/gobuild"
)

// Limit is how long one command may take.
const Limit = 60 * time.Second

// Build builds kubectl. Its version is that of the modules it is made of, as a
// release of Kubernetes would call it: v0.36.6 is v1.36.6.
func Build(d *gobuild.Dir) (string, error) {
	v, err := gobuild.ModuleVersion("k8s.io/kubectl")
	if err != nil {
		return "", err
	}
	v = "v1" + strings.TrimPrefix(v, "v0")
	return d.Command("test/kubectl", "-ldflags=-X=k8s.io/component-base/version.gitVersion="+v)
}

// Tool is kubectl for one user of one server. It is immutable and safe for
// concurrent use.
type Tool struct {
	binary    string
	env       []string
	namespace string
	stdin     string
}

// New makes a Tool of the binary that Build returned. Its home, with its
// discovery cache, ends with the test.
func New(t testing.TB, binary, kubeconfig string) *Tool {
	home := t.TempDir()
	return &Tool{binary: binary, env: []string{
		"HOME=" + home,
		"KUBECONFIG=" + kubeconfig,
		"KUBECACHEDIR=" + filepath.Join(home, "cache"),
		"PATH=" + os.Getenv("PATH"),
		"TMPDIR=" + home,
		"KUBERC=off",
		"NO_PROXY=*",
	}}
}

// In is the Tool with a namespace of its choice (-n).
func (k *Tool) In(namespace string) *Tool {
	c := *k
	c.namespace = namespace
	return &c
}

// With is the Tool with further environment variables, "NAME=value" each.
func (k *Tool) With(env ...string) *Tool {
	c := *k
	c.env = slices.Concat(k.env, env)
	return &c
}

// Stdin is the Tool with a text on standard input.
func (k *Tool) Stdin(text string) *Tool {
	c := *k
	c.stdin = text
	return &c
}

// Result is what a command left behind.
type Result struct {
	Command        string
	Stdout, Stderr string
	Code           int
}

func (r Result) String() string {
	return fmt.Sprintf("%s\nexit code %d\nstdout:\n%s\nstderr:\n%s", r.Command, r.Code, r.Stdout, r.Stderr)
}

// arguments splits line at spaces; more follow as they are.
func (k *Tool) arguments(line string, more []string) []string {
	var args []string
	if k.namespace != "" {
		args = append(args, "--namespace="+k.namespace)
	}
	return slices.Concat(args, strings.Fields(line), more)
}

func (k *Tool) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, k.binary, args...)
	cmd.Env = k.env
	cmd.WaitDelay = 5 * time.Second
	if k.stdin != "" {
		cmd.Stdin = strings.NewReader(k.stdin)
	}
	return cmd
}

// Run runs kubectl with the arguments that line holds, split at spaces, and
// more, as they are. A command that does not end within Limit fails the test.
func (k *Tool) Run(t testing.TB, line string, more ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	defer cancel()
	args := k.arguments(line, more)
	cmd := k.command(ctx, args)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := Result{Command: "kubectl " + strings.Join(args, " "), Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v (%v)\n%v", err, ctx.Err(), r)
	}
	return r
}

// OK runs kubectl and returns its standard output; the test ends when kubectl
// fails.
func (k *Tool) OK(t testing.TB, line string, more ...string) string {
	t.Helper()
	r := k.Run(t, line, more...)
	if r.Code != 0 {
		t.Fatalf("failed: %v", r)
	}
	return r.Stdout
}

// Fails runs kubectl and returns its standard error; the test ends when kubectl
// succeeds.
func (k *Tool) Fails(t testing.TB, line string, more ...string) string {
	t.Helper()
	r := k.Run(t, line, more...)
	if r.Code == 0 {
		t.Fatalf("succeeded: %v", r)
	}
	return r.Stderr
}
