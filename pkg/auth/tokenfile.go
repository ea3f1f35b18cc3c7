package auth

import (
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// TokenFile takes the bearer tokens of a file in kube-apiserver's form: a line
// each of token,user,uid and optionally "group1,group2".
type TokenFile struct {
	// users by the hash of their token, so that a look-up takes no time that
	// depends on how much of a token was guessed.
	users map[[sha256.Size]byte]*registry.User
}

// LoadTokenFile reads a token file. Errors name the file and the line.
func LoadTokenFile(path string) (*TokenFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--token-auth-file: %w", err)
	}
	defer f.Close()
	t, err := parseTokens(f)
	if err != nil {
		return nil, fmt.Errorf("--token-auth-file %s: %w", path, err)
	}
	return t, nil
}

func parseTokens(r io.Reader) (*TokenFile, error) {
	t := &TokenFile{users: map[[sha256.Size]byte]*registry.User{}}
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		if len(rec) < 3 {
			return nil, fmt.Errorf("line %d has %d columns, need token,user,uid[,groups]", line, len(rec))
		}
		if rec[0] == "" {
			return nil, fmt.Errorf("line %d has an empty token", line)
		}
		user := &registry.User{Name: rec[1], UID: rec[2]}
		if len(rec) > 3 && rec[3] != "" {
			for _, g := range strings.Split(rec[3], ",") {
				user.Groups = append(user.Groups, strings.TrimSpace(g))
			}
		}
		user.Groups = withAuthenticated(user.Groups)
		t.users[sha256.Sum256([]byte(rec[0]))] = user
	}
}

func (t *TokenFile) Authenticate(r *http.Request) (*registry.User, error) {
	token, ok := bearer(r)
	if !ok {
		return nil, nil
	}
	if user := t.User(token); user != nil {
		return user, nil
	}
	return nil, fmt.Errorf("%w: unknown bearer token", ErrInvalidCredentials)
}

// User returns the user of a token, nil for a token that is nobody's.
func (t *TokenFile) User(token string) *registry.User {
	return t.users[sha256.Sum256([]byte(token))]
}

// NoTokens refuses bearer tokens where none are known: a request that brings
// credentials must not pass as one without.
type NoTokens struct{}

func (NoTokens) Authenticate(r *http.Request) (*registry.User, error) {
	if _, ok := bearer(r); ok {
		return nil, fmt.Errorf("%w: this server knows no bearer tokens", ErrInvalidCredentials)
	}
	return nil, nil
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	token = strings.TrimSpace(token)
	return token, token != ""
}
