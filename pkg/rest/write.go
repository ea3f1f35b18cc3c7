package rest

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	listscheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

// options decodes the query into an options type and checks it.
func options[T runtime.Object](c *call, kind string, into T, check func(T) field.ErrorList) error {
	if len(c.query) > 0 {
		if err := listscheme.ParameterCodec.DecodeParameters(c.query, metav1.SchemeGroupVersion, into); err != nil {
			return apierrors.NewBadRequest(err.Error())
		}
	}
	return invalidOptions(kind, check(into))
}

func invalidOptions(kind string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: kind}, "", errs)
}

func (c *call) create(ctx context.Context) error {
	m, err := bodyMedium(c.r)
	if err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	var opts metav1.CreateOptions
	if err := options(c, "CreateOptions", &opts, metavalidation.ValidateCreateOptions); err != nil {
		return err
	}
	obj, err := c.decodeObject(body, m, validation(opts.FieldValidation))
	if err != nil {
		return err
	}
	if err := c.checkNamespace(obj); err != nil {
		return err
	}
	c.req.DryRun = len(opts.DryRun) > 0
	c.req.FieldManager = c.manager(opts.FieldManager)
	c.req.Name = obj.GetName()
	res, err := c.Registry.Create(ctx, c.ep, &c.req, obj)
	if err != nil {
		return err
	}
	c.kindWarnings(res.Object)
	return c.object(http.StatusCreated, resultItem(c.ep, res))
}

func (c *call) kindWarnings(obj registry.Object) {
	if c.ep.Warnings != nil {
		c.warn(c.ep.Warnings(obj)...)
	}
}

func (c *call) update(ctx context.Context) error {
	m, err := bodyMedium(c.r)
	if err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	var opts metav1.UpdateOptions
	if err := options(c, "UpdateOptions", &opts, metavalidation.ValidateUpdateOptions); err != nil {
		return err
	}
	obj, err := c.decodeObject(body, m, validation(opts.FieldValidation))
	if err != nil {
		return err
	}
	if err := c.checkName(obj); err != nil {
		return err
	}
	c.req.DryRun = len(opts.DryRun) > 0
	c.req.FieldManager = c.manager(opts.FieldManager)
	res, err := c.Registry.Update(ctx, c.ep, &c.req, c.target.subresource, func(registry.Object) (registry.Object, error) {
		return obj.DeepCopyObject().(registry.Object), nil
	})
	if err != nil {
		return err
	}
	return c.written(res)
}

// checkName compares a body's name and namespace with the URL's.
func (c *call) checkName(obj metav1.Object) error {
	if err := c.checkNamespace(obj); err != nil {
		return err
	}
	switch name := obj.GetName(); {
	case name == "":
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", c.target.name))
	case name != c.target.name:
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", name, c.target.name))
	}
	return nil
}

// written answers an update or patch.
func (c *call) written(res *registry.Result) error {
	if c.target.subresource == "" {
		c.kindWarnings(res.Object)
	}
	code := http.StatusOK
	if res.Created {
		code = http.StatusCreated
	}
	return c.object(code, resultItem(c.ep, res))
}
