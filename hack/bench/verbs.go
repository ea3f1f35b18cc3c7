package main

import (
	"context"
	"fmt"
	"net/http"
)

const jsonType = "application/json"

func createPods(ctx context.Context, b *bench) result {
	return b.repeat(ctx, b.n, b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "POST", path: b.path("pods"), contentType: jsonType, body: podBody(i), want: http.StatusCreated})
	})
}

func createConfigMaps(ctx context.Context, b *bench) result {
	return b.repeat(ctx, b.n, b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "POST", path: b.path("configmaps"), contentType: jsonType,
			body: configMapBody(configMapName(i), "0", i%100), want: http.StatusCreated})
	})
}

func getPods(ctx context.Context, b *bench) result {
	return b.repeat(ctx, b.n, b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "GET", path: b.path("pods/" + podName(i)), want: http.StatusOK})
	})
}

// listPods lists all pods in one form, one list after the other.
func listPods(accept, query string) phase {
	return func(ctx context.Context, b *bench) result {
		return b.repeat(ctx, b.lists, 1, func(w, _ int) (int64, error) {
			return b.do(ctx, w, request{method: "GET", path: b.path("pods") + query, accept: accept, want: http.StatusOK})
		})
	}
}

// listers is how many clients list at a time where lists are short.
const listers = 4

// listSelected selects one pod in a hundred by label and field.
func listSelected(ctx context.Context, b *bench) result {
	return b.repeat(ctx, 10*b.lists, listers, func(w, i int) (int64, error) {
		query := fmt.Sprintf("?labelSelector=app%%3Dweb-%d&fieldSelector=spec.nodeName%%3Dnode-%d", i%100, i%50)
		return b.do(ctx, w, request{method: "GET", path: b.path("pods") + query, accept: jsonType, want: http.StatusOK})
	})
}

func listPage(ctx context.Context, b *bench) result {
	return b.repeat(ctx, 10*b.lists, listers, func(w, _ int) (int64, error) {
		return b.do(ctx, w, request{method: "GET", path: b.path("pods?limit=500"), accept: jsonType, want: http.StatusOK})
	})
}

func updateConfigMaps(ctx context.Context, b *bench) result {
	return b.repeat(ctx, b.n, b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "PUT", path: b.path("configmaps/" + configMapName(i)), contentType: jsonType,
			body: configMapBody(configMapName(i), "1", i%100), want: http.StatusOK})
	})
}

func patchPods(ctx context.Context, b *bench) result {
	return b.repeat(ctx, b.n, b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "PATCH", path: b.path("pods/" + podName(i)), contentType: "application/strategic-merge-patch+json",
			body: []byte(`{"metadata":{"labels":{"patched":"yes"}}}`), want: http.StatusOK})
	})
}

// applyConfigMaps takes over by server-side apply what was created before.
func applyConfigMaps(ctx context.Context, b *bench) result {
	return b.repeat(ctx, max(b.n/4, 1), b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "PATCH", path: b.path("configmaps/"+configMapName(i)) + "?fieldManager=bench&force=true",
			contentType: "application/apply-patch+yaml", body: configMapBody(configMapName(i), "2", i%100), want: http.StatusOK})
	})
}

func deletePods(ctx context.Context, b *bench) result {
	return b.repeat(ctx, b.n, b.c, func(w, i int) (int64, error) {
		return b.do(ctx, w, request{method: "DELETE", path: b.path("pods/"+podName(i)) + "?gracePeriodSeconds=0", want: http.StatusOK})
	})
}
