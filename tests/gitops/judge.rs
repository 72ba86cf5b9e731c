//! What Argo CD and Flux make of an object, by their own code (`tests/gitops/judge`).

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// A path in the checkout.
pub fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A tool of the tools cache: from the variable that `make` sets, else by the script that `make` uses too.
pub fn tool(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let output = Command::new(in_checkout("tools/tool-path"))
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "no {name}: see the messages above");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// Runs the judge and decodes its answers, one a line.
pub fn ask(args: &[&str], input: &[Value]) -> Vec<Value> {
    let program = tool("WEBHOOK_OPERATOR_JUDGE", "judge");
    let mut child = Command::new(program)
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = input.iter().map(ToString::to_string).collect();
    let lines = lines.join("\n");
    let mut pipe = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || pipe.write_all(lines.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {failure}");
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(answers.len() <= input.len(), "{args:?}: {text}");
    answers
}

/// The verdict on one object.
pub fn ask_one(args: &[&str], object: &Value) -> Value {
    let mut answers = ask(args, std::slice::from_ref(object));
    assert_eq!(answers.len(), 1, "{args:?}");
    answers.remove(0)
}

/// What Flux and Helm wait by: `InProgress`, `Current`, `Failed`, `Terminating`.
pub fn kstatus(object: &Value) -> String {
    text(&ask_one(&["kstatus"], object)["status"])
}

/// Where Argo CD's scripts for a kind are.
pub fn folder(kind: &str) -> String {
    format!("deploy/argocd/resource_customizations/webhook-operator.io/{kind}")
}

/// What Argo CD shows: `status` and `message`.
pub fn health(object: &Value) -> Value {
    let kind = object["kind"].as_str().unwrap();
    let script = format!("{}/health.lua", folder(kind));
    ask_one(&["health", &script], object)
}

/// A string, empty where there is none.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
