package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/binnacle-io/binnacle/pkg/consensus"
	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/replicated"
)

// storeDir, in the environment, makes this binary a server of the store in that
// directory.
const storeDir = "BINNACLE_CRASH_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(storeDir); dir != "" {
		if err := serveStore(dir); err != nil {
			fmt.Fprintln(os.Stderr, "store:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestKillStore(t *testing.T) {
	dir := t.TempDir()
	target := &storeTarget{dir: dir}
	t.Cleanup(target.kill)
	killOften(t, target)
	if t.Failed() {
		return
	}
	if _, err := mvcc.CheckFile(filepath.Join(dir, "db")); err != nil {
		t.Errorf("the database after the last end: %v", err)
	}
}

// machine gives the store what the log has committed.
type machine struct{ *replicated.Machine }

func (m machine) Apply(entries []consensus.Entry) error { return replicated.Apply(m.Machine, entries) }

// serveStore serves the store until SIGTERM, and prints its address.
func serveStore(dir string) error {
	const member = 5
	db, err := mvcc.Open(mvcc.Config{Path: filepath.Join(dir, "db")})
	if err != nil {
		return err
	}
	sm := replicated.NewMachine(member, db, rand.Uint64())
	// Small files: they are begun and removed under load.
	node, err := consensus.Open(consensus.Config{
		ID: member, ClusterID: 1, Dir: filepath.Join(dir, "log"), StateMachine: machine{sm}, SegmentSize: 256 << 10,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	store, err := replicated.New(replicated.Config{
		Log: node, Machine: sm,
		LogErrors: replicated.LogErrors{
			NoLeader: consensus.ErrNoLeader, Stopped: consensus.ErrStopped, TooLarge: consensus.ErrTooLarge,
		},
		Leadership: func() (uint64, bool) { s := node.Status(); return s.Term, s.Leader == member },
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	server := &http.Server{Handler: storeHandler(store)}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return store.Run(ctx) })
	g.Go(func() error { return node.Run(ctx) })
	g.Go(func() error { return db.Run(ctx) })
	g.Go(func() error { <-ctx.Done(); return server.Close() })
	g.Go(func() error {
		<-node.Ready()
		fmt.Println(listener.Addr())
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return errors.Join(g.Wait(), db.Close())
}

const (
	keyPrefix = "/registry/"
	keyEnd    = "/registry0"
)

func storeHandler(s storage.Store) http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, fn func(r *http.Request) (any, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			answer, err := fn(r)
			switch {
			case errors.Is(err, errRefused):
				w.WriteHeader(http.StatusConflict)
			case err != nil:
				http.Error(w, err.Error(), http.StatusInternalServerError)
			default:
				_ = json.NewEncoder(w).Encode(answer) // a client that is gone
			}
		})
	}
	handle("/write", func(r *http.Request) (any, error) { return storeWrite(r, s) })
	handle("/history", func(r *http.Request) (any, error) { return storeHistory(r, s) })
	handle("/state", func(r *http.Request) (any, error) { return storeState(r, s) })
	return mux
}

func storeWrite(r *http.Request, s storage.Store) (any, error) {
	var w write
	if err := json.NewDecoder(r.Body).Decode(&w); err != nil {
		return nil, err
	}
	key := keyPrefix + w.Key
	op := storage.Op{Type: storage.OpPut, Key: key, Value: []byte(w.Value)}
	if w.Delete {
		op = storage.Op{Type: storage.OpDelete, Key: key}
	}
	result, err := s.Txn(r.Context(), &storage.Txn{
		Compares: []storage.Compare{{Key: key, Target: storage.CompareMod, Result: storage.Equal, Int: w.Expect}},
		Success:  []storage.Op{op},
	})
	if err != nil {
		return nil, err
	}
	if !result.Succeeded {
		return nil, errRefused
	}
	return result.Revision, nil
}

type history struct {
	Changes []change
	Through int64
}

func storeHistory(r *http.Request, s storage.Store) (any, error) {
	after, err := strconv.ParseInt(r.FormValue("after"), 10, 64)
	if err != nil {
		return nil, err
	}
	through, err := s.ReadRevision(r.Context())
	if err != nil {
		return nil, err
	}
	h := history{Through: through}
	for after < through {
		b, err := s.Events(r.Context(), storage.EventsRequest{Key: "\x00", RangeEnd: "\x00", After: after})
		if err != nil {
			return nil, err
		}
		for _, e := range b.Events {
			h.Changes = append(h.Changes, change{
				Key: strings.TrimPrefix(e.KV.Key, keyPrefix), Value: string(e.KV.Value),
				Deleted: e.Type == storage.EventDelete, Revision: e.KV.ModRevision,
			})
		}
		after = b.Revision
	}
	return h, nil
}

func storeState(r *http.Request, s storage.Store) (any, error) {
	got, err := s.Range(r.Context(), storage.RangeRequest{Key: keyPrefix, RangeEnd: keyEnd})
	if err != nil {
		return nil, err
	}
	state := map[string]change{}
	for _, kv := range got.KVs {
		key := strings.TrimPrefix(kv.Key, keyPrefix)
		state[key] = change{Key: key, Value: string(kv.Value), Revision: kv.ModRevision}
	}
	return state, nil
}

// process is a child process that says on a line of its standard output that it
// serves.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// startProcess returns the line of output that contains want.
func startProcess(cmd *exec.Cmd, want string) (*process, string, error) {
	p := &process{cmd: cmd}
	cmd.Stderr = &p.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	timeout := time.AfterFunc(patience, p.kill)
	defer timeout.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return p, lines.Text(), nil
		}
	}
	p.kill()
	return nil, "", fmt.Errorf("%s ended before it served: %s", cmd.Path, p.stderr.String())
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	_ = p.cmd.Wait()
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timeout := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timeout.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, p.stderr.String())
	}
	return nil
}

// storeTarget is the store, served by this binary.
type storeTarget struct {
	dir     string
	process *process
	client  *http.Client
	url     string
}

func (s *storeTarget) gapless() bool { return true }

func (s *storeTarget) start() error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), storeDir+"="+s.dir)
	p, line, err := startProcess(cmd, "127.0.0.1:")
	if err != nil {
		return err
	}
	s.process, s.url = p, "http://"+line
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}}
	return nil
}

func (s *storeTarget) kill() {
	if s.process != nil {
		s.process.kill()
		s.client.CloseIdleConnections()
		s.process = nil
	}
}

func (s *storeTarget) stop() error {
	p := s.process
	s.process = nil
	s.client.CloseIdleConnections()
	return p.stop()
}

func (s *storeTarget) call(ctx context.Context, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(response.Body).Decode(answer)
	case http.StatusConflict:
		return errRefused
	}
	text, _ := io.ReadAll(response.Body)
	return fmt.Errorf("%s: %s: %s", path, response.Status, text)
}

func (s *storeTarget) write(ctx context.Context, w write) (revision int64, err error) {
	err = s.call(ctx, "/write", w, &revision)
	return revision, err
}

func (s *storeTarget) history(ctx context.Context, after int64) ([]change, int64, error) {
	var h history
	err := s.call(ctx, fmt.Sprintf("/history?after=%d", after), nil, &h)
	return h.Changes, h.Through, err
}

func (s *storeTarget) state(ctx context.Context) (state map[string]change, err error) {
	err = s.call(ctx, "/state", nil, &state)
	return state, err
}
