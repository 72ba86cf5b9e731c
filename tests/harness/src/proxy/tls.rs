//! TLS on both sides of a proxy.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A key or certificate could not be made.
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused a certificate or key.
    #[error("use a certificate")]
    Use(#[from] rustls::Error),
    /// The server's authority is no PEM certificate.
    #[error("read the certificate authority of the server")]
    Read(#[from] rustls::pki_types::pem::Error),
}

/// An authority of the proxy's own, as PEM, and TLS with a certificate that it signed for `localhost` and
/// `127.0.0.1`.
pub(super) fn front() -> Result<(String, TlsAcceptor), TlsError> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(DnType::CommonName, "fault proxy authority");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
    let mut server = CertificateParams::new(names)?;
    server.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    server.distinguished_name.push(DnType::CommonName, "fault proxy");
    let key = KeyPair::generate()?;
    let server = server.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((authority.pem(), TlsAcceptor::from(Arc::new(config))))
}

/// TLS to a server whose certificate `authority` (PEM) has signed. It speaks HTTP/1.1.
pub(super) fn back(authority: &[u8]) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
