package resource

import (
	"regexp"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/check"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// requiredLabel checks a DNS label that must be there.
func requiredLabel(s string, path *field.Path) field.ErrorList {
	if s == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return corevalidation.DNSLabel(s, path)
}

// validateDriver checks the name of a driver: a DNS subdomain that is not long.
func validateDriver(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > resourcev1.DriverNameMaxLength {
		errs = append(errs, field.TooLong(path, name, resourcev1.DriverNameMaxLength))
	}
	return append(errs, corevalidation.DNSSubdomain(name, path)...)
}

// validatePool checks the name of a pool: DNS subdomains between slashes.
func validatePool(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if len(name) > resourcev1.PoolNameMaxLength {
		return field.ErrorList{field.TooLong(path, name, resourcev1.PoolNameMaxLength)}
	}
	var errs field.ErrorList
	for part := range strings.SplitSeq(name, "/") {
		errs = append(errs, check.Messages(path, part, validation.IsDNS1123Subdomain(part))...)
	}
	return errs
}

// validateName checks the name of an attribute or a capacity: a C identifier,
// which a domain may qualify.
func validateName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "name required")}
	}
	domain, id, ok := strings.Cut(name, "/")
	if !ok {
		return validateIdentifier(name, path)
	}
	var errs field.ErrorList
	if domain == "" {
		errs = append(errs, field.Required(path, "the domain must not be empty"))
	} else {
		if len(domain) > resourcev1.DeviceMaxDomainLength {
			errs = append(errs, field.TooLong(path, domain, resourcev1.DeviceMaxDomainLength))
		}
		errs = append(errs, corevalidation.DNSSubdomain(domain, path)...)
	}
	if id == "" {
		return append(errs, field.Required(path, "the name must not be empty"))
	}
	return append(errs, validateIdentifier(id, path)...)
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func validateIdentifier(id string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(id) > resourcev1.DeviceMaxIDLength {
		errs = append(errs, field.TooLong(path, id, resourcev1.DeviceMaxIDLength))
	}
	if !identifier.MatchString(id) {
		errs = append(errs, field.Invalid(path, id, validation.RegexError("a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
			`[A-Za-z_][A-Za-z0-9_]*`, "my_name", "MY_NAME", "MyName")))
	}
	return errs
}

// validateFullName is validateName for a name that must have its domain.
func validateFullName(name string, path *field.Path) field.ErrorList {
	errs := validateName(name, path)
	if !strings.Contains(name, "/") {
		errs = append(errs, field.Invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash"))
	}
	return errs
}

// tooMany checks the length of a list.
func tooMany(n, most int, path *field.Path) field.ErrorList {
	if n > most {
		return field.ErrorList{field.TooMany(path, n, most)}
	}
	return nil
}
