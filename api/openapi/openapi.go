package openapi

import (
	"archive/zip"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// ErrNotFound is returned for a path without a document.
var ErrNotFound = errors.New("no OpenAPI document of that path")

// Form is the form of a document.
type Form string

const (
	JSON Form = ".json"
	// PB is gnostic's protobuf message openapi.v3.Document, or openapi.v2.Document.
	PB Form = ".pb"
)

// V2 is the path of the document of version 2, for Gzip.
const V2 = "v2"

//go:embed documents.zip
var archive string

// directory lists the archive's entries by name.
var directory = sync.OnceValue(func() map[string]*zip.File {
	r, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		panic("openapi: embedded archive: " + err.Error()) // it is part of the program
	}
	files := make(map[string]*zip.File, len(r.File))
	for _, f := range r.File {
		files[f.Name] = f
	}
	return files
})

// Paths lists the documents of version 3 by path ("api/v1", "apis/apps/v1",
// "version"), with the hash of each.
func Paths() map[string]string {
	paths := make(map[string]string, len(directory())/2)
	for name, f := range directory() {
		path, ok := strings.CutPrefix(name, "v3/")
		if path, json := strings.CutSuffix(path, string(JSON)); ok && json {
			paths[path] = f.Comment
		}
	}
	return paths
}

// Document returns the document of version 3 of path as JSON, and its hash.
func Document(path string) (document []byte, hash string, err error) {
	return read("v3/"+path, JSON)
}

// Protobuf returns the document of version 3 of path as protobuf. The hash is
// the same as that of its JSON.
func Protobuf(path string) (document []byte, hash string, err error) {
	return read("v3/"+path, PB)
}

// Version2 returns the document of version 2.
func Version2(form Form) (document []byte, hash string, err error) {
	return read(V2, form)
}

func find(name string, form Form) (*zip.File, error) {
	f, ok := directory()[name+string(form)]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return f, nil
}

func read(name string, form Form) ([]byte, string, error) {
	f, err := find(name, form)
	if err != nil {
		return nil, "", err
	}
	r, err := f.Open()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	document := make([]byte, f.UncompressedSize64)
	if _, err := io.ReadFull(r, document); err != nil {
		return nil, "", err
	}
	return document, f.Comment, nil
}

// Gzip returns a document as a gzip stream, for clients that accept that: path
// is a path of version 3, or V2. It copies the compressed bytes and compresses
// nothing.
func Gzip(path string, form Form) (stream []byte, hash string, err error) {
	if path != V2 {
		path = "v3/" + path
	}
	f, err := find(path, form)
	if err != nil {
		return nil, "", err
	}
	r, err := f.OpenRaw()
	if err != nil {
		return nil, "", err
	}
	const header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" // deflate, no name, no time, best compression
	stream = make([]byte, len(header)+int(f.CompressedSize64), len(header)+int(f.CompressedSize64)+8)
	copy(stream, header)
	if _, err := io.ReadFull(r, stream[len(header):]); err != nil {
		return nil, "", err
	}
	stream = binary.LittleEndian.AppendUint32(stream, f.CRC32)
	stream = binary.LittleEndian.AppendUint32(stream, uint32(f.UncompressedSize64))
	return stream, f.Comment, nil
}

// Schemas decodes the schemas of a document of version 3, by name
// ("io.k8s.api.core.v1.Pod"). References between them begin with
// #/components/schemas/. It takes about 40 ms and 6 MB for api/v1: the caller
// makes what it needs of them and lets them go.
func Schemas(path string) (map[string]*spec.Schema, error) {
	document, _, err := Document(path)
	if err != nil {
		return nil, err
	}
	var parts struct {
		Components struct {
			Schemas map[string]*spec.Schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &parts); err != nil {
		return nil, fmt.Errorf("OpenAPI document %s: %w", path, err)
	}
	return parts.Components.Schemas, nil
}
