package fieldmanager

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Scale carries the ownership of the number of replicas between an object and
// its Scale. The zero Scale has nothing to carry.
type Scale struct {
	Entries      []metav1.ManagedFieldsEntry // of the object
	GroupVersion schema.GroupVersion         // of the object
	Replicas     []string                    // where the object has them: spec, replicas
}

func (s Scale) handler() *managedfields.ScaleHandler {
	parts := make([]any, len(s.Replicas))
	for i, name := range s.Replicas {
		parts[i] = name
	}
	return managedfields.NewScaleHandler(s.Entries, s.GroupVersion, managedfields.ResourcePathMappings{
		s.GroupVersion.String(): fieldpath.MakePathOrDie(parts...)})
}

// ToScale returns the entries of the Scale: those of the object's that own the
// replicas. An object whose entries cannot be read has none.
func (s Scale) ToScale() []metav1.ManagedFieldsEntry {
	if len(s.Entries) == 0 {
		return nil
	}
	entries, err := s.handler().ToSubresource()
	if err != nil {
		return nil
	}
	return entries
}

// FromScale returns the object's entries after its Scale's became what they are.
func (s Scale) FromScale(scale []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	if len(s.Entries) == 0 && len(scale) == 0 {
		return nil
	}
	entries, err := s.handler().ToParent(scale)
	if err != nil {
		return s.Entries
	}
	return entries
}
