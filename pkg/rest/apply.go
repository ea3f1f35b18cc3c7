package rest

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/api/codec"
	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

// isApply says that a PATCH is a server-side apply.
func isApply(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && types.PatchType(media) == types.ApplyYAMLPatchType
}

// configuration is the body of a server-side apply.
type configuration struct {
	patch      *unstructured.Unstructured
	force      bool
	duplicates error // keys given twice
	validation codec.Validation
}

// readConfiguration reads the body and the options of a server-side apply.
func (c *call) readConfiguration() (*configuration, error) {
	body, err := c.readBody()
	if err != nil {
		return nil, err
	}
	var opts metav1.PatchOptions
	check := func(o *metav1.PatchOptions) field.ErrorList {
		return metavalidation.ValidatePatchOptions(o, types.ApplyYAMLPatchType)
	}
	if err := options(c, "PatchOptions", &opts, check); err != nil {
		return nil, err
	}
	content, duplicates, err := codec.DecodeConfiguration(body)
	if err != nil {
		return nil, apierrors.NewBadRequest("error decoding YAML: " + err.Error())
	}
	if content == nil {
		content = map[string]any{}
	}
	c.req.DryRun = len(opts.DryRun) > 0
	c.req.FieldManager = opts.FieldManager
	c.baseWarnings = len(c.warnings)
	return &configuration{patch: &unstructured.Unstructured{Object: content}, duplicates: duplicates,
		force: opts.Force != nil && *opts.Force, validation: validation(opts.FieldValidation)}, nil
}

// checkDuplicates refuses or reports keys that were given twice.
func (c *call) checkDuplicates(conf *configuration) error {
	c.warnings = c.warnings[:c.baseWarnings]
	switch {
	case conf.duplicates == nil, conf.validation == codec.Ignore:
	case conf.validation == codec.Strict:
		return apierrors.NewBadRequest(fmt.Sprintf("error strict decoding YAML: %v", conf.duplicates))
	default:
		c.warn(codec.Duplicates(conf.duplicates)...)
	}
	return nil
}

func (c *call) apply(ctx context.Context) error {
	conf, err := c.readConfiguration()
	if err != nil {
		return err
	}
	res, err := c.Registry.Apply(ctx, c.ep, &c.req, c.target.subresource, registry.Configuration{
		Patch: conf.patch, Force: conf.force,
		MayCreate: func() error { return c.mayCreate(ctx) },
		Check: func(obj registry.Object) error {
			if err := c.checkDuplicates(conf); err != nil {
				return err
			}
			return c.checkName(obj)
		},
	})
	if err != nil {
		return err
	}
	return c.written(res)
}

// mayCreate asks whether the user may create what the request would otherwise
// only patch.
func (c *call) mayCreate(ctx context.Context) error {
	return c.authorize(ctx, &auth.Attributes{User: &c.req.User, Verb: "create", Group: c.target.gv.Group, Version: c.target.gv.Version,
		Resource: c.target.resource, Subresource: c.target.subresource, Namespace: c.target.namespace, Name: c.target.name})
}

func (c *call) applyScale(ctx context.Context) error {
	conf, err := c.readConfiguration()
	if err != nil {
		return err
	}
	out, _, err := c.Registry.ApplyScale(ctx, c.ep, &c.req, conf.patch, conf.force, func(scale *autoscalingv1.Scale) error {
		if err := c.checkDuplicates(conf); err != nil {
			return err
		}
		return c.checkName(scale)
	})
	if err != nil {
		return err
	}
	return c.scale(out)
}

// manager is the name under which a write is recorded: the one that the client
// asks for, otherwise what its User-Agent begins with.
func (c *call) manager(asked string) string {
	if asked != "" {
		return asked
	}
	agent, _, _ := strings.Cut(c.r.UserAgent(), "/")
	if name := printable(agent, metavalidation.FieldManagerMaxLength); name != "" {
		return name
	}
	return "unknown"
}

// printable is s without what cannot be printed, cut to at most limit bytes.
func printable(s string, limit int) string {
	plain := len(s) <= limit
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
