//! The keys and certificates of a throw-away control plane.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// Names under which the apiserver answers: the loopback address, and the ones that a program uses
/// which believes it runs inside the cluster.
const SERVER_NAMES: [&str; 6] = [
    "127.0.0.1",
    "localhost",
    "10.0.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
];

/// Why the files could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key or certificate could not be generated.
    #[error("generate {what}")]
    Generate {
        /// Which one.
        what: &'static str,
        /// What rcgen said.
        source: rcgen::Error,
    },
    /// A file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Where the files are.
pub(crate) struct Pki {
    /// Certificate of the authority, to be trusted by clients.
    pub authority: PathBuf,
    /// The apiserver's certificate.
    pub server_certificate: PathBuf,
    /// Its key.
    pub server_key: PathBuf,
    /// The key that signs `ServiceAccount` tokens.
    pub service_account_key: PathBuf,
    /// The key that checks them.
    pub service_account_public_key: PathBuf,
}

/// Makes a fresh authority, a server certificate and a token key, and writes them into `folder`.
pub(crate) fn generate(folder: &Path) -> Result<Pki, PkiError> {
    let failed = |what| move |source| PkiError::Generate { what, source };

    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let name = "webhook-operator test authority";
    authority.distinguished_name.push(DnType::CommonName, name);
    let authority_key = KeyPair::generate().map_err(failed("the authority's key"))?;
    let authority = CertifiedIssuer::self_signed(authority, authority_key)
        .map_err(failed("the authority's certificate"))?;

    let names = SERVER_NAMES.map(str::to_owned).to_vec();
    let mut server = CertificateParams::new(names).map_err(failed("the server's names"))?;
    server.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    server
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    let server_key = KeyPair::generate().map_err(failed("the server's key"))?;
    let server = server
        .signed_by(&server_key, &authority)
        .map_err(failed("the server's certificate"))?;

    let token_key = KeyPair::generate().map_err(failed("the token key"))?;
    Ok(Pki {
        authority: write(folder, "ca.crt", &authority.pem())?,
        server_certificate: write(folder, "apiserver.crt", &server.pem())?,
        server_key: write(folder, "apiserver.key", &server_key.serialize_pem())?,
        service_account_key: write(folder, "sa.key", &token_key.serialize_pem())?,
        service_account_public_key: write(folder, "sa.pub", &token_key.public_key_pem())?,
    })
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, PkiError> {
    let path = folder.join(name);
    match fs::write(&path, text) {
        Ok(()) => Ok(path),
        Err(source) => Err(PkiError::Write { path, source }),
    }
}
