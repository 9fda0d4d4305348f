//! What can go wrong before a connection is asked for: keys, files, certificates, configuration.

use std::path::PathBuf;

/// A fault of this crate's own set-up. What goes wrong on a connection is a
/// [`ConnectFailure`](crate::ConnectFailure).
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A key file cannot be read or written.
    #[error("key file {} cannot be {action}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What was tried: `read`, `created`.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A key file others can read is no secret.
    #[error(
        "key file {} has mode {mode:04o}; a secret key must be readable by its owner alone (chmod 0600)",
        path.display()
    )]
    KeyFileMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file, or not of a seed's length.
    #[error("key file {} must be a regular file of {expected_bytes} bytes, got {got_bytes}", path.display())]
    KeyFileShape {
        /// The file.
        path: PathBuf,
        /// The length of a seed.
        expected_bytes: u64,
        /// The length found; 0 for what is not a regular file.
        got_bytes: u64,
    },
    /// The system gave no random bytes.
    #[error("the system's random source failed: {0}")]
    Random(getrandom::Error),
    /// The certificate could not be made.
    #[error("the certificate cannot be made")]
    Certificate(#[source] rcgen::Error),
    /// TLS refused the set-up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// An address that is not `host:port`.
    #[error("address {0:?} is not host:port")]
    Address(String),
    /// The listener gave no address.
    #[error("the listener has no address")]
    Listener(#[source] std::io::Error),
    /// The trace exporter's runtime did not start.
    #[error("the trace exporter's thread cannot be started")]
    Runtime(#[source] std::io::Error),
    /// A trace exporter configured by the environment cannot be made.
    #[error("the OTLP exporter cannot be set up from the OTEL_* variables")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// `RUST_LOG` does not parse.
    #[error("RUST_LOG {value:?} is not a filter")]
    LogFilter {
        /// The value found.
        value: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Telemetry was set up before in this process.
    #[error("telemetry is already set up in this process")]
    AlreadyInitialised,
}
