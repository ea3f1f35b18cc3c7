package columns

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// OrNone returns s, or <none> when it is empty.
func OrNone(s string) string {
	if s == "" {
		return None
	}
	return s
}

// Labels prints a set of labels, or a selector that is one: "a=b,c=d", or <none>.
func Labels(set map[string]string) string {
	return labels.FormatLabels(set)
}

// Selector prints a label selector: "a=b,c in (d,e)"; <none> when it selects
// everything, <error> when it is not a selector.
func Selector(s *metav1.LabelSelector) string {
	return metav1.FormatLabelSelector(s)
}

// Containers prints the names and the images of containers.
func Containers(containers []corev1.Container) (names, images string) {
	ns, is := make([]string, len(containers)), make([]string, len(containers))
	for i, c := range containers {
		ns[i], is[i] = c.Name, c.Image
	}
	return strings.Join(ns, ","), strings.Join(is, ",")
}

// accessModes are the access modes in the order and the abbreviation in which
// they are printed.
var accessModes = [...]struct {
	mode  corev1.PersistentVolumeAccessMode
	short string
}{
	{corev1.ReadWriteOnce, "RWO"},
	{corev1.ReadOnlyMany, "ROX"},
	{corev1.ReadWriteMany, "RWX"},
	{corev1.ReadWriteOncePod, "RWOP"},
}

// AccessModes prints volume access modes: "RWO,RWX".
func AccessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var out []string
	for _, m := range accessModes {
		if slices.Contains(modes, m.mode) {
			out = append(out, m.short)
		}
	}
	return strings.Join(out, ",")
}

// Some joins the first max of items, "a,b,c + 2 more...", or <none>.
func Some(items []string, max int) string {
	if len(items) == 0 {
		return None
	}
	if len(items) <= max {
		return strings.Join(items, ",")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(items[:max], ","), len(items)-max)
}
