// Command controlplane is etcd, kube-apiserver, kube-controller-manager and kubectl in one file (on
// Linux also kubelet, kube-scheduler and kube-proxy), so that tests and the demo run on a real
// Kubernetes control plane that needs nothing but the Go module proxy.
//
// Which of them it is comes from the name it was started by, as with busybox, or else from the
// first argument. It is one command a process: the Kubernetes commands share process-wide flags.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// commands maps a name to the function that runs it; os.Args is then as if the command stood alone.
var commands = map[string]func() int{
	"etcd":                    runEtcd,
	"kube-apiserver":          cobraCommand(apiserver.NewAPIServerCommand),
	"kube-controller-manager": cobraCommand(controllermanager.NewControllerManagerCommand),
	"kubectl":                 cobraCommand(kubectl.NewDefaultKubectlCommand),
}

func cobraCommand(build func() *cobra.Command) func() int {
	return func() int { return cli.Run(build()) }
}

func main() {
	if run, found := commands[filepath.Base(os.Args[0])]; found {
		os.Exit(run())
	}
	if len(os.Args) > 1 {
		if run, found := commands[os.Args[1]]; found {
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	names := slices.Sorted(maps.Keys(commands))
	fmt.Fprintf(os.Stderr, "usage: %s COMMAND [ARGUMENT]...\ncommands: %s\n",
		filepath.Base(os.Args[0]), strings.Join(names, ", "))
	os.Exit(2)
}
