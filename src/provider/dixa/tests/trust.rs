//! Whose certificate is accepted.

use provider_simulator::TlsListeners;

use super::simulated::{TOKEN, simulator};
use super::*;
use crate::provider::http::Endpoint;

#[tokio::test]
async fn the_whole_life_works_over_tls_with_the_bundle_of_its_authority() {
    let simulator = simulator(TlsListeners::All).await;
    let over = |url: &str, ca: Option<&str>| {
        let endpoint = Endpoint::parse(url).unwrap();
        let ca_bundle = ca.map(|pem| pem.as_bytes().to_vec());
        dixa(
            Connection {
                ca_bundle,
                ..Connection::local(endpoint)
            },
            TOKEN,
        )
    };
    let ca = simulator.ca_pem();
    let good = over(&simulator.https_url(), Some(ca));
    let made = good.create(&documented()).await.unwrap();
    assert_eq!(good.list(None).await.unwrap().remotes.len(), 1);
    good.delete(&made.id).await.unwrap();
    let requests = simulator.log().len();

    let plain_port = simulator.http_url().replace("http://", "https://");
    for (url, why) in [
        (simulator.https_expired_url(), "the certificate has expired"),
        (
            simulator.https_wrong_name_url(),
            "the certificate is for another name",
        ),
        (
            simulator.https_unknown_ca_url(),
            "the certificate is not from a trusted authority",
        ),
        (plain_port, "the server does not speak TLS"),
    ] {
        let error = over(&url, Some(ca)).create(&documented()).await.unwrap_err();
        assert_eq!(error, ProviderError::TlsInvalid { why });
        assert_eq!(
            (error.reason(), error.may_have_taken_effect()),
            ("TLSInvalid", false)
        );
    }
    assert_eq!(simulator.log().len(), requests, "nothing was sent");
}

#[tokio::test]
async fn a_bundle_replaces_the_roots_of_the_system_and_a_bad_one_is_refused() {
    let connection = |ca: &str| Connection {
        ca_bundle: Some(ca.as_bytes().to_vec()),
        ..Connection::local(Endpoint::parse("https://dev.dixa.io").unwrap())
    };
    let build = |ca: &str| {
        let (version, scheme) = (ApiVersion::V1, Scheme::Raw);
        Dixa::new(
            Config {
                connection: connection(ca),
                version,
                scheme,
                credential: TOKEN.into(),
            },
            &shared(),
        )
    };
    let pem = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    assert!(matches!(build(""), Err(BuildError::CaBundleEmpty)));
    assert!(matches!(build("no certificate"), Err(BuildError::CaBundleEmpty)));
    assert!(matches!(
        build(&pem("AAAA")),
        Err(BuildError::CaBundleCertificate(_))
    ));
    assert!(matches!(build(&pem("%%")), Err(BuildError::CaBundlePem(_))));
}
