//! TLS to a remote server: the certificate authorities of the host, or those of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::remote::error::RemoteError;

/// Files with the certificate authorities of a host: those of Debian and Arch, Fedora, openSUSE, and Alpine.
const SYSTEM_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The certificate authorities that are trusted: those of a file in PEM, or of the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorities {
    file: Option<PathBuf>,
}

impl Authorities {
    /// Creates authorities; `file` is in PEM, and `None` means those of the host.
    pub(crate) const fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// Returns a connector that trusts them.
    pub(crate) fn connector(&self) -> Result<TlsConnector, RemoteError> {
        let system = || SYSTEM_FILES.iter().map(Path::new).find(|path| path.exists());
        let path = self.file.as_deref().or_else(system);
        let path =
            path.ok_or_else(|| RemoteError::Authorities("this host has no file of them".to_owned()))?;
        let failed =
            |error: &dyn std::fmt::Display| RemoteError::Authorities(format!("{}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
        let mut roots = RootCertStore::empty();
        // A certificate that cannot be parsed is left out, as the other TLS libraries of a host do.
        roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        if roots.is_empty() {
            return Err(failed(&"the file has no certificate"));
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}
