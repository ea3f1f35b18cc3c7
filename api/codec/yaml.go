package codec

import (
	"bytes"
	"errors"

	goyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// maxExpansion bounds what the aliases of a YAML document may make of it, in
// bytes of strings and nodes. The parser bounds the number of aliased nodes, but
// a long string costs no more there than a short one, and is written out in full
// wherever it is referred to.
const maxExpansion = 16 << 20

var errAliases = errors.New("yaml: document contains excessive aliasing")

// yamlToJSON turns the first document of data into JSON. duplicates is the error
// about duplicate keys, which a lax decoder ignores.
func yamlToJSON(data []byte) (asJSON []byte, duplicates, err error) {
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
	return asJSON, strict, err
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
