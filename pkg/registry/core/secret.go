package core

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// Secrets is the Secret kind.
func Secrets() *registry.Resource {
	doc := corev1.Secret{}.SwaggerDoc()
	return registry.Define(registry.Kind[*corev1.Secret]{
		Version: "v1", Kind: "Secret",
		Resource: "secrets", Namespaced: true,
		Fields: []registry.Field[*corev1.Secret]{
			{Name: "type", Get: func(s *corev1.Secret) string { return string(s.Type) }},
		},
		Columns: []registry.Column{columns.Name(), columns.Text("Type", doc["type"]),
			columns.Text("Data", doc["data"]), columns.Age()},
		Cells:          secretCells,
		Default:        defaultSecret,
		Validate:       validateSecret,
		ValidateUpdate: validateSecretUpdate,
		Warnings:       secretWarnings,
	})
}

func secretCells(s *corev1.Secret) []any {
	return []any{s.Name, string(s.Type), int64(len(s.Data)), columns.Created(s)}
}

// defaultSecret also folds stringData, which is for writing only, into data.
func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

func validateSecret(s *corev1.Secret) (errs field.ErrorList) {
	data := field.NewPath("data")
	size := 0
	for _, k := range slices.Sorted(maps.Keys(s.Data)) {
		errs = append(errs, dataKey(k, data)...)
		size += len(s.Data[k])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(data, "", corev1.MaxSecretSize))
	}
	return append(errs, validateSecretType(s, data)...)
}

// validateSecretType checks what the well-known types promise of the data.
func validateSecretType(s *corev1.Secret, data *field.Path) (errs field.ErrorList) {
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		// The data is filled in later, by the controller that makes the token.
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		errs = requiredJSON(s, corev1.DockerConfigKey, data)
	case corev1.SecretTypeDockerConfigJson:
		errs = requiredJSON(s, corev1.DockerConfigJsonKey, data)
	case corev1.SecretTypeBasicAuth:
		_, user := s.Data[corev1.BasicAuthUsernameKey]
		_, password := s.Data[corev1.BasicAuthPasswordKey]
		if !user && !password {
			errs = append(errs, field.Required(data.Key(corev1.BasicAuthUsernameKey), ""),
				field.Required(data.Key(corev1.BasicAuthPasswordKey), ""))
		}
	case corev1.SecretTypeSSHAuth:
		if len(s.Data[corev1.SSHAuthPrivateKey]) == 0 {
			errs = append(errs, field.Required(data.Key(corev1.SSHAuthPrivateKey), ""))
		}
	case corev1.SecretTypeTLS:
		for _, k := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
			if _, ok := s.Data[k]; !ok {
				errs = append(errs, field.Required(data.Key(k), ""))
			}
		}
	}
	return errs
}

func requiredJSON(s *corev1.Secret, key string, data *field.Path) field.ErrorList {
	value, ok := s.Data[key]
	if !ok {
		return field.ErrorList{field.Required(data.Key(key), "")}
	}
	var config map[string]any
	if err := json.Unmarshal(value, &config); err != nil {
		// The value itself is secret.
		return field.ErrorList{field.Invalid(data.Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}

func validateSecretUpdate(obj, old *corev1.Secret) field.ErrorList {
	errs := validation.ValidateImmutableField(obj.Type, old.Type, field.NewPath("type"))
	if !isTrue(old.Immutable) {
		return errs
	}
	if !isTrue(obj.Immutable) {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableMessage))
	}
	if !equality.Semantic.DeepEqual(obj.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), immutableMessage))
	}
	return errs
}

// secretWarnings tells who stores a certificate that no server could use.
func secretWarnings(s *corev1.Secret) []string {
	if s.Type != corev1.SecretTypeTLS {
		return nil
	}
	if _, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return []string{err.Error()}
	}
	return nil
}
