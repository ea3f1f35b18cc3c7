package resource

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

func resourceSlices() *registry.Resource {
	spec := resourcev1.ResourceSliceSpec{}.SwaggerDoc()
	return registry.Define(registry.Kind[*resourcev1.ResourceSlice]{
		Group: group, Version: version, Kind: "ResourceSlice",
		Resource: "resourceslices",
		Fields: []registry.Field[*resourcev1.ResourceSlice]{
			{Name: resourcev1.ResourceSliceSelectorNodeName, Get: nodeName},
			{Name: resourcev1.ResourceSliceSelectorDriver, Get: func(s *resourcev1.ResourceSlice) string { return s.Spec.Driver }},
		},
		// The kubelet and the drivers of every node watch their own.
		WatchField: resourcev1.ResourceSliceSelectorNodeName,
		Columns: []registry.Column{
			columns.Name(),
			columns.Text("Node", spec["nodeName"]),
			columns.Text("Driver", spec["driver"]),
			columns.Text("Pool", resourcev1.ResourcePool{}.SwaggerDoc()["name"]),
			columns.Age(),
		},
		Cells: func(s *resourcev1.ResourceSlice) []any {
			return []any{s.Name, nodeName(s), s.Spec.Driver, s.Spec.Pool.Name, columns.Created(s)}
		},
		Prepare:       func(r *registry.Request, s *resourcev1.ResourceSlice) { stampTaints(r.Now, s) },
		PrepareUpdate: func(r *registry.Request, obj, _ *resourcev1.ResourceSlice) { stampTaints(r.Now, obj) },
		Validate:      validateSlice,
		ValidateUpdate: func(obj, old *resourcev1.ResourceSlice) field.ErrorList {
			path := field.NewPath("spec")
			errs := check.Immutable(obj.Spec.Driver, old.Spec.Driver, path.Child("driver"))
			errs = append(errs, check.Immutable(obj.Spec.Pool.Name, old.Spec.Pool.Name, path.Child("pool", "name"))...)
			if obj.Spec.NodeName != nil || old.Spec.NodeName != nil {
				errs = append(errs, check.Immutable(nodeName(obj), nodeName(old), path.Child("nodeName"))...)
			}
			return errs
		},
		Spec:          func(s *resourcev1.ResourceSlice) any { return &s.Spec },
		ReturnDeleted: true,
	})
}

func nodeName(s *resourcev1.ResourceSlice) string {
	if s.Spec.NodeName == nil {
		return ""
	}
	return *s.Spec.NodeName
}

// stampTaints fills in since when a device is tainted.
func stampTaints(now metav1.Time, s *resourcev1.ResourceSlice) {
	for i := range s.Spec.Devices {
		taints := s.Spec.Devices[i].Taints
		for k := range taints {
			if taints[k].TimeAdded == nil {
				taints[k].TimeAdded = now.DeepCopy()
			}
		}
	}
}

func validateSlice(s *resourcev1.ResourceSlice) field.ErrorList {
	path, spec := field.NewPath("spec"), &s.Spec
	errs := validateDriver(spec.Driver, path.Child("driver"))
	errs = append(errs, validatePool(spec.Pool.Name, path.Child("pool", "name"))...)
	if spec.Pool.ResourceSliceCount <= 0 {
		errs = append(errs, field.Invalid(path.Child("pool", "resourceSliceCount"), spec.Pool.ResourceSliceCount, "must be greater than zero"))
	}
	if spec.Pool.Generation < 0 {
		errs = append(errs, field.Invalid(path.Child("pool", "generation"), spec.Pool.Generation, "must be greater than or equal to zero"))
	}
	errs = append(errs, validateNodes(spec, path)...)
	devices := path.Child("devices")
	errs = append(errs, tooMany(len(spec.Devices), resourcev1.ResourceSliceMaxDevices, devices)...)
	seen := map[string]bool{}
	for i := range spec.Devices {
		d, at := &spec.Devices[i], devices.Index(i)
		errs = append(errs, validateDevice(d, at)...)
		if seen[d.Name] {
			errs = append(errs, field.Duplicate(at, d.Name))
		}
		seen[d.Name] = true
	}
	return errs
}

// validateNodes checks that a slice says in exactly one way which nodes can use
// its devices.
func validateNodes(s *resourcev1.ResourceSliceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var set []string
	if s.NodeName != nil {
		set = append(set, "`nodeName`")
		errs = append(errs, check.RequiredSubdomain(*s.NodeName, path.Child("nodeName"))...)
	}
	if s.NodeSelector != nil {
		set = append(set, "`nodeSelector`")
		errs = append(errs, corevalidation.NodeSelector(s.NodeSelector, path.Child("nodeSelector"))...)
		if len(s.NodeSelector.NodeSelectorTerms) != 1 {
			errs = append(errs, field.Invalid(path.Child("nodeSelector", "nodeSelectorTerms"), s.NodeSelector.NodeSelectorTerms, "must have exactly one node selector term"))
		}
	}
	if isTrue(s.AllNodes, path.Child("allNodes"), &errs) {
		set = append(set, "`allNodes`")
	}
	if isTrue(s.PerDeviceNodeSelection, path.Child("perDeviceNodeSelection"), &errs) {
		set = append(set, "`perDeviceNodeSelection`")
	}
	const exactlyOne = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	switch len(set) {
	case 0:
		errs = append(errs, field.Required(path, exactlyOne))
	case 1:
	default:
		errs = append(errs, field.Invalid(path, "{"+strings.Join(set, ", ")+"}", exactlyOne+", but multiple fields are set"))
	}
	return errs
}

// isTrue reports whether a flag is set, which must not be set to false.
func isTrue(b *bool, path *field.Path, errs *field.ErrorList) bool {
	if b == nil {
		return false
	}
	if !*b {
		*errs = append(*errs, field.Invalid(path, *b, "must be either unset or set to true"))
	}
	return *b
}

func validateDevice(d *resourcev1.Device, path *field.Path) field.ErrorList {
	errs := requiredLabel(d.Name, path.Child("name"))
	if n := len(d.Attributes) + len(d.Capacity); n > resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice {
		errs = append(errs, field.Invalid(path, n, "the total number of attributes and capacities must not exceed 32"))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		at := path.Child("attributes").Key(string(name))
		errs = append(errs, validateName(string(name), at)...)
		a := d.Attributes[name]
		errs = append(errs, validateAttribute(&a, at)...)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Capacity)) {
		errs = append(errs, validateName(string(name), path.Child("capacity").Key(string(name)))...)
	}
	taints := path.Child("taints")
	errs = append(errs, tooMany(len(d.Taints), resourcev1.DeviceTaintsMaxLength, taints)...)
	for i, t := range d.Taints {
		at := taints.Index(i)
		errs = append(errs, corevalidation.QualifiedName(t.Key, at.Child("key"))...)
		errs = append(errs, check.Messages(at.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
		errs = append(errs, validateEffect(t.Effect, at.Child("effect"))...)
	}
	return errs
}

var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

func validateAttribute(a *resourcev1.DeviceAttribute, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := 0
	for _, set := range []bool{a.IntValue != nil, a.BoolValue != nil, a.StringValue != nil, a.VersionValue != nil,
		len(a.IntValues) > 0, len(a.BoolValues) > 0, len(a.StringValues) > 0, len(a.VersionValues) > 0} {
		if set {
			n++
		}
	}
	if a.StringValue != nil {
		errs = append(errs, validateText(*a.StringValue, path.Child("string"))...)
	}
	for i, s := range a.StringValues {
		errs = append(errs, validateText(s, path.Child("strings").Index(i))...)
	}
	if a.VersionValue != nil {
		errs = append(errs, validateVersion(*a.VersionValue, path.Child("version"))...)
	}
	for i, v := range a.VersionValues {
		errs = append(errs, validateVersion(v, path.Child("versions").Index(i))...)
	}
	switch {
	case n == 0:
		errs = append(errs, field.Required(path, "exactly one value must be specified"))
	case n > 1:
		errs = append(errs, field.Invalid(path, check.Shown(a), "exactly one value must be specified"))
	}
	return errs
}

func validateText(s string, path *field.Path) field.ErrorList {
	if len(s) > resourcev1.DeviceAttributeMaxValueLength {
		return field.ErrorList{field.TooLong(path, s, resourcev1.DeviceAttributeMaxValueLength)}
	}
	return nil
}

func validateVersion(v string, path *field.Path) field.ErrorList {
	errs := validateText(v, path)
	if !semver.MatchString(v) {
		errs = append(errs, field.Invalid(path, v, "must be a string compatible with semver.org spec 2.0.0"))
	}
	return errs
}
