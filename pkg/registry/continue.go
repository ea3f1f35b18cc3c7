package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// continueToken says where a list goes on: at which revision and from which key
// below the listed prefix. Revision -1 goes on with the newest state. The form
// is kube-apiserver's, so that a client may take a token from one to the other.
type continueToken struct {
	Version  string `json:"v"`
	Revision int64  `json:"rv"`
	Start    string `json:"start"`
}

const continueVersion = "meta.k8s.io/v1"

// maxContinue bounds the token: a key is at most 253+253+2 bytes.
const maxContinue = 4096

func encodeContinue(t continueToken) string {
	t.Version = continueVersion
	b, err := json.Marshal(t)
	if err != nil { // strings and integers always marshal
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeContinue reads a token that came from outside. Its errors are shown to
// the client behind "invalid continue token: ".
func decodeContinue(s string) (continueToken, error) {
	var t continueToken
	if len(s) > maxContinue {
		return t, errors.New("continue key is not valid: it is too long")
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return t, fmt.Errorf("continue key is not valid: %v", err)
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return t, fmt.Errorf("continue key is not valid: %v", err)
	}
	if t.Version != continueVersion {
		return t, fmt.Errorf("continue key is not valid: server does not recognize this encoded version %s", t.Version)
	}
	if t.Revision == 0 {
		return t, errors.New("continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
	}
	if t.Start == "" {
		return t, errors.New("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)")
	}
	// A cleaned path that differs could lead out of the listed prefix.
	key := t.Start
	if !strings.HasPrefix(key, "/") {
		key = "/" + key
	}
	if cleaned := path.Clean(key); cleaned != key {
		return t, fmt.Errorf("continue key is not valid: %s", t.Start)
	}
	return t, nil
}
