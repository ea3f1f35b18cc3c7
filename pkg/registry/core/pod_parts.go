package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/equal"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// prepareEphemeralContainers lets nothing through but ephemeral containers.
func prepareEphemeralContainers(_ *registry.Request, obj, old *corev1.Pod) {
	asked, managed := obj.Spec.EphemeralContainers, obj.ManagedFields
	old.DeepCopyInto(obj)
	obj.Spec.EphemeralContainers, obj.ManagedFields = asked, managed
	podspec.DropUnserved(&obj.Spec)
}

// validateEphemeralContainers: they may be added; what is there stays.
func validateEphemeralContainers(obj, old *corev1.Pod) field.ErrorList {
	errs := podspec.ValidatePod(obj, false)
	if isMirrorPod(old) {
		return append(errs, field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers"))
	}
	now := make(map[string]*corev1.EphemeralContainer, len(obj.Spec.EphemeralContainers))
	for i := range obj.Spec.EphemeralContainers {
		c := &obj.Spec.EphemeralContainers[i]
		now[c.Name] = c
	}
	path := field.NewPath("spec", "ephemeralContainers")
	for i := range old.Spec.EphemeralContainers {
		was := &old.Spec.EphemeralContainers[i]
		switch is := now[was.Name]; {
		case is == nil:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", was.Name)))
		case !equality.Semantic.DeepEqual(is, was):
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n%s", was.Name, podspec.Diff(was, is))))
		}
	}
	return errs
}

// isMirrorPod reports whether the pod is the image of one that a node runs by itself.
func isMirrorPod(p *corev1.Pod) bool {
	_, ok := p.Annotations[podspec.MirrorAnnotation]
	return ok
}

// prepareResize lets nothing through but the resources of containers that are
// there. When others come or go it leaves that for validateResize to refuse.
func prepareResize(_ *registry.Request, obj, old *corev1.Pod) {
	if !sameContainers(obj.Spec.Containers, old.Spec.Containers) || !sameContainers(obj.Spec.InitContainers, old.Spec.InitContainers) {
		return
	}
	asked, managed := obj.Spec, obj.ManagedFields
	old.DeepCopyInto(obj)
	obj.ManagedFields = managed
	resized := func(to, from []corev1.Container) {
		for i := range to {
			to[i].Resources, to[i].ResizePolicy = from[i].Resources, from[i].ResizePolicy
		}
	}
	resized(obj.Spec.Containers, asked.Containers)
	resized(obj.Spec.InitContainers, asked.InitContainers)
	obj.Spec.Resources = asked.Resources
}

func sameContainers(a, b []corev1.Container) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}

func validateResize(obj, old *corev1.Pod) field.ErrorList {
	errs := podspec.ValidatePod(obj, false)
	spec := field.NewPath("spec")
	switch {
	case isMirrorPod(old):
		return append(errs, field.Forbidden(field.NewPath(""), "static pods cannot be resized"))
	case old.Spec.OS != nil && old.Spec.OS.Name == corev1.Windows:
		return append(errs, field.Forbidden(field.NewPath(""), "windows pods cannot be resized"))
	case !sameContainers(obj.Spec.Containers, old.Spec.Containers):
		return append(errs, field.Forbidden(spec.Child("containers"), "containers may not be added or removed on resize"))
	case !sameContainers(obj.Spec.InitContainers, old.Spec.InitContainers):
		return append(errs, field.Forbidden(spec.Child("initContainers"), "initContainers may not be added or removed on resize"))
	}
	if podspec.QOSClass(&obj.Spec) != old.Status.QOSClass {
		errs = append(errs, field.Invalid(spec, old.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	errs = append(errs, validateContainersResized(obj.Spec.Containers, old.Spec.Containers, spec.Child("containers"), false)...)
	errs = append(errs, validateContainersResized(obj.Spec.InitContainers, old.Spec.InitContainers, spec.Child("initContainers"), true)...)
	if obj.Spec.Resources != nil && old.Spec.Resources != nil {
		errs = append(errs, validateKept(obj.Spec.Resources, old.Spec.Resources, spec.Child("resources"))...)
	}
	return append(errs, validateOnlyResized(obj, old, spec)...)
}

func validateContainersResized(now, were []corev1.Container, path *field.Path, init bool) (errs field.ErrorList) {
	for i := range now {
		at, is, was := path.Index(i), &now[i], &were[i]
		if equality.Semantic.DeepEqual(is.Resources, was.Resources) {
			continue
		}
		if init && (was.RestartPolicy == nil || *was.RestartPolicy != corev1.ContainerRestartPolicyAlways) {
			errs = append(errs, field.Forbidden(at.Child("resources"), "only sidecar containers can be resized"))
			continue
		}
		errs = append(errs, validateKept(&is.Resources, &was.Resources, at.Child("resources"))...)
	}
	return errs
}

// validateKept: amounts may change, but none that was stated may go.
func validateKept(is, was *corev1.ResourceRequirements, path *field.Path) (errs field.ErrorList) {
	if lost(is.Limits, was.Limits) {
		errs = append(errs, field.Forbidden(path.Child("limits"), "resource limits cannot be removed"))
	}
	if lost(is.Requests, was.Requests) {
		errs = append(errs, field.Forbidden(path.Child("requests"), "resource requests cannot be removed"))
	}
	return errs
}

func lost(is, was corev1.ResourceList) bool {
	for name := range was {
		if _, has := is[name]; !has {
			return true
		}
	}
	return false
}

// validateOnlyResized: of the resources only processor and memory can be resized.
func validateOnlyResized(obj, old *corev1.Pod, spec *field.Path) field.ErrorList {
	kept := obj.Spec.DeepCopy()
	undo := func(to, from *corev1.ResourceRequirements) {
		to.Limits, to.Requests = unresized(to.Limits, from.Limits), unresized(to.Requests, from.Requests)
	}
	for i := range kept.Containers {
		undo(&kept.Containers[i].Resources, &old.Spec.Containers[i].Resources)
		kept.Containers[i].ResizePolicy = old.Spec.Containers[i].ResizePolicy
	}
	for i := range kept.InitContainers {
		undo(&kept.InitContainers[i].Resources, &old.Spec.InitContainers[i].Resources)
		kept.InitContainers[i].ResizePolicy = old.Spec.InitContainers[i].ResizePolicy
	}
	if kept.Resources != nil && old.Spec.Resources != nil {
		undo(kept.Resources, old.Spec.Resources)
	}
	if equal.Semantic(kept, &old.Spec) {
		return nil
	}
	return field.ErrorList{field.Forbidden(spec, "only cpu and memory resources are mutable\n"+podspec.Diff(old.Spec, *kept))}
}

// unresized is list with the amounts of processor and memory taken from old.
func unresized(list, old corev1.ResourceList) corev1.ResourceList {
	list = list.DeepCopy()
	for _, name := range [...]corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		delete(list, name)
		if q, had := old[name]; had {
			if list == nil {
				list = corev1.ResourceList{}
			}
			list[name] = q
		}
	}
	return list
}
