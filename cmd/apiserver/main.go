// Command apiserver is a Kubernetes-style API server with its store inside.
//
//	apiserver [flags]             serves the API
//	apiserver version             prints the version
//	apiserver check --data-dir D  verifies a stopped data directory
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/binnacle-io/binnacle/pkg/server"
)

// version is set by the linker in releases.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "apiserver:", oneLine(err))
		os.Exit(1)
	}
}

// oneLine joins the lines of several faults.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "":
		return serve(ctx, args, stdout, stderr)
	case "version":
		v := server.VersionInfo(version)
		fmt.Fprintf(stdout, "apiserver %s %s %s\n", v.GitVersion, v.GoVersion, v.Platform)
		return nil
	case "check":
		return check(args, stdout, stderr)
	case "help":
		_, err := serveFlags(stdout, []string{"-h"})
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	return fmt.Errorf("unknown command %q: there are version, check and, without one, the server (apiserver -h)", command)
}

func newFlags(name string, out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(out)
	return f
}

// parse parses flags only; faults come back as one line, help goes out.
func parse(f *flag.FlagSet, args []string) error {
	out := f.Output()
	f.SetOutput(io.Discard)
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(out)
		fmt.Fprintf(out, "Usage of %s:\n", f.Name())
		f.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%w (%s -h lists the flags)", err, f.Name())
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q (%s -h lists the flags)", f.Arg(0), f.Name())
	}
	return nil
}

// options are the flags of the server.
type options struct {
	server.Config
	logLevel string
}

func serveFlags(out io.Writer, args []string) (*options, error) {
	o := &options{}
	d := server.Config{}.WithDefaults()
	f := newFlags("apiserver", out)
	f.StringVar(&o.DataDir, "data-dir", d.DataDir, "`directory` of everything the server keeps")
	f.StringVar(&o.PKIDir, "pki-dir", "", "`directory` of certificates and keys; what is there is used, what is missing is made (default <data-dir>/pki)")
	f.StringVar(&o.BindAddress, "bind-address", d.BindAddress, "`address` to serve on")
	f.IntVar(&o.SecurePort, "secure-port", d.SecurePort, "HTTPS `port`; 0 picks a free one")
	f.StringVar(&o.AdvertiseAddress, "advertise-address", "", "`address` under which others reach this server (default: the first of this host)")
	f.StringVar(&o.ServiceClusterIPRange, "service-cluster-ip-range", d.ServiceClusterIPRange, "`range` of the addresses of Services")
	f.StringVar(&o.TLSCertFile, "tls-cert-file", "", "serving certificate `file`, instead of one that the server makes")
	f.StringVar(&o.TLSPrivateKeyFile, "tls-private-key-file", "", "key `file` of --tls-cert-file")
	f.StringVar(&o.ClientCAFile, "client-ca-file", "", "`file` of a further CA whose client certificates are accepted")
	f.StringVar(&o.TokenAuthFile, "token-auth-file", "", "`file` of bearer tokens: lines of token,user,uid,\"group1,group2\"")
	f.DurationVar(&o.AutoCompactionRetention, "auto-compaction-retention", d.AutoCompactionRetention, "how long history is kept; 0 keeps it all")
	f.IntVar(&o.MaxRequestsInflight, "max-requests-inflight", d.MaxRequestsInflight, "`number` of reads served at one time; more are answered 429")
	f.IntVar(&o.MaxMutatingRequestsInflight, "max-mutating-requests-inflight", d.MaxMutatingRequestsInflight, "`number` of writes served at one time; more are answered 429")
	f.BoolVar(&o.Profiling, "profiling", false, "serve /debug/pprof")
	f.StringVar(&o.logLevel, "log-level", "info", "`level` of the log on standard error: debug, info, warn, error")
	if err := parse(f, args); err != nil {
		return nil, err
	}
	o.AnyPort = o.SecurePort == 0
	if o.AutoCompactionRetention == 0 { // as in etcd; a Config's zero is the default
		o.AutoCompactionRetention = server.KeepHistory
	}
	o.Version = version
	return o, nil
}

// heapGrowth is how much the heap may grow between collections, in percent of
// what is alive. Less than Go's 100: a fifth less memory for a few percent of CPU.
const heapGrowth = 75

// boundHeap sets heapGrowth unless GOGC says otherwise.
func boundHeap() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := serveFlags(stderr, args)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q: need debug, info, warn or error", o.logLevel)
	}
	o.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	start := time.Now()
	boundHeap()
	s, err := server.New(o.Config)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
		fmt.Fprintf(stdout, "serving on %s after %v; try: kubectl --kubeconfig %s get namespaces\n", s.URL(), time.Since(start).Round(time.Millisecond), s.Kubeconfig())
		return <-done
	case err := <-done:
		return err
	}
}

func check(args []string, stdout, stderr io.Writer) error {
	f := newFlags("apiserver check", stderr)
	dir := f.String("data-dir", "data", "`directory` to verify; its server must be stopped")
	if err := parse(f, args); err != nil {
		return err
	}
	if err := server.Check(*dir); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: no faults found\n", *dir)
	return nil
}
