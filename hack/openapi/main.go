// Command openapi writes api/openapi/documents.zip: the OpenAPI documents of
// everything that is served.
//
//	go run ./hack/openapi
//
// It works in two steps. The first runs kube-openapi's openapi-gen over the Go
// types, which yields Go code that describes them. The second, hack/openapi/build,
// is compiled together with that code, adds the paths, and writes the documents.
// The generated code is 10 MB and lives in a temporary directory only: the
// compiler gets to see it through an overlay.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages hold the types that are described: those of api.Scheme and what they
// refer to.
var packages = []string{
	"k8s.io/api/admissionregistration/v1",
	"k8s.io/api/apps/v1",
	"k8s.io/api/authentication/v1",
	"k8s.io/api/authorization/v1",
	"k8s.io/api/autoscaling/v1",
	"k8s.io/api/autoscaling/v2",
	"k8s.io/api/batch/v1",
	"k8s.io/api/certificates/v1",
	"k8s.io/api/coordination/v1",
	"k8s.io/api/core/v1",
	"k8s.io/api/discovery/v1",
	"k8s.io/api/events/v1",
	"k8s.io/api/flowcontrol/v1",
	"k8s.io/api/networking/v1",
	"k8s.io/api/node/v1",
	"k8s.io/api/policy/v1",
	"k8s.io/api/rbac/v1",
	"k8s.io/api/resource/v1",
	"k8s.io/api/scheduling/v1",
	"k8s.io/api/storage/v1",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1",
	"k8s.io/apimachinery/pkg/api/resource",
	"k8s.io/apimachinery/pkg/apis/meta/v1",
	"k8s.io/apimachinery/pkg/runtime",
	"k8s.io/apimachinery/pkg/util/intstr",
	"k8s.io/apimachinery/pkg/version",
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/v1",
}

const (
	definitionsPackage = "github.com/binnacle-io/binnacle/hack/openapi/definitions"
	generated          = "zz_generated.openapi.go"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("openapi: ")
	out := flag.String("out", "api/openapi/documents.zip", "the file to write")
	flag.Parse()
	if err := generate(*out); err != nil {
		log.Fatal(err)
	}
}

func generate(out string) error {
	dir, err := os.MkdirTemp("", "openapi-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	version, err := moduleVersion("k8s.io/kube-openapi")
	if err != nil {
		return err
	}
	args := append([]string{"run", "k8s.io/kube-openapi/cmd/openapi-gen@" + version,
		"--output-dir", dir, "--output-pkg", definitionsPackage, "--output-file", generated,
		"--report-filename", filepath.Join(dir, "violations")}, packages...)
	if err := run("go", args...); err != nil {
		return fmt.Errorf("describing the types: %w", err)
	}
	overlay, err := writeOverlay(dir)
	if err != nil {
		return err
	}
	return run("go", "run", "-overlay", overlay, "./hack/openapi/build", "-out", out)
}

// writeOverlay puts the generated code and the file that links it into the
// package definitions, as the compiler sees it.
func writeOverlay(dir string) (string, error) {
	link := filepath.Join(dir, "link.go")
	code := "package definitions\n\nfunc init() { Get = GetOpenAPIDefinitions }\n"
	if err := os.WriteFile(link, []byte(code), 0o600); err != nil {
		return "", err
	}
	root, err := filepath.Abs("hack/openapi/definitions")
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(root, generated): filepath.Join(dir, generated),
		filepath.Join(root, "link.go"): link,
	}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, overlay, 0o600)
}

// moduleVersion is the version of a module that go.mod selects.
func moduleVersion(module string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
	return strings.TrimSpace(string(out)), err
}

func run(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
