// Command kubectl is kubectl, built from its own module, for the tests: so that
// they need nothing but Go.
package main

import (
	"flag"

	"k8s.io/klog/v2"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	command := cmd.NewDefaultKubectlCommand()
	command.SilenceErrors, command.SilenceUsage = true, true // CheckErr prints
	logging := flag.NewFlagSet("logging", flag.ContinueOnError)
	klog.InitFlags(logging)
	command.PersistentFlags().AddGoFlagSet(logging) // -v
	if err := command.Execute(); err != nil {
		util.CheckErr(err)
	}
}
