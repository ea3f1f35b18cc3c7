package core

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestSecretCreate(t *testing.T) {
	for _, c := range []creates{
		{name: "nothing", body: `{}`, want: `{type: Opaque}`},
		{name: "stringData goes into data and wins", body: `{data: {a: YQ==, b: Yg==}, stringData: {b: override, c: new}}`,
			want: `{data: {a: YQ==, b: b3ZlcnJpZGU=, c: bmV3}, type: Opaque}`},
		{name: "somebody's type", body: `{type: example.com/foo, data: {x: eA==}}`, want: `{type: example.com/foo, data: {x: eA==}}`},
		{name: "tls", body: `{type: kubernetes.io/tls, data: {tls.crt: "", tls.key: ""}}`},
		{name: "tls without anything", body: `{type: kubernetes.io/tls}`, err: "[data[tls.crt]: Required value, data[tls.key]: Required value]"},
		{name: "docker config", body: `{type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{"auths":{}}'}}`},
		{name: "no docker config", body: `{type: kubernetes.io/dockerconfigjson}`, err: "data[.dockerconfigjson]: Required value"},
		{name: "docker config that is none", body: `{type: kubernetes.io/dockercfg, stringData: {.dockercfg: 'x'}}`,
			err: `data[.dockercfg]: Invalid value: "<secret contents redacted>": invalid character 'x' looking for beginning of value`},
		{name: "user", body: `{type: kubernetes.io/basic-auth, stringData: {username: u}}`},
		{name: "neither user nor password", body: `{type: kubernetes.io/basic-auth}`,
			err: "[data[username]: Required value, data[password]: Required value]"},
		{name: "empty ssh key", body: `{type: kubernetes.io/ssh-auth, stringData: {ssh-privatekey: ""}}`, err: "data[ssh-privatekey]: Required value"},
		{name: "token of nobody", body: `{type: kubernetes.io/service-account-token}`,
			err: "metadata.annotations[kubernetes.io/service-account.name]: Required value"},
		{name: "bad key", body: `{stringData: {"a/b": x}}`, err: `data[a/b]: Invalid value: "a/b": ` + badKey},
	} {
		c.run(t, Secrets())
	}
}

func TestSecretTooLong(t *testing.T) {
	s := &corev1.Secret{Data: map[string][]byte{"a": make([]byte, corev1.MaxSecretSize), "b": {0}}}
	if got := text(validateSecret(s)); got != "data: Too long: may not be more than 1048576 bytes" {
		t.Error(got)
	}
}

func TestSecretUpdate(t *testing.T) {
	const frozen = `{data: {a: YQ==}, immutable: true}`
	for _, c := range []updates{
		{name: "data", old: `{data: {a: YQ==}}`, body: `{stringData: {b: b}}`, want: `{data: {b: Yg==}, type: Opaque}`},
		{name: "type", old: `{}`, body: `{type: example.com/x}`, err: `type: Invalid value: "example.com/x": field is immutable`},
		{name: "type left out is Opaque", old: `{type: example.com/x}`, body: `{}`, err: `type: Invalid value: "Opaque": field is immutable`},
		{name: "key taken away", old: `{type: kubernetes.io/tls, data: {tls.crt: "", tls.key: ""}}`,
			body: `{type: kubernetes.io/tls, data: {tls.crt: ""}}`, err: "data[tls.key]: Required value"},
		{name: "frozen", old: frozen, body: `{stringData: {a: b}, immutable: true}`,
			err: "data: Forbidden: field is immutable when `immutable` is set"},
		{name: "thaw", old: frozen, body: `{data: {a: YQ==}, immutable: false}`,
			err: "immutable: Forbidden: field is immutable when `immutable` is set"},
	} {
		c.run(t, Secrets())
	}
}

func TestSecretTable(t *testing.T) {
	rows{"", `{data: {a: YQ==}}`, []any{"x", "Opaque", int64(1), "<age>"}}.run(t, Secrets())
	o := read(t, Secrets(), `{type: example.com/x}`)
	if f := Secrets().Fields[0]; f.Name != "type" || f.Get(o) != "example.com/x" {
		t.Errorf("field %s = %q", f.Name, f.Get(o))
	}
}

func TestSecretWarnings(t *testing.T) {
	r := Secrets()
	bad := read(t, r, `{type: kubernetes.io/tls, data: {tls.crt: YQ==, tls.key: Yg==}}`)
	if got := r.Warnings(bad); !slices.Equal(got, []string{"tls: failed to find any PEM data in certificate input"}) {
		t.Errorf("warnings %q", got)
	}
	if got := r.Warnings(read(t, r, `{}`)); got != nil {
		t.Errorf("warnings %q", got)
	}
}
