//! A PostgreSQL primary and two streaming standbys as processes on loopback, with their data under the benchmark's
//! temporary directory. PostgreSQL refuses to run as root; there it runs as the package's own user, else as `nobody`.

use crate::BenchError;
use crate::certified::Certified;
use crate::child::{LOOK_EVERY, Server, last_words, loopback, program, server_command};
use crate::cluster::PATIENCE;
use std::fs::{self, File, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where Debian's packages put each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The primary's port; the standbys' follow.
const PORT: u16 = 15_432;
/// How many standbys there are; one of them must have a commit on its disk.
const STANDBYS: u16 = 2;
/// The database's superuser, made by `initdb`.
const USER: &str = "bench";
/// The folder of their data in the temporary directory.
const SERVERS: &str = "servers";
/// `pg_hba.conf` of a server that lets in whoever shows a certificate in the user's name, and nobody else.
const ONLY_BY_CERTIFICATE: &str =
    "hostssl all all 127.0.0.0/8 cert\nhostssl replication all 127.0.0.0/8 cert\n";
/// Bytes of each row's body.
pub(super) const BODY_BYTES: usize = 512;

/// The folder of the newest version's programs, or how to get them.
pub(crate) fn programs() -> Result<PathBuf, BenchError> {
    let number = |folder: &Path| {
        let version = folder.file_name()?.to_str()?.parse::<u32>().ok();
        let bin = folder.join("bin");
        let all = [
            "initdb",
            "pg_ctl",
            "postgres",
            "pg_basebackup",
            "psql",
            "pgbench",
        ];
        let there = all.iter().all(|program| bin.join(program).is_file());
        version.filter(|_| there).map(|version| (version, bin))
    };
    let folders = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = folders.filter_map(|folder| number(&folder.path())).max();
    newest.map(|(_, bin)| bin).ok_or(BenchError::Absent {
        what: "PostgreSQL (initdb, pg_ctl, postgres, pg_basebackup, psql and pgbench under /usr/lib/postgresql/*/bin)",
        how: "apt-get install -y postgresql",
    })
}

/// Who runs the servers, where this program is root.
struct Account {
    user: u32,
    group: u32,
}

/// The system's account for it; none where this program is not root and so runs them itself.
fn account() -> Result<Option<Account>, BenchError> {
    let own = fs::metadata("/proc/self").map_err(BenchError::system("its own user"))?;
    if own.uid() != 0 {
        return Ok(None);
    }
    if program("setpriv").is_none() {
        return Err(BenchError::Absent {
            what: "setpriv, which makes a server of root's an ordinary user's,",
            how: "apt-get install -y util-linux",
        });
    }
    let users = fs::read_to_string("/etc/passwd").map_err(BenchError::system("its users"))?;
    let named = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [_, _, user, group, ..] = fields.as_slice() else {
                return None;
            };
            let (user, group) = (user.parse().ok()?, group.parse().ok()?);
            (fields.first() == Some(&name)).then_some(Account { user, group })
        })
    };
    let account = named("postgres").or_else(|| named("nobody"));
    account.map(Some).ok_or(BenchError::Absent {
        what: "a user postgres or nobody, who runs PostgreSQL where this program is root,",
        how: "adduser --system postgres",
    })
}

/// The three servers.
pub(crate) struct Postgres {
    bin: PathBuf,
    account: Option<Account>,
    // Dropped in this order: the standbys follow the primary.
    _standbys: Vec<Server>,
    _primary: Server,
    /// Where they listen.
    address: Ipv4Addr,
    /// How its clients are told to connect, beside where.
    database: String,
    /// Its version, as it says.
    pub(super) version: String,
    dir: TempDir,
}

impl Postgres {
    /// One primary whose commits wait for a standby's disk; with mutual TLS to standbys and clients, or without.
    pub(super) fn start(bin: &Path, tls: bool) -> Result<Self, BenchError> {
        Self::with(bin, STANDBYS, tls)
    }

    /// One server alone, whose commits wait for its own disk.
    pub(crate) fn alone(bin: &Path) -> Result<Self, BenchError> {
        Self::with(bin, 0, false)
    }

    /// Where a client finds a database of its.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://{USER}@{}:{PORT}/postgres", self.address)
    }

    /// Bytes of its database on the disk.
    pub(crate) fn bytes(&self) -> Result<u64, BenchError> {
        let mut asking = Asking {
            psql: command(&self.bin, self.account.as_ref(), "psql"),
            address: self.address,
            database: &self.database,
        };
        let said = asking.ask("SELECT pg_database_size('postgres')")?;
        said.parse().map_err(|_| BenchError::Wrong {
            what: "the size of a database",
            expected: "a number".to_owned(),
            got: said,
        })
    }

    fn with(bin: &Path, standbys: u16, tls: bool) -> Result<Self, BenchError> {
        let failed = || BenchError::system("a temporary directory");
        let dir = tempfile::tempdir().map_err(failed())?;
        let account = account()?;
        // Others may pass through to what is theirs.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).map_err(failed())?;
        let data = dir.path().join(SERVERS);
        fs::create_dir(&data).map_err(failed())?;
        if let Some(Account { user, group }) = account {
            chown(&data, Some(user), Some(group)).map_err(failed())?;
        }
        let (address, log) = (loopback(), dir.path().join("log"));
        let run = |name: &str| command(bin, account.as_ref(), name);
        let primary_dir = data.join("primary");
        let mut initdb = run("initdb");
        initdb.arg("--pgdata").arg(&primary_dir).args([
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
        ]);
        done("initdb", &mut initdb, &log)?;
        let certified = match tls {
            true => Some(Certified::make(&data, address, USER)?),
            false => None,
        };
        let (mut ssl, mut connection) = (Vec::new(), String::new());
        if let Some(Certified {
            authority,
            certificate,
            key,
            ..
        }) = &certified
        {
            fs::write(primary_dir.join("pg_hba.conf"), ONLY_BY_CERTIFICATE).map_err(failed())?;
            // Whoever else may read a key is refused its use.
            fs::set_permissions(key, Permissions::from_mode(0o600)).map_err(failed())?;
            if let Some(Account { user, group }) = account {
                chown(key, Some(user), Some(group)).map_err(failed())?;
            }
            let (authority, certificate, key) =
                (authority.display(), certificate.display(), key.display());
            ssl = vec![
                "ssl=on".to_owned(),
                "ssl_min_protocol_version=TLSv1.3".to_owned(),
                format!("ssl_ca_file={authority}"),
                format!("ssl_cert_file={certificate}"),
                format!("ssl_key_file={key}"),
            ];
            connection = format!(
                " sslmode=verify-ca sslrootcert={authority} sslcert={certificate} sslkey={key}"
            );
        }
        let database = format!("dbname=postgres{connection}");

        let names: Vec<_> = (1..=standbys).map(|n| format!("standby{n}")).collect();
        let server = |name: &str, data: &Path, port: u16| {
            let mut command = run("postgres");
            command.arg("-D").arg(data);
            for setting in [
                format!("listen_addresses={address}"),
                format!("port={port}"),
                "unix_socket_directories=".to_owned(),
                "max_connections=200".to_owned(),
                "wal_level=replica".to_owned(),
                "fsync=on".to_owned(),
                "synchronous_commit=on".to_owned(),
            ]
            .iter()
            .chain(&ssl)
            {
                command.args(["-c", setting]);
            }
            let log = dir.path().join(format!("{name}.log"));
            (command, log)
        };
        let (mut command, primary_log) = server("primary", &primary_dir, PORT);
        // Waits for nobody until both standbys are there.
        let mut primary = Server::start("the PostgreSQL primary", &mut command, &primary_log)?;
        let mut asking = Asking {
            psql: run("psql"),
            address,
            database: &database,
        };
        let ready = asking.until("SELECT 1", "1", || primary.check());
        ready?;

        let mut running = Vec::new();
        for (n, name) in (1..).zip(&names) {
            let data = data.join(name);
            let from = format!(
                "host={address} port={PORT} user={USER} application_name={name}{connection}"
            );
            let mut copy = run("pg_basebackup");
            copy.arg("--pgdata").arg(&data).args([
                "--dbname",
                &from,
                "--write-recovery-conf",
                "--checkpoint=fast",
            ]);
            done("pg_basebackup", &mut copy, &log)?;
            let (mut command, log) = server(name, &data, PORT + n);
            running.push(Server::start("a PostgreSQL standby", &mut command, &log)?);
        }
        if standbys > 0 {
            asking.ask(&format!(
                "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({})'",
                names.join(", ")
            ))?;
            asking.ask("SELECT pg_reload_conf()")?;
            let all = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'";
            asking.until(all, &standbys.to_string(), || {
                primary.check()?;
                running.iter_mut().try_for_each(Server::check)
            })?;
        }
        asking.ask("CREATE TABLE entry (id bigserial PRIMARY KEY, body text NOT NULL)")?;
        let version = asking.ask("SHOW server_version")?;
        Ok(Self {
            bin: bin.to_owned(),
            account,
            _standbys: running,
            _primary: primary,
            address,
            database,
            version,
            dir,
        })
    }

    /// Rows committed a second by so many clients, each inserting one row a transaction, as `pgbench` counts them.
    /// Their bodies travel with each insert.
    pub(super) fn rate(&self, clients: usize, seconds: u64) -> Result<f64, BenchError> {
        let script = self.dir.path().join("insert.sql");
        let failed = || BenchError::system("a file for pgbench");
        fs::write(&script, "INSERT INTO entry (body) VALUES (:body);\n").map_err(failed())?;
        fs::set_permissions(&script, Permissions::from_mode(0o644)).map_err(failed())?;
        let mut pgbench = command(&self.bin, self.account.as_ref(), "pgbench");
        pgbench
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={seconds}"))
            .arg(format!("--define=body={}", "Z".repeat(BODY_BYTES)))
            .arg("--file")
            .arg(&script)
            .args(["--host", &self.address.to_string(), "--username", USER])
            .arg(format!("--port={PORT}"))
            .arg(&self.database);
        let said = output("pgbench", &mut pgbench)?;
        tps(&said).ok_or_else(|| BenchError::Wrong {
            what: "pgbench",
            expected: "transactions without a failed one, and a line `tps = …`".to_owned(),
            got: said,
        })
    }

    /// The rows there are.
    pub(super) fn rows(&self) -> Result<u64, BenchError> {
        let mut asking = Asking {
            psql: command(&self.bin, self.account.as_ref(), "psql"),
            address: self.address,
            database: &self.database,
        };
        let said = asking.ask("SELECT count(*) FROM entry")?;
        said.parse().map_err(|_| BenchError::Wrong {
            what: "the number of rows",
            expected: "a number".to_owned(),
            got: said,
        })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Killed, a server would leave its shared memory to the system. One that does not stop is killed.
        for name in ["standby1", "standby2", "primary"] {
            let mut stop = command(&self.bin, self.account.as_ref(), "pg_ctl");
            stop.args(["stop", "--mode=immediate", "--silent", "--pgdata"])
                .arg(self.dir.path().join(SERVERS).join(name));
            let _ = stop.output();
        }
    }
}

/// A program of PostgreSQL's, as the account that may run it.
fn command(bin: &Path, account: Option<&Account>, name: &str) -> Command {
    let mut command = match (account, program("setpriv")) {
        (Some(Account { user, group }), Some(setpriv)) => {
            let mut command = Command::new(setpriv);
            command
                .args(["--reuid", &user.to_string(), "--regid", &group.to_string()])
                .args(["--clear-groups", "--pdeathsig", "KILL", "--"])
                .arg(bin.join(name));
            command
        }
        _ => server_command(bin.join(name)),
    };
    // Where it may be: the caller's own folder may be closed to that account.
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    command
}

/// Runs a program to its end; what it says goes to a file.
fn done(name: &'static str, command: &mut Command, log: &Path) -> Result<(), BenchError> {
    let out = File::create(log).map_err(BenchError::system("a file"))?;
    let again = out.try_clone().map_err(BenchError::system("a file"))?;
    let status = command.stdout(out).stderr(again).status();
    let status = status.map_err(BenchError::system("a process"))?;
    if status.success() {
        return Ok(());
    }
    Err(BenchError::Wrong {
        what: name,
        expected: "it ends well".to_owned(),
        got: format!("{status}; {}", last_words(log)),
    })
}

/// Runs a program to its end and returns what it says.
fn output(name: &'static str, command: &mut Command) -> Result<String, BenchError> {
    let output = command.output().map_err(BenchError::system("a process"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(BenchError::Wrong {
        what: name,
        expected: "it ends well".to_owned(),
        got: format!("{}: {}", output.status, text(&output.stderr)),
    })
}

/// `psql` on the primary.
struct Asking<'a> {
    psql: Command,
    address: Ipv4Addr,
    database: &'a str,
}

impl Asking<'_> {
    fn ask(&mut self, question: &str) -> Result<String, BenchError> {
        let mut psql = Command::new(self.psql.get_program());
        psql.args(self.psql.get_args()).current_dir("/");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--host", &self.address.to_string(), "--username", USER])
            .args([&format!("--port={PORT}"), "--command", question])
            .arg(self.database);
        output("psql", &mut psql)
    }

    /// Asks again until the answer is that; `check` says why that cannot be.
    fn until(
        &mut self,
        question: &str,
        answer: &str,
        mut check: impl FnMut() -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        let begun = Instant::now();
        while self.ask(question).ok().as_deref() != Some(answer) {
            check()?;
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::TooSlow {
                    what: "starting PostgreSQL",
                    max_s: Duration::as_secs(&PATIENCE),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

/// The rate `pgbench` reports, if no transaction failed.
fn tps(said: &str) -> Option<f64> {
    let value = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name));
    let failed = value("number of failed transactions:").unwrap_or("0");
    if failed.split_whitespace().next() != Some("0") {
        return None;
    }
    value("tps =")?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_and_failed_transactions_are_not_passed_over() {
        let said = "number of transactions actually processed: 7\n\
                    number of failed transactions: 0 (0.000%)\nlatency average = 1.2 ms\n\
                    tps = 12345.678901 (without initial connection time)\n";
        assert_eq!(tps(said), Some(12_345.678_901));
        let failing = said.replace("transactions: 0 (", "transactions: 3 (");
        assert_eq!(
            (tps(&failing), tps("tps = none"), tps("")),
            (None, None, None)
        );
    }
}
