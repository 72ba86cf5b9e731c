//! Whether a provider can be reached at all: a connection, and nothing over it.

use std::future::poll_fn;

use ::http::Uri;
use tower::Service;

use super::connect::Connector;
use super::{BuildError, Connection, classify, tls};
use crate::provider::error::ProviderError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// It cannot even be tried.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It was tried.
    #[error(transparent)]
    Connect(ProviderError),
}

/// Makes a connection to the endpoint as a request would: the same look-up, the same judgement of addresses, the same
/// proxy, and TLS to its end. Then it is closed; no request is sent, and so no credential.
///
/// # Errors
/// [`ReachError`], fit for users.
pub async fn reach(connection: Connection) -> Result<(), ReachError> {
    let Connection {
        endpoint,
        egress,
        ca_bundle,
        limits,
        gate,
        observer: _,
        read_only: _,
    } = connection;
    let tls = tls::client_config(ca_bundle.as_deref())?;
    let mut connector = Connector::new(egress, tls, endpoint.is_https(), limits.connect, gate);
    let to: Uri = endpoint.as_str().parse().map_err(|_| {
        ReachError::Connect(ProviderError::NotSendable {
            why: "the endpoint is not a URL",
        })
    })?;
    let connected = async {
        poll_fn(|cx| connector.poll_ready(cx)).await?;
        connector.call(to).await
    };
    match connected.await {
        Ok(_) => Ok(()),
        Err(error) => Err(ReachError::Connect(classify::of_connection(&*error))),
    }
}

#[cfg(test)]
mod tests {
    use operator_core::address::{Refusal, Scope};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::provider::http::{Endpoint, Rules};

    fn to(url: &str, rules: &Rules) -> Connection {
        Connection::new(Endpoint::parse(url).unwrap(), rules.of(Scope::Namespaced))
    }

    fn local() -> Rules {
        Rules {
            allow_insecure_http: true,
            ..Rules::strict()
        }
    }

    #[tokio::test]
    async fn a_connection_is_made_and_nothing_is_sent_over_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        reach(to(&url, &local())).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = Vec::new();
        stream.read_to_end(&mut sent).await.unwrap();
        assert!(sent.is_empty());
    }

    #[tokio::test]
    async fn what_stands_in_the_way_is_told_as_for_a_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = reach(to(&format!("https://{address}"), &Rules::strict())).await;
        let Err(ReachError::Connect(ProviderError::NotAllowed { refusal })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal, Refusal::Loopback);
        drop(listener);
        let gone = reach(to(&format!("http://{address}"), &local())).await;
        assert!(matches!(
            gone,
            Err(ReachError::Connect(ProviderError::Unreachable {
                why: "connection refused"
            }))
        ));
        let mut unusable = to("https://provider.example", &Rules::strict());
        unusable.ca_bundle = Some(b"nothing".to_vec());
        let error = reach(unusable).await;
        assert!(matches!(error, Err(ReachError::Build(BuildError::CaBundleEmpty))));
    }
}
