package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of generateName, as in k8s.io/apiserver/pkg/storage/names.
const (
	generatedSuffix  = 5
	maxGenerateBase  = 63 - generatedSuffix
	generateAttempts = 8
)

// Create stores a new object. obj is the caller's and is changed. The object
// has been decoded and defaulted.
func (g *Registry) Create(ctx context.Context, e *Endpoint, r *Request, obj Object) (*Result, error) {
	if err := e.trackCreate(r, obj); err != nil {
		return nil, storeError(err)
	}
	if e.Create != nil {
		out, err := e.Kind.Create(ctx, r, obj)
		if err != nil {
			return nil, err
		}
		return &Result{Object: out, Created: true}, nil
	}
	generated := obj.GetName() == "" && obj.GetGenerateName() != ""
	for attempt := 1; ; attempt++ {
		try := obj
		if generated && attempt < generateAttempts {
			try = copyOf(obj)
		}
		if generated {
			base := obj.GetGenerateName()
			if len(base) > maxGenerateBase {
				base = base[:maxGenerateBase]
			}
			try.SetName(base + rand.String(generatedSuffix))
		}
		res, err := g.create(ctx, e, r, try)
		if !generated || !apierrors.IsAlreadyExists(err) {
			return res, err
		}
		if attempt == generateAttempts {
			return nil, generateNameConflict(e, try.GetName())
		}
	}
}

func generateNameConflict(e *Endpoint, name string) error {
	return apierrors.NewGenerateNameConflict(e.ServedResource(), name, 1)
}

// create is one attempt of Create.
func (g *Registry) create(ctx context.Context, e *Endpoint, r *Request, obj Object) (*Result, error) {
	if err := g.namespaceTakes(ctx, e, r.Namespace, obj.GetName()); err != nil {
		return nil, err
	}
	e.prepareCreate(r, obj)
	if errs := e.validateCreate(obj); len(errs) > 0 {
		return nil, apierrors.NewInvalid(e.StoredKind().GroupKind(), obj.GetName(), errs)
	}
	if rev, err := parseVersion(obj.GetResourceVersion()); err == nil && rev != 0 {
		return nil, PlainError("resourceVersion should not be set on objects to be created")
	}
	value, err := e.encode(obj)
	if err != nil {
		return nil, storeError(err)
	}
	namespace, name := obj.GetNamespace(), obj.GetName()
	if r.DryRun {
		cur, err := g.current(ctx, e, namespace, name, true)
		if err != nil {
			return nil, err
		}
		if cur != nil {
			return nil, g.alreadyExists(ctx, e, namespace, name)
		}
		return &Result{Object: obj, Created: true}, nil
	}
	res, err := g.put(ctx, e, e.key(namespace, name), 0, obj, value)
	if err == nil && res == nil {
		return nil, g.alreadyExists(ctx, e, namespace, name)
	}
	return res, err
}

// alreadyExists is the answer to a create whose name is taken.
func (g *Registry) alreadyExists(ctx context.Context, e *Endpoint, namespace, name string) error {
	err := apierrors.NewAlreadyExists(e.ServedResource(), name)
	if cur, cerr := g.current(ctx, e, namespace, name, true); cerr == nil && cur != nil {
		if obj, derr := e.Decode(cur); derr == nil && obj.GetDeletionTimestamp() != nil {
			err.ErrStatus.Message = "object is being deleted: " + err.ErrStatus.Message
		}
	}
	return err
}

// namespaceTakes refuses objects of a namespace that is missing or going away.
// What the cache says is good enough for a yes.
func (g *Registry) namespaceTakes(ctx context.Context, e *Endpoint, namespace, name string) error {
	if !e.Namespaced || g.namespaces == nil {
		return nil
	}
	if rev := g.namespaceWrite.Load(); rev > g.caches.Revision() {
		if err := g.caches.Wait(ctx, rev); err != nil {
			return storeError(err)
		}
	}
	for _, fresh := range []bool{false, true} {
		o, err := g.current(ctx, g.namespaces, "", namespace, fresh)
		if err != nil {
			return err
		}
		if o == nil {
			continue
		}
		if phase := o.Field(g.namespaces.fields.labels["status.phase"]); phase == string(corev1.NamespaceTerminating) {
			return namespaceTerminating(e, namespace, name)
		}
		return nil
	}
	return apierrors.NewNotFound(corev1.Resource("namespaces"), namespace)
}

func namespaceTerminating(e *Endpoint, namespace, name string) error {
	err := apierrors.NewForbidden(e.ServedResource(), name,
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", namespace))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type:    corev1.NamespaceTerminatingCause,
		Message: fmt.Sprintf("namespace %s is being terminated", namespace),
		Field:   "metadata.namespace",
	})
	return err
}

// prepareCreate takes from a client what it may not set, and fills in the rest.
func (e *Endpoint) prepareCreate(r *Request, obj Object) {
	obj.SetNamespace("")
	if e.Namespaced {
		obj.SetNamespace(r.Namespace)
	}
	wipeSystemFields(obj)
	obj.SetUID(types.UID(uuid.NewString()))
	obj.SetCreationTimestamp(r.Now)
	if e.Spec != nil {
		obj.SetGeneration(1)
	}
	if e.Status != nil && !e.KeepStatusOnCreate {
		e.clearStatus(obj)
	}
	if e.Prepare != nil {
		e.Prepare(r, obj)
	}
	dropRepeatedOwners(obj)
}

// dropRepeatedOwners keeps the first of equal owner references.
func dropRepeatedOwners(obj Object) {
	refs := obj.GetOwnerReferences()
	if len(refs) < 2 {
		return
	}
	seen := make(map[types.UID]int, len(refs))
	kept := refs[:0:0]
	for _, ref := range refs {
		if i, ok := seen[ref.UID]; ok && sameOwner(kept[i], ref) {
			continue
		}
		seen[ref.UID] = len(kept)
		kept = append(kept, ref)
	}
	if len(kept) < len(refs) {
		obj.SetOwnerReferences(kept)
	}
}

func sameOwner(a, b metav1.OwnerReference) bool {
	eq := func(x, y *bool) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	return a.APIVersion == b.APIVersion && a.Kind == b.Kind && a.Name == b.Name && a.UID == b.UID &&
		eq(a.Controller, b.Controller) && eq(a.BlockOwnerDeletion, b.BlockOwnerDeletion)
}

func (e *Endpoint) validateCreate(obj Object) field.ErrorList {
	errs := e.validateMeta(obj)
	if e.Validate != nil {
		errs = append(errs, e.Validate(obj)...)
	}
	return errs
}

// validateMeta checks the metadata of an object.
func (e *Endpoint) validateMeta(obj Object) field.ErrorList {
	path := field.NewPath("metadata")
	errs := validation.ValidateObjectMetaAccessor(obj, e.Namespaced, e.nameValidator(), path)
	for i, f := range obj.GetFinalizers() {
		errs = append(errs, validateFinalizer(f, path.Child("finalizers").Index(i))...)
	}
	return errs
}

// standardFinalizers may do without a domain.
var standardFinalizers = []string{string(corev1.FinalizerKubernetes), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents}

func validateFinalizer(name string, path *field.Path) field.ErrorList {
	if !strings.Contains(name, "/") && !slices.Contains(standardFinalizers, name) {
		return field.ErrorList{field.Invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")}
	}
	return nil
}

func (e *Endpoint) nameValidator() validation.ValidateNameFunc {
	if e.ValidateName != nil {
		return e.ValidateName
	}
	return validation.NameIsDNSSubdomain
}
