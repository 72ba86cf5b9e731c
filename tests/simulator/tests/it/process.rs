//! The binary: its ready line, its end and its state file.

use crate::rig::{DEADLINE, body, client};
use serde_json::Value;
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

async fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_provider-simulator"))
        .args(arguments)
        .arg("--exit-on-stdin-close")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    tokio::time::timeout(DEADLINE, stdout.read_line(&mut line))
        .await
        .unwrap()
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

async fn end(mut child: Child) {
    drop(child.stdin.take());
    let status = tokio::time::timeout(DEADLINE, child.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn the_ready_line_leads_to_a_working_simulator_that_ends_with_its_parent() {
    let arguments = [
        "--switch",
        "dixa.patchAbsent=404",
        "--dixa-token",
        "own-token=own-org",
    ];
    let (child, ready) = start(&arguments).await;
    let listening = &ready["listening"];
    for name in [
        "http",
        "admin",
        "https",
        "httpsExpired",
        "httpsWrongName",
        "httpsUnknownCa",
    ] {
        assert!(listening[name].is_string(), "{name}");
    }
    let bundle = ready["caBundle"].as_str().unwrap().to_owned();
    let pem = std::fs::read(&bundle).unwrap();
    let client = client()
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let url = format!("{}/v1/webhooks", listening["https"].as_str().unwrap());
    let answer = client
        .post(url)
        .header("Authorization", "own-token")
        .json(&body("a"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let state = format!("{}/admin/state", listening["admin"].as_str().unwrap());
    let state: Value = client.get(state).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["switches"]["dixa.patchAbsent"], "404");
    end(child).await;
    assert!(!Path::new(&bundle).exists());
}

#[tokio::test]
async fn it_serves_other_machines_under_a_name_of_theirs() {
    let flags = ["--listen-address", "0.0.0.0", "--tls-name", "provider.example"];
    let (child, ready) = start(&flags).await;
    let certificate = ready["caCertificate"].as_str().unwrap();
    let url = ready["listening"]["https"].as_str().unwrap();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    // Any address of loopback but the one that it is on otherwise.
    let client = client()
        .tls_certs_only([reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap()])
        .resolve("provider.example", ([127, 0, 0, 2], port).into())
        .build()
        .unwrap();
    let url = format!("https://provider.example:{port}/v1/webhooks");
    let request = client.get(url).header("Authorization", "dixa-token-example");
    assert_eq!(request.send().await.unwrap().status(), 200);
    end(child).await;
}

#[tokio::test]
async fn keys_of_babel_and_bird_come_from_flags() {
    let (workspace, organization) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let with_organization = format!("both={workspace}/{organization}");
    let without = format!("one={workspace}");
    let arguments = [
        "--babel-key",
        "own-key=own-installation",
        "--bird-key",
        &with_organization,
        "--bird-key",
        &without,
    ];
    let (child, ready) = start(&arguments).await;
    let client = client().build().unwrap();
    let get = async |path: &str, header: &str, value: &str| {
        let url = format!("{}{path}", ready["listening"]["http"].as_str().unwrap());
        let request = client.get(url).header(header, value);
        request.send().await.unwrap().status().as_u16()
    };
    let rows = "/v1/webhooks/subscriptions";
    assert_eq!(get(rows, "x-api-key", "own-key").await, 200);
    assert_eq!(
        get(rows, "x-api-key", provider_simulator::Config::BABEL_KEY).await,
        401
    );
    let short = crate::bird_rig::short(workspace);
    let long = crate::bird_rig::long(organization, workspace);
    assert_eq!(get(&short, "authorization", "AccessKey one").await, 200);
    assert_eq!(get(&long, "authorization", "AccessKey both").await, 200);
    assert_eq!(get(&long, "authorization", "AccessKey one").await, 403);
    end(child).await;
    let refused = Command::new(env!("CARGO_BIN_EXE_provider-simulator"))
        .args(["--bird-key", "key=not-a-uuid"])
        .output()
        .await
        .unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("not-a-uuid"));
}

#[tokio::test]
async fn a_state_file_carries_subscriptions_over_a_restart() {
    let folder = std::env::temp_dir().join(format!("provider-simulator-test-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("state.json");
    let arguments = ["--state-file", file.to_str().unwrap()];
    let (child, ready) = start(&arguments).await;
    let client = client().build().unwrap();
    let url = |ready: &Value| format!("{}/v1/webhooks", ready["listening"]["http"].as_str().unwrap());
    let create = client
        .post(url(&ready))
        .header("Authorization", "dixa-token-example")
        .json(&body("a"));
    assert_eq!(create.send().await.unwrap().status(), 201);
    end(child).await;
    let (child, ready) = start(&arguments).await;
    let list = client
        .get(url(&ready))
        .header("Authorization", "dixa-token-example");
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    assert_eq!(list["data"][0]["name"], "a");
    end(child).await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_bad_switch_ends_the_process_with_an_error_that_names_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_provider-simulator"))
        .args(["--switch", "dixa.patchAbsent=418"])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("dixa.patchAbsent"));
}
