package main

import (
	"fmt"
	"strings"
)

func namespaceBody(name string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name)
}

func podName(i int) string { return fmt.Sprintf("pod-%06d", i) }

// podBody is a pod of two containers, as a web application has them.
func podBody(i int) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"labels":{"app":"web-%d","pod-template-hash":"7d4b9c6f8d","tier":"frontend","release":"stable"},"annotations":{"checksum/config":"4f1c7ac6f5d0f2d3c4b5a6978877665544332211ffeeddccbbaa998877665544","prometheus.io/scrape":"true","prometheus.io/port":"8080"}},"spec":{"nodeName":"node-%d","serviceAccountName":"default","automountServiceAccountToken":false,"containers":[{"name":"app","image":"registry.example.com/team/app:v1.2.3","command":["/app","--listen=:8080","--log-level=info"],"env":[{"name":"A","value":"1"},{"name":"POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"DB","value":"postgres://db.example.com:5432/app"}],"ports":[{"containerPort":8080,"name":"http"}],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"500m","memory":"256Mi"}},"readinessProbe":{"httpGet":{"path":"/healthz","port":8080}},"volumeMounts":[{"name":"config","mountPath":"/etc/app"},{"name":"tmp","mountPath":"/tmp"}]},{"name":"sidecar","image":"registry.example.com/team/proxy:v4.5.6","args":["--upstream=127.0.0.1:8080"],"resources":{"requests":{"cpu":"50m","memory":"64Mi"}}}],"volumes":[{"name":"config","configMap":{"name":"app-config"}},{"name":"tmp","emptyDir":{}}],"tolerations":[{"key":"dedicated","operator":"Equal","value":"web","effect":"NoSchedule"}]}}`,
		podName(i), i%100, i%50)
}

func configMapName(i int) string { return fmt.Sprintf("cm-%06d", i) }

// configMapBody is a ConfigMap of about 1.2 KB; generation tells its versions apart.
func configMapBody(name, generation string, app int) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"labels":{"app":"web-%d"}},"data":{"gen":%q,"app.yaml":%q}}`,
		name, app, generation, strings.Repeat("key: value\n", 90))
}
