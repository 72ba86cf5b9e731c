// judge says what Argo CD and Flux make of objects of ours, by their own code.
//
//	judge kstatus                    objects, one a line of JSON → {"status", "message"} a line, by the library
//	                                 that Flux waits with, and Helm
//	judge health SCRIPT              the same by Argo CD's engine with a health.lua
//	judge actions SCRIPT             object → the actions that a discovery.lua offers
//	judge action SCRIPT              object → the object after an action.lua, and the patch that Argo CD would send
//	judge diff                       {"config", "live", "predicted", "schema"} → which of Argo CD's three ways of
//	                                 comparing would call them different
//
// Input is on standard input, the answer on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type object = *unstructured.Unstructured

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	argument := func() (string, error) {
		if len(args) != 2 {
			return "", fmt.Errorf("%v: expected the path of a script", args)
		}
		text, err := os.ReadFile(args[1])
		return string(text), err
	}
	if len(args) == 0 {
		return fmt.Errorf("expected kstatus, health, actions, action or diff")
	}
	switch args[0] {
	case "kstatus":
		return each(kstatusOf)
	case "diff":
		return compare()
	case "health", "actions", "action":
		script, err := argument()
		if err != nil {
			return err
		}
		judge := map[string]func(object, string) (any, error){"health": healthOf, "actions": actionsOf, "action": actOn}
		return each(func(object object) (any, error) { return judge[args[0]](object, script) })
	}
	return fmt.Errorf("unknown command %s", args[0])
}

// each answers every line of standard input with one of standard output.
func each(judge func(object) (any, error)) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 4<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			return err
		}
		verdict, err := judge(object)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if err := answers.Encode(verdict); err != nil {
			return err
		}
	}
	return lines.Err()
}

func kstatusOf(object object) (any, error) {
	found, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	return map[string]string{"status": string(found.Status), "message": found.Message}, nil
}

// scripted is a health.lua as Argo CD's engine asks for it.
type scripted string

func (script scripted) GetResourceHealth(object object) (*health.HealthStatus, error) {
	found := &health.HealthStatus{}
	if err := evaluate(string(script), object, found); err != nil {
		return nil, err
	}
	switch found.Status {
	case health.HealthStatusHealthy, health.HealthStatusProgressing, health.HealthStatusSuspended,
		health.HealthStatusDegraded, health.HealthStatusMissing, health.HealthStatusUnknown:
		return found, nil
	}
	return nil, fmt.Errorf("%q is no health", found.Status)
}

// The engine is asked, not only the script: it has an opinion of its own on what is being deleted.
func healthOf(object object, script string) (any, error) {
	return health.GetResourceHealth(object, scripted(script))
}
