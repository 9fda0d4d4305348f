//! Which PostgreSQL, as whom, and over what: TLS wherever the way leaves this machine.

use crate::Error;
use crate::tls::tls_client;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection may take: longer, and the server is as good as down.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// After how much silence a connection is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How an index on PostgreSQL is reached.
#[derive(Clone)]
pub struct PostgresSettings {
    pub(super) connection: tokio_postgres::Config,
    pub(super) tls: MakeRustlsConnect,
    /// Host, port and database, for people.
    pub(super) server: String,
}

impl PostgresSettings {
    /// Reads a `postgresql://` URL without a password. Unless all its hosts are this machine, TLS is required and the
    /// server's certificate checked, against the certificates in `ca` or, without it, the system's. On this machine
    /// there is TLS where `sslmode=require` asks for it, or where `ca` is given and the server has it.
    ///
    /// # Errors
    /// [`Error::Setting`]: the URL, the password's file or the certificates cannot be used.
    pub fn new(url: &str, password: Option<&Path>, ca: Option<&Path>) -> Result<Self, Error> {
        let mut connection = parsed(url)?;
        if connection.get_ssl_mode() == SslMode::Prefer && ca.is_none() && stays_here(&connection) {
            // Many a package makes a certificate that leads nowhere; on this machine it would only be in the way.
            connection.ssl_mode(SslMode::Disable);
        }
        if let Some(path) = password {
            connection.password(secret(path, "password_file")?);
        }
        connection
            .connect_timeout(CONNECT_TIME)
            .keepalives_idle(KEEPALIVE)
            .application_name("sekisho");
        let server = server(&connection);
        Ok(Self {
            tls: MakeRustlsConnect::new(tls_client(ca)?),
            connection,
            server,
        })
    }

    /// Whether a URL can be used, as far as its text says.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(url: &str) -> Result<(), Error> {
        parsed(url).map(drop)
    }

    /// Host, port and database, for people.
    pub fn server(&self) -> &str {
        &self.server
    }
}

impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresSettings({})", self.server)
    }
}

fn parsed(url: &str) -> Result<tokio_postgres::Config, Error> {
    let mut connection: tokio_postgres::Config = url
        .parse()
        .map_err(|e: tokio_postgres::Error| refused("url", &e))?;
    if connection.get_password().is_some() {
        return Err(setting(
            "url",
            "holds a password; write it to a file of its own",
        ));
    }
    if connection.get_hosts().is_empty() && connection.get_hostaddrs().is_empty() {
        return Err(setting("url", "names no host"));
    }
    if connection.get_user().is_none() || connection.get_dbname().is_none() {
        return Err(setting(
            "url",
            "names no user or no database; write postgresql://user@host/database",
        ));
    }
    if !stays_here(&connection) {
        if connection.get_ssl_mode() == SslMode::Disable {
            return Err(setting(
                "url",
                "leads to another machine without TLS; leave out sslmode",
            ));
        }
        connection.ssl_mode(SslMode::Require);
    }
    Ok(connection)
}

pub(crate) fn setting(key: &'static str, what: impl Into<String>) -> Error {
    Error::Setting {
        key,
        what: what.into(),
    }
}

pub(crate) fn refused(key: &'static str, error: &dyn std::error::Error) -> Error {
    let mut what = error.to_string();
    if let Some(source) = error.source() {
        what = format!("{what}: {source}");
    }
    setting(key, what)
}

/// A secret's file: its first line.
pub(crate) fn secret(path: &Path, key: &'static str) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| setting(key, format!("{} cannot be read: {e}", path.display())))?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() {
        return Err(setting(key, format!("{} is empty", path.display())));
    }
    Ok(line)
}

/// Whether no byte leaves this machine: sockets and loopback addresses.
fn stays_here(connection: &tokio_postgres::Config) -> bool {
    let host = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    };
    connection.get_hosts().iter().all(host)
        && connection.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn server(connection: &tokio_postgres::Config) -> String {
    let hosts = connection.get_hosts().iter().map(|host| match host {
        Host::Unix(path) => path.display().to_string(),
        Host::Tcp(name) => name.clone(),
    });
    let ports: Vec<_> = connection.get_ports().iter().map(u16::to_string).collect();
    let hosts: Vec<_> = hosts.collect();
    format!(
        "{}:{}/{}",
        hosts.join(","),
        if ports.is_empty() {
            "5432".to_owned()
        } else {
            ports.join(",")
        },
        connection.get_dbname().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_is_encrypted_and_no_url_holds_a_secret() {
        let mode = |url: &str| {
            PostgresSettings::new(url, None, None)
                .unwrap()
                .connection
                .get_ssl_mode()
        };
        for here in [
            "postgresql://sekisho@127.0.0.1/index",
            "postgresql://sekisho@localhost:5433/index",
            "postgresql://sekisho@[::1]/index",
            "postgresql://sekisho@%2Frun%2Fpostgresql/index",
        ] {
            assert_eq!(mode(here), SslMode::Disable, "{here}");
            let required = mode(&format!("{here}?sslmode=require"));
            assert_eq!(required, SslMode::Require, "{here}");
        }
        for away in [
            "postgresql://sekisho@db.example.jp/index",
            "postgresql://sekisho@127.0.0.1,192.0.2.1/index",
            "postgresql://sekisho@localhost/index?hostaddr=192.0.2.1",
        ] {
            assert_eq!(mode(away), SslMode::Require, "{away}");
        }
        for (url, word) in [
            ("postgresql://sekisho:hidden@127.0.0.1/index", "password"),
            (
                "postgresql://sekisho@db.example.jp/index?sslmode=disable",
                "TLS",
            ),
            ("postgresql://127.0.0.1/index", "user"),
            ("postgresql://sekisho@127.0.0.1", "database"),
            ("postgresql:///index?user=sekisho", "host"),
            (
                "postgresql://sekisho@127.0.0.1/index?nonsense=1",
                "nonsense",
            ),
        ] {
            let error = PostgresSettings::new(url, None, None)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(word) && !error.contains("hidden"),
                "{url}: {error}"
            );
        }
    }

    #[test]
    fn secrets_and_certificates_that_cannot_be_used_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (gone, empty) = (dir.path().join("gone"), dir.path().join("empty"));
        std::fs::write(&empty, "\n").unwrap();
        let url = "postgresql://sekisho@127.0.0.1/index";
        for (password, ca, words) in [
            (Some(&gone), None, "cannot be read"),
            (Some(&empty), None, "is empty"),
            (None, Some(&gone), "gone"),
            (None, Some(&empty), "no certificate"),
        ] {
            let error =
                PostgresSettings::new(url, password.map(|p| p.as_path()), ca.map(|p| p.as_path()));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
