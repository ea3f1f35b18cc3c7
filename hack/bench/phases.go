package main

import (
	"context"
)

// phase is one kind of load.
type phase func(context.Context, *bench) result

// phases in the order in which they build on each other.
var phaseOrder = []struct {
	name string
	run  phase
}{
	{"create-pods", createPods},
	{"create-configmaps", createConfigMaps},
	{"get", getPods},
	{"list-json", listPods("application/json", "")},
	{"list-proto", listPods("application/vnd.kubernetes.protobuf", "?resourceVersion=0")},
	{"list-selector", listSelected},
	{"list-page", listPage},
	{"table", listPods("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "")},
	{"update", updateConfigMaps},
	{"patch", patchPods},
	{"apply", applyConfigMaps},
	{"watch", watchFanOut},
	{"delete", deletePods},
}

func phaseNames() []string {
	var names []string
	for _, p := range phaseOrder {
		names = append(names, p.name)
	}
	return names
}

var phases = func() map[string]phase {
	m := map[string]phase{}
	for _, p := range phaseOrder {
		m[p.name] = p.run
	}
	return m
}()
