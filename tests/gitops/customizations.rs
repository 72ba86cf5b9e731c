//! The scripts against their test data, read as Argo CD's own tests read such a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::dumps::{self, differences};
use crate::judge::{ask, ask_one, folder, health, in_checkout, text};

const KINDS: [&str; 3] = ["WebhookSubscription", "WebhookProvider", "ClusterWebhookProvider"];

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(in_checkout(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn names(path: &str) -> BTreeSet<String> {
    fs::read_dir(in_checkout(path))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_dump_has_the_health_that_its_test_says() {
    for kind in KINDS {
        let folder = folder(kind);
        let tests = yaml(&format!("{folder}/health_test.yaml"));
        let mut seen = BTreeSet::new();
        let mut files = BTreeSet::new();
        for test in tests["tests"].as_array().unwrap() {
            let file = text(&test["inputPath"]);
            let object = yaml(&format!("{folder}/{file}"));
            assert_eq!(object["kind"], kind, "{file}");
            assert_eq!(health(&object), test["healthStatus"], "{kind} {file}");
            seen.insert(text(&test["healthStatus"]["status"]));
            files.insert(file.trim_start_matches("testdata/").to_owned());
        }
        assert_eq!(files, names(&format!("{folder}/testdata")), "{kind}");
        for status in ["Healthy", "Progressing", "Degraded"] {
            assert!(seen.contains(status), "{kind}: {status} is not among {seen:?}");
        }
    }
}

/// The operator writes both at once; were it ever to forget that, nothing must be green for it.
#[test]
fn a_condition_of_an_earlier_generation_is_not_taken_for_health() {
    for kind in KINDS {
        let mut object = yaml(&format!("{}/testdata/ready.yaml", folder(kind)));
        assert_eq!(health(&object)["status"], "Healthy", "{kind}");
        let next = object["metadata"]["generation"].as_i64().unwrap() + 1;
        object["metadata"]["generation"] = next.into();
        object["status"]["observedGeneration"] = next.into();
        assert_eq!(health(&object)["status"], "Progressing", "{kind}");
    }
}

#[test]
fn every_action_is_offered_when_it_means_something_and_does_what_its_test_says() {
    for kind in KINDS {
        let folder = format!("{}/actions", folder(kind));
        let tests = yaml(&format!("{folder}/action_test.yaml"));
        let discovery = format!("{folder}/discovery.lua");
        let actions: BTreeSet<String> = names(&folder)
            .into_iter()
            .filter(|name| !name.contains('.') && name != "testdata")
            .collect();
        let mut states: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
        for test in tests["discoveryTests"].as_array().unwrap() {
            let object = yaml(&format!("{folder}/{}", text(&test["inputPath"])));
            let offered = sorted(&ask_one(&["actions", &discovery], &object));
            assert_eq!(offered, sorted(&test["result"]), "{kind} {}", test["inputPath"]);
            for action in offered {
                let disabled = action["disabled"].as_bool().unwrap();
                states.entry(text(&action["name"])).or_default().insert(disabled);
            }
        }
        let both = BTreeSet::from([false, true]);
        let expected: BTreeMap<String, BTreeSet<bool>> =
            actions.iter().map(|name| (name.clone(), both.clone())).collect();
        assert_eq!(
            states, expected,
            "{kind}: each is offered in one test and not in another"
        );

        let mut tested = BTreeSet::new();
        for test in tests["actionTests"].as_array().unwrap() {
            let action = text(&test["action"]);
            let object = yaml(&format!("{folder}/{}", text(&test["inputPath"])));
            let script = format!("{folder}/{action}/action.lua");
            let acted = ask_one(&["action", &script], &object);
            assert_eq!(acted["patch"], patch(&action), "{kind} {action}");
            let expected = format!("{folder}/{}", text(&test["expectedOutputPath"]));
            if std::env::var_os("UPDATE_TESTDATA").is_some() {
                fs::create_dir_all(in_checkout(&format!("{folder}/testdata"))).unwrap();
                fs::write(in_checkout(&expected), dumps::yaml(&acted["object"])).unwrap();
            }
            let differences = differences("", &yaml(&expected), &acted["object"]);
            assert_eq!(differences, Vec::<String>::new(), "{kind} {action}");
            tested.insert(action);
        }
        assert_eq!(tested, actions, "{kind}");
    }
}

/// What Argo CD sends for an action, at the time that the judge's clock shows.
fn patch(action: &str) -> Value {
    let annotation = |name: &str| {
        let name = format!("webhook-operator.io/{name}");
        json!({"metadata": {"annotations": {name: "2026-01-01T00:00:00Z"}}})
    };
    match action {
        "reconcile" => annotation("reconcile-requested-at"),
        "test" => annotation("test-requested-at"),
        "suspend" => json!({"spec": {"suspend": true}}),
        "resume" => json!({"spec": {"suspend": false}}),
        other => panic!("{other}: what does it do?"),
    }
}

fn sorted(actions: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = actions.as_array().unwrap().clone();
    all.sort_by_key(|action| text(&action["name"]));
    all
}

#[test]
fn a_script_that_uses_what_argo_cd_does_not_give_it_fails_here_too() {
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "spec": {}});
    for forbidden in ["io.open('/etc/passwd')", "os.execute('true')", "string.len('a')"] {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("action.lua");
        fs::write(&script, format!("local a = {forbidden}\nreturn obj")).unwrap();
        let script = script.to_str().unwrap().to_owned();
        let asked = std::panic::catch_unwind(|| ask(&["action", &script], std::slice::from_ref(&object)));
        assert!(asked.is_err(), "{forbidden}");
    }
}

/// `argocd-cm` with all scripts, as a patch; the folder in Argo CD's layout is the source.
#[test]
fn the_patch_of_argocd_cm_has_these_scripts() {
    let patch = yaml("deploy/argocd/argocd-cm.yaml");
    let mut expected = BTreeMap::new();
    for kind in KINDS {
        let folder = folder(kind);
        let script = |path: &str| fs::read_to_string(in_checkout(&format!("{folder}/{path}"))).unwrap();
        let key = format!("webhook-operator.io_{kind}");
        expected.insert(
            format!("resource.customizations.health.{key}"),
            json!(script("health.lua")),
        );
        let definitions: Vec<Value> = names(&format!("{folder}/actions"))
            .into_iter()
            .filter(|name| !name.contains('.') && name != "testdata")
            .map(|name| json!({"name": name, "action.lua": script(&format!("actions/{name}/action.lua"))}))
            .collect();
        let actions = json!({"discovery.lua": script("actions/discovery.lua"), "definitions": definitions});
        expected.insert(format!("resource.customizations.actions.{key}"), actions);
    }
    let mut data: BTreeMap<String, Value> = serde_json::from_value(patch["data"].clone()).unwrap();
    for (name, value) in &mut data {
        if name.contains(".actions.") {
            *value = serde_saphyr::from_str(value.as_str().unwrap()).unwrap();
        }
    }
    assert_eq!(data, expected, "run 'make dist'");
}
