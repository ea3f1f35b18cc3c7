package server

import (
	"runtime"
	"runtime/debug"

	"k8s.io/apimachinery/pkg/version"
)

// The Kubernetes version whose API is served.
const (
	apiMajor, apiMinor = "1", "36"
	apiPatch           = "6"
)

// VersionInfo is what /version says: the Kubernetes version whose API is served,
// and the build it comes from.
func VersionInfo(build string) version.Info {
	v := version.Info{Major: apiMajor, Minor: apiMinor, EmulationMajor: apiMajor, EmulationMinor: apiMinor,
		MinCompatibilityMajor: apiMajor, MinCompatibilityMinor: "35",
		GitVersion:   "v" + apiMajor + "." + apiMinor + "." + apiPatch + "+binnacle" + suffix(build),
		GitTreeState: "clean", BuildDate: "1970-01-01T00:00:00Z",
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.GitCommit = s.Value
			case "vcs.time":
				v.BuildDate = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					v.GitTreeState = "dirty"
				}
			}
		}
	}
	return v
}

func suffix(build string) string {
	if build == "" {
		return ""
	}
	return "." + build
}
