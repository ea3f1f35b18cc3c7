package server

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// writeKubeconfig writes a kubeconfig with the admin's certificate in it, for
// the server at url.
func writeKubeconfig(path, url string, p *pki, pkiDir string) error {
	key, err := os.ReadFile(filepath.Join(pkiDir, "admin.key"))
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.admin.cert.Raw})
	// The types of client-go would bring its whole client machinery along.
	doc := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "binnacle", "preferences": map[string]any{},
		"clusters": []any{map[string]any{"name": "binnacle", "cluster": map[string]any{
			"server": url, "certificate-authority-data": p.caPEM}}},
		"users": []any{map[string]any{"name": "kubernetes-admin", "user": map[string]any{
			"client-certificate-data": cert, "client-key-data": key}}},
		"contexts": []any{map[string]any{"name": "binnacle", "context": map[string]any{
			"cluster": "binnacle", "user": "kubernetes-admin"}}},
	}
	b, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	if err := writeFile(path, b, 0o600); err != nil {
		return fmt.Errorf("writing the admin's kubeconfig: %w", err)
	}
	return nil
}
