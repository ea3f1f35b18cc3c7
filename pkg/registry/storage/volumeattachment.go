package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

const maxMetadataSize = 256 << 10

func volumeAttachments() *registry.Resource {
	doc := storagev1.VolumeAttachmentSpec{}.SwaggerDoc()
	attacher := columns.Text("Attacher", doc["attacher"])
	attacher.Format = "name"
	return registry.Define(registry.Kind[*storagev1.VolumeAttachment]{
		Group: group, Version: version, Kind: "VolumeAttachment",
		Resource: "volumeattachments",
		Columns: []registry.Column{
			columns.Name(),
			attacher,
			columns.Text("PV", storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"]),
			columns.Text("Node", doc["nodeName"]),
			columns.Boolean("Attached", storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"]),
			columns.Age(),
		},
		Cells: func(a *storagev1.VolumeAttachment) []any {
			volume := ""
			if a.Spec.Source.PersistentVolumeName != nil {
				volume = *a.Spec.Source.PersistentVolumeName
			}
			return []any{a.Name, a.Spec.Attacher, volume, a.Spec.NodeName, a.Status.Attached, columns.Created(a)}
		},
		Validate: validateAttachment,
		ValidateUpdate: func(obj, old *storagev1.VolumeAttachment) field.ErrorList {
			if equality.Semantic.DeepEqual(obj.Spec, old.Spec) {
				return nil
			}
			return field.ErrorList{field.Invalid(field.NewPath("spec"), check.Shown(obj.Spec), "field is immutable")}
		},
		Status:          func(a *storagev1.VolumeAttachment) any { return &a.Status },
		IgnoredByStatus: []string{"metadata", "spec"},
		PrepareStatus: func(_ *registry.Request, obj, old *storagev1.VolumeAttachment) {
			metav1.ResetObjectMetaForStatus(obj, old)
		},
		ValidateStatus: func(obj, _ *storagev1.VolumeAttachment) field.ErrorList {
			return validateAttachmentMetadata(obj.Status.AttachmentMetadata, field.NewPath("status", "attachmentMetadata"))
		},
		ReturnDeleted:             true,
		RefuseUnconditionalUpdate: true,
	})
}

func validateAttachment(a *storagev1.VolumeAttachment) field.ErrorList {
	path, s := field.NewPath("spec"), &a.Spec
	errs := validateDriverName(s.Attacher, path.Child("attacher"))
	errs = append(errs, validateAttachmentSource(&s.Source, path.Child("source"))...)
	return append(errs, corevalidation.DNSSubdomain(s.NodeName, path.Child("nodeName"))...)
}

func validateAttachmentSource(s *storagev1.VolumeAttachmentSource, path *field.Path) field.ErrorList {
	switch {
	case s.InlineVolumeSpec == nil && s.PersistentVolumeName == nil:
		return field.ErrorList{field.Required(path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")}
	case s.InlineVolumeSpec != nil && s.PersistentVolumeName != nil:
		return field.ErrorList{field.Forbidden(path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")}
	case s.PersistentVolumeName != nil && *s.PersistentVolumeName == "":
		return field.ErrorList{field.Required(path.Child("persistentVolumeName"), "must specify non empty persistentVolumeName")}
	case s.InlineVolumeSpec != nil && s.InlineVolumeSpec.CSI == nil:
		return field.ErrorList{field.Required(path.Child("inlineVolumeSpec", "csi"), "must specify csi source")}
	}
	return nil
}

func validateAttachmentMetadata(m map[string]string, path *field.Path) field.ErrorList {
	size := 0
	for k, v := range m {
		size += len(k) + len(v)
	}
	if size > maxMetadataSize {
		return field.ErrorList{field.TooLong(path, "", maxMetadataSize)}
	}
	return nil
}
