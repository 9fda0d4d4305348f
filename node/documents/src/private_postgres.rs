//! A PostgreSQL server of a test's own: on loopback, with its data in a temporary folder, gone with the test.
//!
//! PostgreSQL refuses to run as root; there it runs as the package's user, else as `nobody`.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Postgres {
    bin: PathBuf,
    account: Option<(u32, u32)>,
    dir: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

/// The folder of the newest server's programs; installed where the test may install, under CI.
fn programs() -> Option<PathBuf> {
    let newest = || {
        let versions = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten();
        let number = |path: PathBuf| {
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            let bin = path.join("bin");
            bin.join("initdb").is_file().then_some((version, bin))
        };
        versions
            .filter_map(|v| number(v.path()))
            .max()
            .map(|(_, bin)| bin)
    };
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    if newest().is_none() && ci {
        let _ = Command::new("apt-get")
            .args(["install", "-y", "postgresql"])
            .output();
        assert!(
            newest().is_some(),
            "PostgreSQL is not here, and apt-get did not bring it"
        );
    }
    newest()
}

/// Who runs the server, where this program is root.
fn account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let named = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let of = |n: usize| fields.get(n).and_then(|id| id.parse().ok());
            (fields.first() == Some(&name)).then_some((of(2)?, of(3)?))
        })
    };
    named("postgres").or_else(|| named("nobody"))
}

impl Postgres {
    /// Starts one; none, and a word of it, where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            eprintln!("left out: PostgreSQL is not installed (apt-get install postgresql)");
            return None;
        };
        let (dir, account) = (tempfile::tempdir().unwrap(), account());
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        if let Some((user, group)) = account {
            chown(&data, Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Self {
            bin,
            account,
            dir,
            port,
            child: None,
        };
        let mut initdb = server.command("initdb");
        initdb.args([
            "--username=sekisho",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--pgdata",
        ]);
        let made = initdb.arg(&data).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        server.again();
        Some(server)
    }

    /// Starts it, at first or after [`Postgres::stop`].
    pub fn again(&mut self) {
        let mut command = self.command("postgres");
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        let port = format!("port={}", self.port);
        for setting in [
            "listen_addresses=127.0.0.1",
            &port,
            "unix_socket_directories=",
            "fsync=off",
        ] {
            command.args(["-c", setting]);
        }
        command.arg("-D").arg(self.data()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while !self
            .psql("postgres", "SELECT 1")
            .output()
            .unwrap()
            .status
            .success()
        {
            assert!(
                begun.elapsed() < PATIENCE,
                "{:?}",
                fs::read_to_string(self.dir.path().join("log"))
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts it again with a certificate and its key. `remote` may then come over TLS only, with a password.
    #[allow(dead_code, reason = "not every test that has a server asks for it")]
    pub fn speak_tls(&mut self, certificate: &str, key: &str, password: &str) {
        self.sql(
            "postgres",
            &format!("CREATE ROLE remote LOGIN PASSWORD '{password}'"),
        );
        self.stop();
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            if let Some((user, group)) = self.account {
                chown(&path, Some(user), Some(group)).unwrap();
            }
        }
        for (name, before, behind) in [
            (
                "pg_hba.conf",
                "hostssl all remote all scram-sha-256\nhostnossl all remote all reject\n",
                "",
            ),
            ("postgresql.conf", "", "\nssl = on\n"),
        ] {
            let path = self.data().join(name);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("{before}{text}{behind}")).unwrap();
        }
        self.again();
    }

    /// The port it answers at.
    #[allow(dead_code, reason = "not every test that has a server asks for it")]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it at once, as a power cut would.
    pub fn stop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--mode=immediate", "--silent", "--pgdata"])
            .arg(self.data());
        let _ = stop.output();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgresql://sekisho@127.0.0.1:{}/{database}", self.port)
    }

    /// Carries out a statement and gives what it says.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let said = self.psql(database, statement).output().unwrap();
        assert!(
            said.status.success(),
            "{statement}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        String::from_utf8(said.stdout).unwrap()
    }

    /// Whether the files of a database's tables hold some text.
    #[allow(dead_code, reason = "not every test that has a server asks for it")]
    pub fn tables_hold(&self, database: &str, text: &str) -> bool {
        let files = self.sql(
            database,
            "SELECT pg_relation_filepath(c.oid) FROM pg_class c WHERE relname LIKE 'sekisho%' OR relname LIKE 'pg_toast%'",
        );
        let held = |path: &str| {
            let bytes = fs::read(self.data().join(path)).unwrap_or_default();
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        files
            .lines()
            .map(str::trim)
            .filter(|path| !path.is_empty())
            .any(held)
    }

    fn psql(&self, database: &str, statement: &str) -> Command {
        let mut psql = self.command("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--command",
            statement,
        ]);
        psql.arg(self.url(database));
        psql
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = match (self.account, Path::new("/usr/bin/setpriv").is_file()) {
            (Some((user, group)), true) => {
                let mut command = Command::new("/usr/bin/setpriv");
                command.args(["--reuid", &user.to_string(), "--regid", &group.to_string()]);
                command
                    .args(["--clear-groups", "--pdeathsig", "KILL", "--"])
                    .arg(program);
                command
            }
            _ => Command::new(program),
        };
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}
