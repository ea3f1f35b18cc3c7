package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/binnacle-io/binnacle"

// layers lists the packages from the top to the bottom. A package may import
// what stands in a line below its own, and nothing else of the module. "x/..."
// is x and what is below it; among themselves, packages of one line may import
// each other only if inside lists them.
var layers = [][]string{
	{"cmd/apiserver"},
	{"pkg/server"},
	{"pkg/rest"},
	{"pkg/auth", "pkg/admission", "pkg/controllers"},
	{"pkg/registry/kinds"},
	{"pkg/registry/*"}, // one package per API group, and what they share
	{"pkg/registry"},
	{"pkg/registry/internal/equal", "pkg/registry/fieldmanager"},
	{"pkg/watchcache"},
	{"pkg/storage/replicated"},
	{"pkg/storage/mvcc", "pkg/storage/storagetest", "pkg/consensus"},
	{"pkg/storage", "pkg/consensus/wal"},
	{"pkg/consensus/vfs"},
	{"api/..."},
	{"manifests"},
}

// inside are the lines whose packages may import each other.
var inside = []string{"pkg/registry/*", "api/..."}

// confined are the modules that only some packages may import, those of the
// product's own parts first: their tests are bound too.
var confined = []struct {
	path string
	in   []string
}{
	{"go.etcd.io/raft/v3", []string{"pkg/consensus/..."}},
	{"go.etcd.io/bbolt", []string{"pkg/storage/mvcc"}},
	{"github.com/go-chi/chi/v5", []string{"pkg/rest"}},
	{"go.etcd.io/etcd/api/v3", []string{"pkg/storage/mvcc"}},
	{"github.com/prometheus/client_golang", []string{"pkg/server"}},
	{"k8s.io/client-go", []string{"test/...", "hack/..."}},
	{"k8s.io/kubectl", []string{"test/...", "hack/..."}},
	{"k8s.io/cli-runtime", []string{"test/...", "hack/..."}},
	{"sigs.k8s.io/controller-runtime", []string{"test/...", "hack/..."}},
	{"k8s.io/kubernetes", nil},
	{"k8s.io/apiserver", nil},
}

// ownParts is how many of confined bind tests too.
const ownParts = 3

// forbidden are pairs within the layers that must not meet although one stands
// above the other.
var forbidden = []struct{ from, to, why string }{
	{"pkg/storage/...", "pkg/consensus/...", "replicated declares the log that it needs"},
	{"pkg/consensus/...", "pkg/storage/...", "bytes in, bytes out"},
	{"pkg/storage/...", "api/...", "the store knows no kinds"},
	{"pkg/consensus/...", "api/...", "the log knows no kinds"},
	{"pkg/watchcache", "api/...", "a view says how to decode"},
	{"pkg/watchcache", "pkg/storage/mvcc", "the contract is enough"},
	{"pkg/watchcache", "pkg/storage/replicated", "the contract is enough"},
	{"pkg/registry/...", "pkg/storage/mvcc", "the contract is enough"},
	{"pkg/registry/...", "pkg/storage/replicated", "the contract is enough"},
	{"pkg/registry/...", "pkg/consensus/...", "the contract is enough"},
	{"pkg/rest", "pkg/storage/...", "the registry is enough"},
	{"pkg/rest", "pkg/consensus/...", "the registry is enough"},
	{"pkg/...", "pkg/storage/storagetest", "it is for tests"},
	{"cmd/...", "pkg/storage/...", "pkg/server is enough"},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Standard     bool
	Module       *struct{ Path string }
}

// name is the path below the module, "." for its root.
func (p *pkg) name() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func list(t *testing.T, args ...string) []*pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports,Standard,Module"}, args...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	var all []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{}
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// under reports whether a package matches a pattern: a path, "path/*" for what
// is below it, or "path/..." for both.
func under(pattern, name string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(name, base+"/")
	}
	return name == pattern
}

func underAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return under(p, name) })
}

// layerOf is the line that a package stands in, and its pattern there: the
// longest that fits.
func layerOf(name string) (line int, pattern string) {
	line = -1
	for i, l := range layers {
		for _, p := range l {
			if under(p, name) && len(p) > len(pattern) {
				line, pattern = i, p
			}
		}
	}
	return line, pattern
}

// outside is for packages that nothing of the product may import, and which may
// import everything.
func outside(name string) bool { return underAny([]string{"test/...", "hack/..."}, name) }

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := p.name()
		if outside(from) {
			continue
		}
		line, pattern := layerOf(from)
		if line < 0 {
			t.Errorf("%s stands in no layer: give it a place", from)
			continue
		}
		for _, path := range p.Imports {
			to, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				continue
			}
			below, its := layerOf(to)
			switch {
			case outside(to):
				t.Errorf("%s imports %s, which is not part of the product", from, to)
			case its == pattern && slices.Contains(inside, pattern):
			case below <= line:
				t.Errorf("%s imports %s, which does not stand below it", from, to)
			}
			for _, f := range forbidden {
				if under(f.from, from) && under(f.to, to) && !strings.HasPrefix(from, "pkg/server") {
					t.Errorf("%s imports %s: %s", from, to, f.why)
				}
			}
		}
	}
}

func TestModulesStayWhereTheyBelong(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		for i, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for j, c := range confined {
				if i >= len(p.Imports) && j >= ownParts {
					continue
				}
				if under(c.path+"/...", path) {
					seen[c.path] = true
					if !underAny(c.in, p.name()) {
						t.Errorf("%s imports %s, which belongs in %v", p.name(), path, c.in)
					}
				}
			}
		}
	}
	for _, c := range confined[:ownParts] {
		if !seen[c.path] {
			t.Errorf("nothing imports %s: this test looks for the wrong path", c.path)
		}
	}
}

func TestStorageContractIsStandardLibraryOnly(t *testing.T) {
	for _, p := range list(t, "-deps", "./pkg/storage", "./pkg/consensus/vfs") {
		if !p.Standard && !under("pkg/storage", p.name()) && !under("pkg/consensus/vfs", p.name()) {
			t.Errorf("it leads to %s", p.ImportPath)
		}
	}
}

// TestBinaryStaysLean looks at everything that the binary is made of, however
// indirectly.
func TestBinaryStaysLean(t *testing.T) {
	heavy := []string{"k8s.io/kubernetes", "k8s.io/apiserver", "k8s.io/client-go", "k8s.io/kubectl", "sigs.k8s.io/controller-runtime",
		"google.golang.org/grpc", "github.com/emicklei/go-restful/v3", "testing"}
	for _, p := range list(t, "-deps", "./cmd/apiserver") {
		for _, h := range heavy {
			if under(h+"/...", p.ImportPath) {
				t.Errorf("the binary contains %s", p.ImportPath)
			}
		}
		if outside(p.name()) && strings.HasPrefix(p.ImportPath, module) {
			t.Errorf("the binary contains %s", p.ImportPath)
		}
	}
}

func TestUnder(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/b/c", false}, {"a/*", "a/b", true}, {"a/*", "a/b/c", true}, {"a/*", "a", false},
		{"a/...", "a", true}, {"a/...", "a/b", true}, {"a/...", "ab", false},
	} {
		if got := under(c.pattern, c.name); got != c.want {
			t.Errorf("under(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
