package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha512"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// file is an entry of the archive. The forms of one document have the same hash,
// that of its JSON, so that clients can name the document whatever the form.
type file struct {
	name string
	data []byte
	hash string
}

func forms(name string, json, protobuf []byte) []file {
	hash := fmt.Sprintf("%X", sha512.Sum512(json))
	return []file{{name + ".json", json, hash}, {name + ".pb", protobuf, hash}}
}

// write writes the archive: each document compressed by itself, so that a server
// can hand out one without touching the others, with the document's hash as its comment.
// The same input gives the same bytes.
func write(out string, files []file) error {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	size := 0
	for _, f := range files {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Comment: f.hash})
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
		size += len(f.data)
	}
	if err := w.Close(); err != nil {
		return err
	}
	fmt.Printf("%d documents, %d bytes, %d compressed\n", len(files), size, b.Len())
	return os.WriteFile(out, b.Bytes(), 0o644)
}
