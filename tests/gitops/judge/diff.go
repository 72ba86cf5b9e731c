package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	openapi "github.com/google/gnostic-models/openapiv2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/util/proto"
)

// The name under which Argo CD applies.
const manager = "argocd-controller"

type question struct {
	// What is in Git.
	Config *unstructured.Unstructured `json:"config"`
	// What is in the cluster.
	Live *unstructured.Unstructured `json:"live"`
	// What the apiserver answers to a server-side apply of Config that is not carried out.
	Predicted json.RawMessage `json:"predicted"`
	// Path of the apiserver's /openapi/v2 as JSON.
	Schema string `json:"schema"`
}

// dryRun is the answer of an apiserver that was asked before.
type dryRun string

func (answer dryRun) Run(context.Context, *unstructured.Unstructured, string) (string, error) {
	return string(answer), nil
}

func compare() error {
	asked := question{}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	parser, err := types(asked.Schema)
	if err != nil {
		return err
	}
	ways := map[string][]diff.Option{
		"threeWay":        {},
		"structuredMerge": {diff.WithStructuredMergeDiff(true), diff.WithGVKParser(parser), diff.WithManager(manager)},
		"serverSide": {
			diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(dryRun(asked.Predicted)),
			diff.WithGVKParser(parser), diff.WithManager(manager),
		},
	}
	answer := map[string]any{}
	for name, options := range ways {
		result, err := diff.Diff(asked.Config.DeepCopy(), asked.Live.DeepCopy(), options...)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		answer[name] = map[string]any{
			"modified":  result.Modified,
			"live":      json.RawMessage(result.NormalizedLive),
			"predicted": json.RawMessage(result.PredictedLive),
		}
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func types(path string) (*managedfields.GvkParser, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	document, err := openapi.ParseDocument(text)
	if err != nil {
		return nil, err
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		return nil, err
	}
	return managedfields.NewGVKParser(models, false)
}
