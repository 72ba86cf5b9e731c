//! What is connected to, and what never is: nothing here leaves the machine.

use operator_core::address::{Apiserver, Never, PrivateEndpoints, Refusal, Scope};

use super::recorder::Recorder;
use super::*;

fn rules(network: &Arc<Recorder>) -> Rules {
    Rules {
        network: Arc::<Recorder>::clone(network),
        ..Rules::strict()
    }
}

fn over(url: &str, rules: &Rules, scope: Scope) -> Client {
    let connection = Connection::new(Endpoint::parse(url).unwrap(), rules.of(scope));
    Client::new(connection, ::http::header::AUTHORIZATION, "", "the-key".into()).unwrap()
}

async fn get(client: &Client) -> Result<(), ProviderError> {
    let call = Call::new(Operation::Get, Method::GET, "/x".to_owned(), true);
    client.send(call, |_| Ok(())).await
}

fn refusal(result: Result<(), ProviderError>) -> Refusal {
    match result {
        Err(ProviderError::NotAllowed { refusal }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_address_that_is_never_reached_is_not_dialled_however_it_is_spelt_and_whatever_is_allowed() {
    let network = Arc::new(Recorder::default());
    let rules = Rules {
        private_endpoints: PrivateEndpoints::Allow,
        allow_insecure_http: true,
        ..rules(&network)
    };
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "0",
        "[::]",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "[2001:db8::1]",
    ] {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{host}");
            let admitted = rules.of(Scope::Cluster).admit(&Endpoint::parse(&url).unwrap());
            assert!(matches!(admitted, Err(Refusal::Never(_))), "{url}: {admitted:?}");
            // And if nobody had asked: the connector refuses as well.
            let refused = refusal(get(&over(&url, &rules, Scope::Cluster)).await);
            assert!(matches!(refused, Refusal::Never(_)), "{url}: {refused:?}");
        }
    }
    assert_eq!(network.dialled().len() + network.looked_up().len(), 0);
}

#[tokio::test]
async fn private_and_loopback_addresses_are_reached_by_whom_the_switches_say() {
    use PrivateEndpoints::{Allow, ClusterProvidersOnly, Deny};
    use Scope::{Cluster, Namespaced};
    for host in [
        "10.0.0.1",
        "0xa000001",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
    ] {
        let loopback = matches!(host, "127.0.0.1" | "0x7f.1" | "[::1]");
        for (switch, scope, private) in [
            (Deny, Cluster, false),
            (ClusterProvidersOnly, Namespaced, false),
            (ClusterProvidersOnly, Cluster, true),
            (Allow, Namespaced, true),
        ] {
            let network = Arc::new(Recorder::default());
            let rules = Rules {
                private_endpoints: switch,
                ..rules(&network)
            };
            let expected = if loopback { switch == Allow } else { private };
            let url = format!("https://{host}");
            let admitted = rules.of(scope).admit(&Endpoint::parse(&url).unwrap());
            assert_eq!(admitted.is_ok(), expected, "{url} {switch:?} {scope:?}");
            let result = get(&over(&url, &rules, scope)).await;
            assert_eq!(
                network.dialled().len(),
                usize::from(expected),
                "{url} {switch:?} {result:?}"
            );
            let refused = matches!(result, Err(ProviderError::NotAllowed { .. }));
            assert_ne!(refused, expected, "{result:?}");
        }
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to_and_only_allowed_addresses_are_dialled() {
    let network = Recorder::default()
        .name("inside.example", &[&["10.0.0.1", "fd00::1"]])
        .name(
            "mixed.example",
            &[&["169.254.169.254", "1.1.1.1", "127.0.0.1", "2606:4700::1"]],
        )
        .name("empty.example", &[&[]]);
    let network = Arc::new(network);
    let rules = rules(&network);
    let tenant = |url: &str| over(url, &rules, Scope::Namespaced);
    assert_eq!(
        refusal(get(&tenant("https://inside.example")).await),
        Refusal::PrivateForTenants
    );
    for (url, why) in [
        ("https://empty.example", "its name has no address"),
        ("https://nowhere.example", "its name cannot be resolved"),
        ("https://mixed.example:8443", "connection refused"),
    ] {
        assert_eq!(
            get(&tenant(url)).await,
            Err(ProviderError::Unreachable { why }),
            "{url}"
        );
    }
    assert_eq!(network.dialled(), [["1.1.1.1:8443", "[2606:4700::1]:8443"]]);
}

#[tokio::test]
async fn plain_http_stays_on_the_machine_whatever_localhost_resolves_to() {
    let network =
        Arc::new(Recorder::default().name("localhost", &[&["1.1.1.1"], &["10.0.0.1"], &["127.0.0.1"]]));
    let rules = Rules {
        allow_insecure_http: true,
        ..rules(&network)
    };
    let client = over("http://localhost:81", &rules, Scope::Namespaced);
    assert_eq!(refusal(get(&client).await), Refusal::HttpBeyond);
    assert_eq!(refusal(get(&client).await), Refusal::PrivateForTenants);
    assert_eq!(network.dialled().len(), 0);
    get(&client).await.unwrap_err();
    assert_eq!(network.dialled(), [["127.0.0.1:81"]]);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_looked_up_once_and_the_judged_address_is_the_one_dialled() {
    let server = Server::start(Reply::of(200, b"{}")).await;
    let end = server.url()["http://".len()..].parse().unwrap();
    let network = Recorder::ending_at(end).name("rebind.example", &[&["10.9.9.9"], &["169.254.169.254"]]);
    let network = Arc::new(network);
    let rules = Rules {
        private_endpoints: PrivateEndpoints::Allow,
        allow_insecure_http: true,
        ..rules(&network)
    };
    let client = over("http://rebind.example", &rules, Scope::Namespaced);
    get(&client).await.unwrap();
    assert_eq!(
        (network.looked_up().len(), network.dialled()),
        (1, vec![vec!["10.9.9.9:80".to_owned()]])
    );
    // The server closed; the next connection gets the next answer.
    assert_eq!(refusal(get(&client).await), Refusal::Never(Never::LinkLocal));
    assert_eq!((network.looked_up().len(), network.dialled().len()), (2, 1));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_apiserver_is_not_a_provider_by_name_by_address_or_by_another_name_for_it() {
    let network = Recorder::default()
        .name("control.example", &[&["1.0.0.1", "1.0.0.2"]])
        .name("alias.example", &[&["1.0.0.2"]])
        .name("service.example", &[&["10.96.0.1"]])
        .name("other.example", &[&["1.0.0.3"]]);
    let network = Arc::new(network);
    let mut apiserver = Apiserver::default();
    apiserver.add("control.example", 443);
    apiserver.add("127.0.0.1", 6443);
    apiserver.add_cluster_ip("10.96.0.1");
    let rules = Rules {
        private_endpoints: PrivateEndpoints::Allow,
        apiserver: Arc::new(apiserver),
        ..rules(&network)
    };
    for url in [
        "https://kubernetes",
        "https://kubernetes.default",
        "https://kubernetes.default.svc.",
        "https://kubernetes.default.svc.cluster.local:6443",
        "https://control.example",
        "https://10.96.0.1:8443",
        "https://[::ffff:10.96.0.1]",
        "https://127.0.0.1:6443",
        "https://0x7f000001:6443",
    ] {
        let admitted = rules.of(Scope::Cluster).admit(&Endpoint::parse(url).unwrap());
        assert_eq!(admitted, Err(Refusal::Apiserver), "{url}");
    }
    for url in [
        "https://kubernetes.default.svc",
        "https://control.example",
        "https://alias.example",
        "https://service.example",
        "https://10.96.0.1",
        "https://127.0.0.1:6443",
    ] {
        assert_eq!(
            refusal(get(&over(url, &rules, Scope::Cluster)).await),
            Refusal::Apiserver,
            "{url}"
        );
    }
    assert_eq!(network.dialled().len(), 0);
    for url in [
        "https://alias.example:444",
        "https://other.example",
        "https://127.0.0.1:6444",
    ] {
        let result = get(&over(url, &rules, Scope::Cluster)).await;
        assert!(
            matches!(result, Err(ProviderError::Unreachable { .. })),
            "{url}: {result:?}"
        );
    }
    assert_eq!(network.dialled().len(), 3);
}

#[test]
fn a_name_is_admitted_where_some_address_could_be_right_and_the_refusal_names_the_flag() {
    let network = Arc::new(Recorder::default());
    let admit = |url: &str, switch, insecure| {
        let rules = Rules {
            private_endpoints: switch,
            allow_insecure_http: insecure,
            ..rules(&network)
        };
        rules.of(Scope::Namespaced).admit(&Endpoint::parse(url).unwrap())
    };
    let (allow, deny) = (PrivateEndpoints::Allow, PrivateEndpoints::Deny);
    for (url, switch, insecure, expected) in [
        ("https://api.example.com", deny, false, Ok(())),
        ("http://api.example.com", deny, false, Err(Refusal::Http)),
        ("http://api.example.com", deny, true, Err(Refusal::HttpBeyond)),
        ("http://127.0.0.1.nip.io", deny, true, Err(Refusal::HttpBeyond)),
        (
            "http://localhost.example.com",
            deny,
            true,
            Err(Refusal::HttpBeyond),
        ),
        ("http://babel.babel.svc", allow, true, Ok(())),
        ("http://babel.babel.svc", allow, false, Err(Refusal::Http)),
        ("http://localhost:1", deny, true, Ok(())),
        ("http://localhost.", deny, true, Ok(())),
        ("https://localhost", deny, false, Err(Refusal::Loopback)),
        ("https://a.localhost", deny, false, Err(Refusal::Loopback)),
        ("https://localhost", allow, false, Ok(())),
        ("http://127.9.9.9", deny, true, Ok(())),
        ("http://1.1.1.1", allow, true, Err(Refusal::HttpBeyond)),
    ] {
        assert_eq!(
            admit(url, switch, insecure),
            expected,
            "{url} {switch:?} {insecure}"
        );
    }
    assert_eq!(
        network.looked_up().len(),
        0,
        "what is written is judged without a look-up"
    );
}

#[tokio::test]
async fn the_refusal_is_told_as_the_endpoints_and_nothing_was_sent() {
    let network = Arc::new(Recorder::default().name("inside.example", &[&["10.0.0.1"]]));
    let error = get(&over(
        "https://inside.example",
        &rules(&network),
        Scope::Namespaced,
    ))
    .await
    .unwrap_err();
    assert_eq!(
        (error.reason(), error.may_have_taken_effect()),
        ("EndpointNotAllowed", false)
    );
    let message = error.message();
    assert!(
        message.starts_with("spec.endpoint:") && message.contains("--private-endpoints"),
        "{message}"
    );
    assert!(
        !message.contains("10.0.0.1") && !message.contains("inside.example"),
        "{message}"
    );
}
