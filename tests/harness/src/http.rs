//! A small blocking HTTP client, for the apiserver, the operator's own endpoints and the simulator's
//! admin side. It uses no proxy from the environment, follows no redirect, and gives every status back
//! as a value.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Long enough for a LIST of thousands on a busy machine.
const CALL_DEADLINE: Duration = Duration::from_mins(1);

/// Why a request has no answer, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The certificate of the server's authority is no PEM certificate.
    #[error("read the certificate authority of {base}")]
    Authority {
        /// Address of the server.
        base: String,
        /// What the parser said.
        source: ureq::Error,
    },
    /// The request is malformed: a bug in the caller.
    #[error("build the request {method} {url}")]
    Build {
        /// Method.
        method: String,
        /// Address.
        url: String,
        /// What is wrong.
        source: ureq::http::Error,
    },
    /// No complete answer came back.
    #[error("{method} {url}: {source}")]
    Send {
        /// Method.
        method: String,
        /// Address.
        url: String,
        /// What happened to the connection.
        source: ureq::Error,
    },
    /// The answer is not JSON.
    #[error("the answer to {what} is not JSON: {body}")]
    Json {
        /// Method and address.
        what: String,
        /// The answer, cut to its first 200 characters.
        body: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The answer has a status that the caller did not ask for.
    #[error("{what} answered {status}: {body}")]
    Status {
        /// Method and address.
        what: String,
        /// HTTP status.
        status: u16,
        /// The answer's text.
        body: String,
    },
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Method and address of the request.
    pub request: String,
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Errors
    /// [`HttpError::Json`].
    pub fn json(&self) -> Result<Value, HttpError> {
        serde_json::from_str(&self.body).map_err(|source| HttpError::Json {
            what: self.request.clone(),
            body: self.body.chars().take(200).collect(),
            source,
        })
    }

    /// The reply itself when its status is 2xx.
    ///
    /// # Errors
    /// [`HttpError::Status`] with the body's text otherwise.
    pub fn ok(self) -> Result<Self, HttpError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(HttpError::Status {
            what: self.request,
            status: self.status,
            body: self.body,
        })
    }
}

/// A client of one server. Connections are kept and shared by clones.
#[derive(Clone)]
pub struct HttpClient {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

impl HttpClient {
    /// A client of a plain http server, `http://127.0.0.1:PORT`.
    pub fn plain(base: &str) -> Self {
        Self::with_tls(base, None, TlsConfig::default())
    }

    /// A client of an https server whose certificate `authority` (PEM) has signed, with a bearer token.
    ///
    /// # Errors
    /// [`HttpError::Authority`].
    pub fn with_token(base: &str, authority: &[u8], token: &str) -> Result<Self, HttpError> {
        let authority = Certificate::from_pem(authority).map_err(|source| HttpError::Authority {
            base: base.to_owned(),
            source,
        })?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[authority]))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        Ok(Self::with_tls(base, Some(token.to_owned()), tls))
    }

    fn with_tls(base: &str, token: Option<String>, tls: TlsConfig) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(CALL_DEADLINE))
            .tls_config(tls)
            .build()
            .new_agent();
        Self {
            agent,
            base: base.trim_end_matches('/').to_owned(),
            token,
        }
    }

    /// Where the client connects, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET`.
    ///
    /// # Errors
    /// [`HttpError::Send`] when no complete answer comes; a status is no error.
    pub fn get(&self, path: &str) -> Result<Reply, HttpError> {
        self.send("GET", path, "application/json", None)
    }

    /// `POST` of JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Reply, HttpError> {
        self.send("POST", path, "application/json", Some(body.to_string()))
    }

    /// `PUT` of JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn put(&self, path: &str, body: &Value) -> Result<Reply, HttpError> {
        self.send("PUT", path, "application/json", Some(body.to_string()))
    }

    /// `PATCH` with a JSON merge patch.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn patch(&self, path: &str, body: &Value) -> Result<Reply, HttpError> {
        let merge = "application/merge-patch+json";
        self.send("PATCH", path, merge, Some(body.to_string()))
    }

    /// `DELETE`, without a body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn delete(&self, path: &str) -> Result<Reply, HttpError> {
        self.send("DELETE", path, "application/json", None)
    }

    /// Any method, with a content type that is also what is accepted as an answer when it is sent
    /// without a body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<String>,
    ) -> Result<Reply, HttpError> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(&url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = if let Some(body) = body {
            let request = request.header("content-type", content_type).body(body);
            self.agent.run(request.map_err(|e| build_error(method, &url, e))?)
        } else {
            let request = request.header("accept", content_type).body(());
            self.agent.run(request.map_err(|e| build_error(method, &url, e))?)
        };
        let send_error = |source| HttpError::Send {
            method: method.to_owned(),
            url: url.clone(),
            source,
        };
        let mut answer = answer.map_err(send_error)?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(256 << 20);
        let body = text.read_to_string().map_err(send_error)?;
        Ok(Reply {
            request: format!("{method} {url}"),
            status,
            body,
        })
    }
}

fn build_error(method: &str, url: &str, source: ureq::http::Error) -> HttpError {
    HttpError::Build {
        method: method.to_owned(),
        url: url.to_owned(),
        source,
    }
}
