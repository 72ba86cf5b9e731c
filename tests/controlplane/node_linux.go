package main

import (
	"context"

	"github.com/spf13/cobra"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// The commands of a node. They are in a file of their own because kubelet and kube-proxy only build
// on Linux.
func init() {
	commands["kubelet"] = cobraCommand(func() *cobra.Command {
		return kubelet.NewKubeletCommand(context.Background())
	})
	// NewSchedulerCommand is variadic, so it is no func() *cobra.Command by itself.
	commands["kube-scheduler"] = cobraCommand(func() *cobra.Command {
		return scheduler.NewSchedulerCommand()
	})
	commands["kube-proxy"] = cobraCommand(proxy.NewProxyCommand)
}
