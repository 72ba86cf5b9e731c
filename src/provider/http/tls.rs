//! Whom to trust: the system's roots, or exactly the bundle that the user gave. There is no switch that turns
//! checks off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::BuildError;

/// Where systems keep their roots as one PEM file. The environment (`SSL_CERT_FILE`) is not asked: what the
/// operator trusts must not depend on a variable that anybody who may edit a pod can set.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/cacert.pem",
];

/// The client side of TLS 1.2 and 1.3, by rustls with ring.
pub(super) fn client_config(ca_bundle: Option<&[u8]>) -> Result<ClientConfig, BuildError> {
    let roots = match ca_bundle {
        Some(pem) => Arc::new(bundle_roots(pem)?),
        None => system_roots()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The same with the system's roots, for whoever speaks to somebody else than a provider.
///
/// # Errors
/// [`BuildError`]: the system has none that can be used.
pub(crate) fn system_tls() -> Result<ClientConfig, BuildError> {
    client_config(None)
}

/// The roots of a bundle, every one of which must be usable: a typing error must not become "trusts less".
fn bundle_roots(pem: &[u8]) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(BuildError::CaBundlePem)?;
        roots.add(certificate).map_err(BuildError::CaBundleCertificate)?;
    }
    if roots.is_empty() {
        Err(BuildError::CaBundleEmpty)
    } else {
        Ok(roots)
    }
}

struct Cached {
    path: PathBuf,
    modified: Option<SystemTime>,
    roots: Arc<RootCertStore>,
}

/// The system's roots, shared by all clients and read again when the file changed.
fn system_roots() -> Result<Arc<RootCertStore>, BuildError> {
    static CACHE: Mutex<Option<Cached>> = Mutex::new(None);
    let path = BUNDLES
        .iter()
        .map(Path::new)
        .find(|path| path.is_file())
        .ok_or(BuildError::NoSystemRoots)?;
    let modified = fs::metadata(path).and_then(|file| file.modified()).ok();
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cached) = cache.as_ref()
        && cached.path == path
        && cached.modified == modified
        && modified.is_some()
    {
        return Ok(Arc::clone(&cached.roots));
    }
    let pem = fs::read(path).map_err(BuildError::SystemRoots)?;
    let mut roots = RootCertStore::empty();
    // A system's bundle may hold some certificate that rustls cannot use; the others still count.
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let (usable, _unusable) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        return Err(BuildError::NoSystemRoots);
    }
    let roots = Arc::new(roots);
    *cache = Some(Cached {
        path: path.to_owned(),
        modified,
        roots: Arc::clone(&roots),
    });
    Ok(roots)
}
