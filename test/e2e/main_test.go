package e2e

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/binnacle-io/binnacle/test/internal/gobuild"
	"github.com/binnacle-io/binnacle/test/internal/kubectl"
)

// commands are built by the tests that need them and removed by TestMain.
var commands *gobuild.Dir

func TestMain(m *testing.M) {
	// The clients under test report what they survive; only a failed test is
	// news. E2E_LOG=1 lets them speak.
	if os.Getenv("E2E_LOG") == "" {
		klog.SetLogger(logr.Discard())
		log.SetLogger(logr.Discard())
	}
	var err error
	if commands, err = gobuild.New(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := commands.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// newKubectl is kubectl with a kubeconfig.
func newKubectl(t testing.TB, kubeconfig string) *kubectl.Tool {
	t.Helper()
	return kubectl.New(t, kubectlBinary(t), kubeconfig)
}

// kubectlBinary is the path of kubectl.
func kubectlBinary(t testing.TB) string {
	t.Helper()
	binary, err := kubectl.Build(commands)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// want fails the test unless text matches every regular expression, in which ^
// and $ are the ends of lines.
func want(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(text) {
			t.Errorf("nothing matches %q in:\n%s", p, text)
		}
	}
}

// wantNot fails the test when text matches one of the regular expressions.
func wantNot(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if m := regexp.MustCompile("(?m)" + p).FindString(text); m != "" {
			t.Errorf("%q matches %q in:\n%s", m, p, text)
		}
	}
}

// equal fails the test unless got is want.
func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
