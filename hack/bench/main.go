// Command bench loads a Kubernetes-style API server and prints, for each phase,
// its throughput, its latency and the server's CPU time per operation.
//
//	go run ./hack/bench -start                               builds and measures this server
//	go run ./hack/bench -kubeconfig K -pids 123,456          measures any other
//
// CPU time per operation is summed over the processes of -pids (an API server
// and its store, say): it is the figure to compare on a machine that others use
// too. All traffic goes to the server of the kubeconfig; every phase is bounded
// in count and time, and the namespace that it fills is deleted at the end.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	kubeconfig string
	start      bool
	pids       string
	n, c       int
	watchers   int
	events     int
	lists      int
	phases     string
	namespace  string
	json       string
}

func main() {
	o := options{}
	flag.StringVar(&o.kubeconfig, "kubeconfig", filepath.Join("data", "admin.kubeconfig"), "`file` that says which server to load")
	flag.BoolVar(&o.start, "start", false, "build this server, start it on a free port with data of its own, and load that")
	flag.StringVar(&o.pids, "pids", "", "`ids` of the server's processes, comma separated, for its CPU time and memory")
	flag.IntVar(&o.n, "n", 5000, "`objects` per phase")
	flag.IntVar(&o.c, "c", 32, "concurrent `clients`")
	flag.IntVar(&o.watchers, "watchers", 1000, "`watchers` of the fan-out")
	flag.IntVar(&o.events, "events", 500, "`updates` of the fan-out")
	flag.IntVar(&o.lists, "lists", 20, "full `lists` per list phase")
	flag.StringVar(&o.phases, "phases", strings.Join(phaseNames(), ","), "`phases` to run, in order")
	flag.StringVar(&o.namespace, "namespace", "bench", "`namespace` to make, fill and delete")
	flag.StringVar(&o.json, "json", "", "`file` for the results as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.n < 1 || o.c < 1 || o.lists < 1 || o.watchers < 1 || o.events < 1 {
		return fmt.Errorf("-n, -c, -lists, -watchers and -events must be at least 1")
	}
	processes, err := parsePIDs(o.pids)
	if err != nil {
		return err
	}
	if o.start {
		s, err := startServer(ctx)
		if err != nil {
			return err
		}
		defer s.stop()
		o.kubeconfig, processes = s.kubeconfig, []int{s.pid}
	}
	b, err := newBench(o, processes)
	if err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer b.cleanUp()
	printHead(os.Stdout, processes)
	for _, name := range strings.Split(o.phases, ",") {
		p, ok := phases[name]
		if !ok {
			return fmt.Errorf("unknown phase %q: there are %s", name, strings.Join(phaseNames(), ", "))
		}
		r := p(ctx, b)
		r.Phase = name
		b.results = append(b.results, r)
		r.print(os.Stdout)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	out, err := json.MarshalIndent(b.results, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(out, '\n'), 0o644)
}

func parsePIDs(s string) ([]int, error) {
	var out []int
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("-pids: %q is not a process id", f)
		}
		out = append(out, pid)
	}
	return out, nil
}
