// Command kubectl is kubectl, built from its own module, for the tests: so that
// they need nothing but Go.
package main

import (
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	command := cmd.NewDefaultKubectlCommand()
	command.SilenceErrors, command.SilenceUsage = true, true // CheckErr prints
	if err := command.Execute(); err != nil {
		util.CheckErr(err)
	}
}
