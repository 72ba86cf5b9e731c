//! Certificates made at start: one that is right, and three that a client must refuse.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::sync::Arc;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Why the certificates could not be made.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A key or a certificate could not be made.
    #[error("making a certificate")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused the certificate or its key.
    #[error("setting up TLS with the certificate just made")]
    Use(#[from] rustls::Error),
}

/// What is wrong with a server certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    Expired,
    WrongName,
    UnknownCa,
}

/// A certificate authority, and one that no client is told about.
pub(crate) struct Authority {
    /// What the server is called besides `localhost`.
    names: Vec<String>,
    known: CertifiedIssuer<'static, KeyPair>,
    unknown: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(names: Vec<String>) -> Result<Self, CertificateError> {
        Ok(Self {
            names,
            known: issuer("Provider simulator CA")?,
            unknown: issuer("Provider simulator CA that nobody knows")?,
        })
    }

    /// The certificate that clients have to trust.
    pub(crate) fn pem(&self) -> String {
        self.known.pem()
    }

    /// TLS with a server certificate that has the given flaw.
    pub(crate) fn acceptor(&self, flaw: Flaw) -> Result<TlsAcceptor, CertificateError> {
        let names = match flaw {
            Flaw::WrongName => vec!["other.example.com".to_owned()],
            _ => ["localhost", "127.0.0.1"]
                .into_iter()
                .chain(self.names.iter().map(String::as_str))
                .map(str::to_owned)
                .collect(),
        };
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "provider simulator");
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = match flaw {
            Flaw::Expired => date_time_ymd(2021, 1, 1),
            _ => date_time_ymd(2090, 1, 1),
        };
        let issuer = if flaw == Flaw::UnknownCa {
            &self.unknown
        } else {
            &self.known
        };
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        tls(certificate.der().clone(), &key)
    }
}

fn issuer(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, CertificateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn tls(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<TlsAcceptor, CertificateError> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
