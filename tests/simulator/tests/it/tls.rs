//! TLS: the good certificate is trusted with the bundle, the others are refused.

use crate::rig::{body, client};
use provider_simulator::{Config, Simulator};
use std::error::Error;

fn trusting(simulator: &Simulator) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
    client().tls_certs_only([ca]).build().unwrap()
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[tokio::test]
async fn a_client_that_trusts_the_bundle_is_served_over_tls() {
    let simulator = Simulator::start(Config::default()).await.unwrap();
    let client = trusting(&simulator);
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("{}/v1/webhooks", simulator.https_url().replace("localhost", host));
        let request = client
            .post(url)
            .header("Authorization", Config::DIXA_TOKEN)
            .json(&body("a"));
        assert_eq!(request.send().await.unwrap().status(), 201);
    }
    assert_eq!(simulator.dixa().count(), 2);
}

#[tokio::test]
async fn flawed_certificates_are_refused_each_for_its_reason() {
    let simulator = Simulator::start(Config::default()).await.unwrap();
    let client = trusting(&simulator);
    for (url, reason) in [
        (simulator.https_expired_url(), "expired"),
        (simulator.https_wrong_name_url(), "not valid for name"),
        (simulator.https_unknown_ca_url(), "UnknownIssuer"),
    ] {
        let error = client.get(format!("{url}/v1/webhooks")).send().await.unwrap_err();
        assert!(chain(&error).contains(reason), "{reason}: {}", chain(&error));
    }
    assert_eq!(simulator.last_seq(), 0);
}

#[tokio::test]
async fn a_client_without_the_bundle_refuses_the_good_certificate() {
    let simulator = Simulator::start(Config::default()).await.unwrap();
    let stranger = Simulator::start(Config::default()).await.unwrap();
    let error = trusting(&stranger)
        .get(simulator.https_url())
        .send()
        .await
        .unwrap_err();
    assert!(
        chain(&error).contains("invalid peer certificate"),
        "{}",
        chain(&error)
    );
}
