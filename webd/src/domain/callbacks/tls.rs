//! TLS of callbacks: the certificate authorities of the host, and nothing that is kept between connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The only protocol that is spoken.
const ALPN: &[u8] = b"http/1.1";

/// The connector, which is created for the first callback: a webd without callbacks needs no authorities.
#[derive(Debug)]
pub(crate) struct Tls {
    authorities: PathBuf,
    connector: OnceCell<TlsConnectorDebug>,
}

/// A connector, which has no `Debug` of its own.
struct TlsConnectorDebug(TlsConnector);

impl std::fmt::Debug for TlsConnectorDebug {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("TlsConnector")
    }
}

impl Tls {
    /// Creates TLS with the authorities of a file in PEM.
    pub(crate) fn new(authorities: PathBuf) -> Self {
        Self { authorities, connector: OnceCell::new() }
    }

    /// Returns the connector.
    ///
    /// # Errors
    /// If the file cannot be read or has no certificate; the next call tries again.
    pub(crate) async fn connector(&self) -> Result<&TlsConnector, String> {
        let connector = self.connector.get_or_try_init(|| async {
            let path = self.authorities.clone();
            let config = tokio::task::spawn_blocking(move || configuration(&path)).await;
            let config = config.map_err(|error| error.to_string()).flatten()?;
            Ok::<_, String>(TlsConnectorDebug(TlsConnector::from(Arc::new(config))))
        });
        connector.await.map(|TlsConnectorDebug(connector)| connector)
    }
}

fn configuration(path: &Path) -> Result<ClientConfig, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be parsed is left out, as the other TLS libraries of a host do.
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if roots.is_empty() {
        return Err(failed(&"has no certificate"));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}
