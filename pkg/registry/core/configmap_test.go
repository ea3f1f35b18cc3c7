package core

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const badKey = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

func TestConfigMapCreate(t *testing.T) {
	for _, c := range []creates{
		{name: "nothing", body: `{}`, want: `{}`},
		{name: "everything", body: `{data: {a: "1"}, binaryData: {b: AAE=}, immutable: false}`,
			want: `{data: {a: "1"}, binaryData: {b: AAE=}, immutable: false}`},
		{name: "bad key", body: `{data: {a b: "1"}}`, err: `data[a b]: Invalid value: "a b": ` + badKey},
		{name: "parent directory", body: `{data: {"..": "1"}}`, err: `data[..]: Invalid value: "..": must not be '..'`},
		{name: "parent prefix", body: `{binaryData: {"..a": AA==}}`, err: `binaryData[..a]: Invalid value: "..a": must not start with '..'`},
		{name: "one key twice", body: `{data: {a: "1"}, binaryData: {a: AA==}}`,
			err: `data[a]: Invalid value: "a": duplicate of key present in binaryData`},
		{name: "several at once, in order", body: `{data: {"c d": "1", "a b": "1"}}`,
			err: `[data[a b]: Invalid value: "a b": ` + badKey + `, data[c d]: Invalid value: "c d": ` + badKey + `]`},
		{name: "the most there may be", body: `{data: {a: "` + strings.Repeat("x", corev1.MaxSecretSize) + `"}}`},
		{name: "too much", body: `{data: {a: "` + strings.Repeat("x", corev1.MaxSecretSize) + `", b: x}}`,
			err: "[]: Too long: may not be more than 1048576 bytes"},
	} {
		c.run(t, ConfigMaps())
	}
}

func TestConfigMapUpdate(t *testing.T) {
	const frozen = `{data: {a: "1"}, binaryData: {b: AA==}, immutable: true}`
	for _, c := range []updates{
		{name: "data", old: `{data: {a: "1"}}`, body: `{data: {a: "2"}}`, want: `{data: {a: "2"}}`},
		{name: "freeze", old: `{data: {a: "1"}}`, body: `{data: {a: "2"}, immutable: true}`},
		{name: "labels of a frozen one", old: frozen, body: `{metadata: {labels: {x: y}}, data: {a: "1"}, binaryData: {b: AA==}, immutable: true}`},
		{name: "frozen data", old: frozen, body: `{data: {a: "2"}, binaryData: {b: AA==}, immutable: true}`,
			err: "data: Forbidden: field is immutable when `immutable` is set"},
		{name: "frozen binary data", old: frozen, body: `{data: {a: "1"}, immutable: true}`,
			err: "binaryData: Forbidden: field is immutable when `immutable` is set"},
		{name: "thaw", old: frozen, body: `{data: {a: "1"}, binaryData: {b: AA==}}`,
			err: "immutable: Forbidden: field is immutable when `immutable` is set"},
	} {
		c.run(t, ConfigMaps())
	}
}

func TestConfigMapCells(t *testing.T) {
	rows{"", `{data: {a: "1", b: "2"}, binaryData: {c: AA==}}`, []any{"x", int64(3), "<age>"}}.run(t, ConfigMaps())
}
