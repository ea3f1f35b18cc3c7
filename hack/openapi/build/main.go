// Command build is the second step of hack/openapi: it adds the paths to the
// generated description of the types and writes the OpenAPI documents.
package main

import (
	"flag"
	"fmt"
	"log"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/binnacle-io/binnacle/hack/openapi/definitions"
)

// release is the Kubernetes release whose API is described.
const release = "1.36"

func main() {
	log.SetFlags(0)
	log.SetPrefix("openapi: ")
	out := flag.String("out", "", "the file to write")
	flag.Parse()
	if definitions.Get == nil {
		log.Fatal("the types are not described; run go run ./hack/openapi")
	}
	if err := build(*out); err != nil {
		log.Fatal(err)
	}
}

func build(out string) error {
	docs, err := documents()
	if err != nil {
		return err
	}
	var files []file
	for _, d := range docs {
		data, err := buildV3(&d)
		if err != nil {
			return fmt.Errorf("%s: %w", d.path, err)
		}
		pb, err := protobufV3(data)
		if err != nil {
			return fmt.Errorf("%s: protobuf: %w", d.path, err)
		}
		files = append(files, forms("v3/"+d.path, data, pb)...)
	}
	data, err := buildV2(docs)
	if err != nil {
		return fmt.Errorf("version 2: %w", err)
	}
	pb, err := protobufV2(data)
	if err != nil {
		return fmt.Errorf("version 2: protobuf: %w", err)
	}
	files = append(files, forms("v2", data, pb)...)
	return write(out, files)
}

// namerOf names the types in a document and says which kinds they are.
func namerOf(path string) func(string) (string, spec.Extensions) {
	kinds := kindsFor(path)
	return func(name string) (string, spec.Extensions) {
		name = friendly(name)
		if gvks := kinds[name]; gvks != nil {
			return name, spec.Extensions{"x-kubernetes-group-version-kind": gvks}
		}
		return name, nil
	}
}

// friendly turns a Go package path and type into a name: k8s.io/api/core/v1.Pod
// into io.k8s.api.core.v1.Pod. Most types bring such a name along.
func friendly(name string) string {
	parts := strings.Split(name, "/")
	if len(parts) < 2 {
		return name
	}
	domain := strings.Split(parts[0], ".")
	for i, j := 0, len(domain)-1; i < j; i, j = i+1, j-1 {
		domain[i], domain[j] = domain[j], domain[i]
	}
	return strings.Join(append(domain, parts[1:]...), ".")
}
