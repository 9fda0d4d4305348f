//! TLS as whoever keeps a network's data is spoken to: a database, an object store, a PACS.

use crate::Error;
use crate::postgres::settings::{refused, setting};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// TLS as a client, with ring, trusting the certificates of a PEM file or the system's. Host names are checked.
///
/// # Errors
/// [`Error::Setting`]: the file cannot be read, or a certificate in it cannot be used.
pub fn tls_client(ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let unusable =
                |e: &dyn std::fmt::Display| setting("ca", format!("{}: {e}", path.display()));
            let found = CertificateDer::pem_file_iter(path).map_err(|e| unusable(&e))?;
            for certificate in found {
                let certificate = certificate.map_err(|e| unusable(&e))?;
                roots.add(certificate).map_err(|e| unusable(&e))?;
            }
            if roots.is_empty() {
                return Err(unusable(&"no certificate in it"));
            }
        }
        None => {
            // What of them is unusable is left out; with none at all a connection says so.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refused("ca", &e))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
#[path = "tls_test.rs"]
mod tests;
