package codec

import (
	"bytes"
	"context"
	"errors"
	"strings"

	goyaml "go.yaml.in/yaml/v2"
	"golang.org/x/sync/semaphore"
	"sigs.k8s.io/yaml"
)

// maxExpansion bounds what the aliases of a YAML document may make of it, in
// bytes of strings and nodes. The parser bounds the number of aliased nodes, but
// a long string costs no more there than a short one, and is written out in full
// wherever it is referred to.
const maxExpansion = 16 << 20

// yamlRoom bounds how many bytes of YAML are parsed at a time, over all requests:
// the parser takes 100 bytes for one, and the largest body alone some seconds.
var yamlRoom = semaphore.NewWeighted(yamlTogether)

const yamlTogether = 3 << 20

// maxDuplicates is how many duplicate keys are told, as many as JSON's decoder tells.
const maxDuplicates = 100

var errAliases = errors.New("yaml: document contains excessive aliasing")

// yamlToJSON turns the first document of data into JSON. duplicates is the error
// about duplicate keys, which a lax decoder ignores.
func yamlToJSON(data []byte) (asJSON []byte, duplicates, err error) {
	room := int64(min(len(data), yamlTogether))
	if err := yamlRoom.Acquire(context.Background(), room); err != nil {
		return nil, nil, err // cannot be: that context does not end
	}
	defer yamlRoom.Release(room)
	if bytes.IndexByte(data, '&') >= 0 && bytes.IndexByte(data, '*') >= 0 {
		if err := checkAliases(data); err != nil {
			return nil, nil, err
		}
	}
	asJSON, strict := yaml.YAMLToJSONStrict(data)
	if strict == nil {
		return asJSON, nil, nil
	}
	asJSON, err = yaml.YAMLToJSON(data)
	return asJSON, shorten(strict), err
}

// shorten cuts an error of one line per duplicate key.
func shorten(err error) error {
	text := err.Error()
	lines := 0
	for i := range len(text) {
		if text[i] == '\n' {
			if lines++; lines > maxDuplicates {
				return errors.New(strings.Clone(text[:i]))
			}
		}
	}
	return err
}

// checkAliases measures a document that may have aliases. Decoding shares the
// strings that are referred to, so that it is cheap where writing is not.
func checkAliases(data []byte) error {
	var doc any
	if err := goyaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	room := maxExpansion
	if !measure(doc, &room) {
		return errAliases
	}
	return nil
}

// measure takes the size of v out of room; false when it is used up.
func measure(v any, room *int) bool {
	*room -= 4
	switch v := v.(type) {
	case string:
		*room -= len(v)
	case []any:
		for _, e := range v {
			if !measure(e, room) {
				return false
			}
		}
	case map[any]any:
		for k, e := range v {
			if !measure(k, room) || !measure(e, room) {
				return false
			}
		}
	}
	return *room >= 0
}
