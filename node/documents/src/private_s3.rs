//! An S3 server of a test's own on loopback (s3s-fs), behind a relay that can make it slow, broken or absent.

use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const BUCKET: &str = "contents";

/// What the relay does with what the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not every test that has a server needs them all")]
pub enum Relay {
    /// Passes it on.
    Whole,
    /// Passes nothing on, and keeps the connection.
    Stalled,
    /// Passes on so many bytes of each answer and closes the connection.
    Cut(usize),
    /// Closes each connection at once.
    Refused,
}

impl Relay {
    fn number(self) -> usize {
        match self {
            Self::Whole => 0,
            Self::Stalled => 1,
            Self::Refused => 2,
            Self::Cut(bytes) => 3 + bytes,
        }
    }
    fn of(number: usize) -> Self {
        match number {
            0 => Self::Whole,
            1 => Self::Stalled,
            2 => Self::Refused,
            more => Self::Cut(more - 3),
        }
    }
}

pub struct S3 {
    runtime: Option<tokio::runtime::Runtime>,
    address: SocketAddr,
    relay: Arc<AtomicUsize>,
    dir: tempfile::TempDir,
}

impl S3 {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("objects");
        std::fs::create_dir_all(root.join(BUCKET)).unwrap();
        for (name, secret) in [("access", "AKSEKISHO"), ("secret", "sekisho-secret\n")] {
            std::fs::write(dir.path().join(name), secret).unwrap();
        }
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
        service.set_auth(SimpleAuth::from_single("AKSEKISHO", "sekisho-secret"));
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let relay = Arc::new(AtomicUsize::new(0));
        let (behind, address) = runtime.block_on(async {
            let listeners = (
                TcpListener::bind("127.0.0.1:0").await.unwrap(),
                TcpListener::bind("127.0.0.1:0").await.unwrap(),
            );
            // Another server, already running with the bucket and credentials of these tests, may stand in its place.
            let other = std::env::var("SEKISHO_TEST_S3").ok();
            let behind = other.map_or_else(
                || listeners.0.local_addr().unwrap(),
                |address| address.parse().unwrap(),
            );
            let address = listeners.1.local_addr().unwrap();
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listeners.0.accept().await.unwrap();
                    let service = service.clone();
                    tokio::spawn(async move {
                        let server =
                            hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                        let _ = server.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            });
            let relay = Arc::clone(&relay);
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listeners.1.accept().await.unwrap();
                    tokio::spawn(passed_on(stream, behind, Arc::clone(&relay)));
                }
            });
            (behind, address)
        });
        assert_ne!(behind, address);
        Self {
            runtime: Some(runtime),
            address,
            relay,
            dir,
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    #[allow(dead_code, reason = "not every test that has a server asks for it")]
    pub fn set(&self, relay: Relay) {
        self.relay.store(relay.number(), Ordering::SeqCst);
    }

    /// A file of one of the credentials, `access` or `secret`.
    pub fn credential(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder in which the server keeps its objects.
    pub fn objects(&self) -> PathBuf {
        self.dir.path().join("objects").join(BUCKET)
    }

    /// The objects' files.
    #[allow(dead_code, reason = "not every test that has a server asks for it")]
    pub fn files(&self) -> Vec<PathBuf> {
        fn below(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => below(&entry.path(), files),
                    false => files.push(entry.path()),
                }
            }
        }
        let mut files = Vec::new();
        below(&self.objects(), &mut files);
        files.sort();
        files
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

async fn passed_on(client: TcpStream, behind: SocketAddr, relay: Arc<AtomicUsize>) {
    let mode = || Relay::of(relay.load(Ordering::SeqCst));
    if mode() == Relay::Refused {
        return;
    }
    let server = TcpStream::connect(behind).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            // Another request begins another answer.
            counted.store(0, Ordering::SeqCst);
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
        match mode() {
            Relay::Whole => {}
            Relay::Stalled => return std::future::pending().await,
            Relay::Refused => return,
            Relay::Cut(bytes) => {
                let passed = asked.fetch_add(read, Ordering::SeqCst);
                let left = bytes.saturating_sub(passed).min(read);
                let _ = to_client.write_all(&buffer[..left]).await;
                if left < read {
                    return;
                }
                continue;
            }
        }
        if to_client.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
