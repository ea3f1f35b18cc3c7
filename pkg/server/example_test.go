package server_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/binnacle-io/binnacle/pkg/server"
)

// A server inside a program, and a client of it. Without AnyPort it serves on
// the port that Config.SecurePort names, 6443 by default.
func Example() {
	dir, err := os.MkdirTemp("", "binnacle")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	s, err := server.New(server.Config{DataDir: filepath.Join(dir, "data"), AnyPort: true})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		log.Fatal(err)
	}

	if err := namespaces(ctx, s.Kubeconfig()); err != nil {
		log.Print(err)
	}

	stop()
	if err := <-ended; err != nil { // everything acknowledged is on disk
		log.Print(err)
	}
	// Output:
	// default
	// kube-node-lease
	// kube-public
	// kube-system
}

func namespaces(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, ns := range list.Items {
		fmt.Println(ns.Name)
	}
	return nil
}
