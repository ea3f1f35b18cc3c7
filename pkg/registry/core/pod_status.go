package core

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilnet "k8s.io/utils/net"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// preparePodStatus keeps what a node's agent does not decide, and what an agent
// that knows fewer fields would lose.
func preparePodStatus(_ *registry.Request, obj, old *corev1.Pod) {
	obj.OwnerReferences = old.OwnerReferences
	obj.DeletionTimestamp = old.DeletionTimestamp
	is, was := &obj.Status, &old.Status
	is.QOSClass = was.QOSClass
	if is.ObservedGeneration == 0 {
		is.ObservedGeneration = was.ObservedGeneration
	}
	for i := range is.Conditions {
		c := &is.Conditions[i]
		if before := podCondition(was, c.Type); before != nil && c.ObservedGeneration == 0 {
			c.ObservedGeneration = before.ObservedGeneration
		}
	}
}

// podCondition finds a condition; nil: there is none.
func podCondition(s *corev1.PodStatus, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

// setPodCondition puts a condition in place of that of its type. A condition
// that keeps its status keeps the time since when it has it.
func setPodCondition(s *corev1.PodStatus, c corev1.PodCondition, now metav1.Time) {
	c.LastTransitionTime = now
	have := podCondition(s, c.Type)
	if have == nil {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if have.Status == c.Status {
		c.LastTransitionTime = have.LastTransitionTime
	}
	*have = c
}

func validatePodStatus(obj, old *corev1.Pod) field.ErrorList {
	errs := validatePodAnnotations(obj, old)
	path, is := field.NewPath("status"), &obj.Status
	for i, c := range is.Conditions {
		at := path.Child("conditions").Index(i)
		if c.ObservedGeneration < 0 {
			errs = append(errs, field.Invalid(at.Child("observedGeneration"), c.ObservedGeneration, "must be a non-negative integer"))
		}
		errs = append(errs, metav1validation.ValidateLabelName(string(c.Type), at.Child("type"))...)
	}
	if n := is.NominatedNodeName; n != "" {
		for _, msg := range validation.IsDNS1123Subdomain(n) {
			errs = append(errs, field.Invalid(path.Child("nominatedNodeName"), n, msg))
		}
	}
	if g := is.ObservedGeneration; g < 0 {
		errs = append(errs, field.Invalid(path.Child("observedGeneration"), g, "must be a non-negative integer"))
	}
	// A container keeps its end where the pod's policy does not start it again.
	errs = append(errs, validateTransitions(obj, is.ContainerStatuses, old.Status.ContainerStatuses, obj.Spec.Containers, path.Child("containerStatuses"))...)
	errs = append(errs, validateTransitions(obj, is.InitContainerStatuses, old.Status.InitContainerStatuses, obj.Spec.InitContainers, path.Child("initContainerStatuses"))...)
	errs = append(errs, validateClaimStatuses(obj, path.Child("resourceClaimStatuses"))...)
	errs = append(errs, validatePodIPs(is, path.Child("podIPs"))...)
	return append(errs, validateHostIPs(is, path.Child("hostIPs"))...)
}

func validateTransitions(p *corev1.Pod, now, were []corev1.ContainerStatus, specs []corev1.Container, path *field.Path) (errs field.ErrorList) {
	if p.Spec.RestartPolicy == corev1.RestartPolicyAlways || len(were) == 0 {
		return nil
	}
	own := make(map[string]bool, len(specs)) // containers with a policy of their own
	for i := range specs {
		own[specs[i].Name] = specs[i].RestartPolicy != nil || len(specs[i].RestartPolicyRules) > 0
	}
	running := make(map[string]bool, len(now))
	for i := range now {
		running[now[i].Name] = now[i].State.Terminated == nil
	}
	for i := range were {
		t := were[i].State.Terminated
		switch {
		case t == nil || own[were[i].Name]:
		case t.ExitCode != 0 && p.Spec.RestartPolicy == corev1.RestartPolicyOnFailure:
		case running[were[i].Name]:
			errs = append(errs, field.Forbidden(path.Index(i).Child("state"), "may not be transitioned to non-terminated state"))
		}
	}
	return errs
}

func validateClaimStatuses(p *corev1.Pod, path *field.Path) (errs field.ErrorList) {
	if len(p.Status.ResourceClaimStatuses) == 0 {
		return nil
	}
	known := make(map[string]bool, len(p.Spec.ResourceClaims))
	for _, c := range p.Spec.ResourceClaims {
		known[c.Name] = true
	}
	seen := map[string]bool{}
	for i, s := range p.Status.ResourceClaimStatuses {
		at := path.Index(i)
		switch {
		case seen[s.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), s.Name))
		case !known[s.Name]:
			errs = append(errs, field.Invalid(at.Child("name"), s.Name, "must match the name of an entry in `spec.resourceClaims`"))
		}
		seen[s.Name] = true
		if n := s.ResourceClaimName; n != nil {
			for _, msg := range validation.IsDNS1123Subdomain(*n) {
				errs = append(errs, field.Invalid(at.Child("resourceClaimName"), *n, msg))
			}
		}
	}
	return errs
}

func validatePodIPs(s *corev1.PodStatus, path *field.Path) (errs field.ErrorList) {
	ips := make([]string, len(s.PodIPs))
	for i := range s.PodIPs {
		ips[i] = s.PodIPs[i].IP
	}
	return validateIPs(ips, podspec.Shown(s.PodIPs), path)
}

func validateHostIPs(s *corev1.PodStatus, path *field.Path) (errs field.ErrorList) {
	if len(s.HostIPs) == 0 {
		return nil
	}
	if s.HostIP != s.HostIPs[0].IP {
		errs = append(errs, field.Invalid(path.Index(0).Child("ip"), s.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	ips := make([]string, len(s.HostIPs))
	for i := range s.HostIPs {
		ips[i] = s.HostIPs[i].IP
	}
	return append(errs, validateIPs(ips, podspec.Shown(s.HostIPs), path)...)
}

// validateIPs: addresses, at most one of each family, no two alike.
func validateIPs(ips []string, shown any, path *field.Path) (errs field.ErrorList) {
	for i, ip := range ips {
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip, false, nil)...)
	}
	if len(ips) < 2 {
		return errs
	}
	if dual, err := utilnet.IsDualStackIPStrings(ips); err != nil {
		errs = append(errs, field.InternalError(path, fmt.Errorf("failed to check for dual stack with error: %w", err)))
	} else if !dual || len(ips) > 2 {
		errs = append(errs, field.Invalid(path, shown, "may specify no more than one IP for each IP family"))
	}
	for i, ip := range ips {
		if slices.Contains(ips[:min(i, 2)], ip) {
			errs = append(errs, field.Duplicate(path.Index(i), ip))
		}
	}
	return errs
}

// changedKeys are the keys of old that obj lacks or has with another value, sorted.
func changedKeys(old, obj map[string]string) (keys []string) {
	for k, v := range old {
		if now, has := obj[k]; !has || now != v {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// addedKeys are the keys of obj that old lacks, sorted.
func addedKeys(obj, old map[string]string) (keys []string) {
	for k := range obj {
		if _, had := old[k]; !had {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
