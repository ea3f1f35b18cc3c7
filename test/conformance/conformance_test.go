package conformance

import (
	"bufio"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/test/internal/testserver"
)

var rewrite = flag.Bool("shrink", false, "take the steps that pass off testdata/failing.txt")

const failingFile = "testdata/failing.txt"

// failing reads the list of steps that do not pass yet: "<case>/<step>" a line.
func failing(t *testing.T) map[string]bool {
	t.Helper()
	f, err := os.Open(failingFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]bool{}
	for in := bufio.NewScanner(f); in.Scan(); {
		line, _, _ := strings.Cut(in.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			out[line] = true
		}
	}
	return out
}

func TestRecordedConversations(t *testing.T) {
	s := testserver.Start(t)
	r := &replayer{base: s.URL, stamp: time.Now().UnixNano() % 1e9, client: &http.Client{
		Transport: &http.Transport{TLSClientConfig: s.TLS, DisableCompression: true}, Timeout: time.Minute}}
	known := failing(t)
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	passed, still := 0, []string{}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			c, err := loadCase(f)
			if err != nil {
				t.Fatal(err)
			}
			outcomes, err := r.play(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range outcomes {
				id := c.Name + "/" + o.step
				switch {
				case len(o.diffs) == 0:
					passed++
					if known[id] && !*rewrite {
						t.Errorf("%s passes: take it off %s (go test -shrink does)", id, failingFile)
					}
				default:
					still = append(still, id)
					if !known[id] {
						t.Errorf("%s:\n\t%s", id, strings.Join(o.diffs[:min(len(o.diffs), 12)], "\n\t"))
					} else if testing.Verbose() {
						t.Logf("known: %s:\n\t%s", id, strings.Join(o.diffs[:min(len(o.diffs), 12)], "\n\t"))
					}
				}
			}
		})
	}
	t.Logf("%d of %d steps pass", passed, passed+len(still))
	if *rewrite {
		shrink(t, known, still)
	}
}

// shrink writes the list anew without the steps that pass. It never adds one.
func shrink(t *testing.T, known map[string]bool, still []string) {
	t.Helper()
	kept := slices.DeleteFunc(slices.Clone(still), func(id string) bool { return !known[id] })
	slices.Sort(kept)
	head := "# Steps of recorded conversations that do not pass yet. This list only shrinks.\n"
	if err := os.WriteFile(failingFile, []byte(head+strings.Join(slices.Compact(kept), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
