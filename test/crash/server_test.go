package crash

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/storagetest"
)

func TestKillServer(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the server")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "apiserver")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/binnacle-io/binnacle/cmd/apiserver").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	target := &serverTarget{binary: binary, dir: filepath.Join(dir, "data")}
	t.Cleanup(target.kill)
	killOften(t, target)
	if t.Failed() {
		return
	}
	checkDatabase(t, filepath.Join(target.dir, "db"))
}

// checkDatabase checks the revisions of all kinds of objects, of which the
// clients saw one only. The server has been stopped.
func checkDatabase(t *testing.T, path string) {
	if _, err := mvcc.CheckFile(path); err != nil {
		t.Errorf("the database after the last end: %v", err)
	}
	db, err := mvcc.Open(mvcc.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	current, compacted := db.Revision()
	w := storagetest.Watch{Key: "\x00", RangeEnd: "\x00", After: max(compacted, 1)}
	for w.Revision() < current {
		b, err := db.Events(context.Background(), storage.EventsRequest{Key: w.Key, RangeEnd: w.RangeEnd, After: w.Revision()})
		if err != nil {
			t.Fatal(err)
		}
		w.Batches = append(w.Batches, b)
	}
	if err := storagetest.CheckRevisions(w.After+1, w.Events()); err != nil {
		t.Errorf("the database after the last end: %v", err)
	}
}

// serverTarget is the API server. Keys are ConfigMaps.
type serverTarget struct {
	binary, dir string
	process     *process
	maps        typedcorev1.ConfigMapInterface
	markers     int
}

const (
	namespace = "default"
	marker    = "marker" // a ConfigMap that the writers know nothing of
	label     = "crash"  // marks the ConfigMaps of this test
	valueKey  = "value"
)

// gapless: other objects take revisions too.
func (s *serverTarget) gapless() bool { return false }

func (s *serverTarget) start() error {
	cmd := exec.Command(s.binary, "--data-dir", s.dir, "--secure-port", "0")
	p, _, err := startProcess(cmd, "serving on ")
	if err != nil {
		return err
	}
	s.process = p
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(s.dir, "admin.kubeconfig"))
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	s.maps = client.CoreV1().ConfigMaps(namespace)
	return nil
}

func (s *serverTarget) kill() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

func (s *serverTarget) stop() error {
	p := s.process
	s.process = nil
	return p.stop()
}

func (s *serverTarget) write(ctx context.Context, w write) (int64, error) {
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: w.Key, Labels: map[string]string{label: "yes"}},
		Data:       map[string]string{valueKey: w.Value},
	}
	expect := strconv.FormatInt(w.Expect, 10)
	var err error
	switch {
	case w.Delete:
		err := s.maps.Delete(ctx, w.Key, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &expect}})
		return 0, refused(err)
	case w.Expect == 0:
		m, err = s.maps.Create(ctx, m, metav1.CreateOptions{})
	default:
		m.ResourceVersion = expect
		m, err = s.maps.Update(ctx, m, metav1.UpdateOptions{})
	}
	if err != nil {
		return 0, refused(err)
	}
	return strconv.ParseInt(m.ResourceVersion, 10, 64)
}

func refused(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// history watches from after until it sees a marker that is made now.
func (s *serverTarget) history(ctx context.Context, after int64) ([]change, int64, error) {
	through, err := s.mark(ctx)
	if err != nil {
		return nil, 0, err
	}
	if after == 0 {
		return nil, through, nil // a new server: the marker is the beginning
	}
	w, err := s.maps.Watch(ctx, metav1.ListOptions{ResourceVersion: strconv.FormatInt(after, 10)})
	if err != nil {
		return nil, 0, err
	}
	defer w.Stop()
	var changes []change
	for event := range w.ResultChan() {
		m, ok := event.Object.(*corev1.ConfigMap)
		if !ok {
			return nil, 0, fmt.Errorf("watch: %s %v", event.Type, event.Object)
		}
		c, err := changeOf(m)
		if err != nil {
			return nil, 0, err
		}
		if event.Type == watch.Deleted {
			c.Deleted, c.Value = true, ""
		}
		if m.Labels[label] != "" {
			changes = append(changes, c)
		}
		if m.Name == marker && c.Revision >= through {
			return changes, c.Revision, nil
		}
	}
	return nil, 0, errors.Join(errors.New("the watch ended before the marker came"), ctx.Err())
}

// mark writes the marker and returns its revision.
func (s *serverTarget) mark(ctx context.Context) (int64, error) {
	s.markers++
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: marker},
		Data:       map[string]string{valueKey: strconv.Itoa(s.markers)},
	}
	made, err := s.maps.Update(ctx, m, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		made, err = s.maps.Create(ctx, m, metav1.CreateOptions{})
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(made.ResourceVersion, 10, 64)
}

func (s *serverTarget) state(ctx context.Context) (map[string]change, error) {
	list, err := s.maps.List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return nil, err
	}
	state := map[string]change{}
	for i := range list.Items {
		if state[list.Items[i].Name], err = changeOf(&list.Items[i]); err != nil {
			return nil, err
		}
	}
	return state, nil
}

func changeOf(m *corev1.ConfigMap) (change, error) {
	revision, err := strconv.ParseInt(m.ResourceVersion, 10, 64)
	if err != nil {
		return change{}, err
	}
	return change{Key: m.Name, Value: strings.Clone(m.Data[valueKey]), Revision: revision}, nil
}
