//! A relay before a PACS, which passes on what is asked and answered, has some of it answered otherwise, or is away. It
//! may speak TLS, as a proxy of a hospital does: Debian 12's Orthanc cannot itself (its civetweb asks OpenSSL 3 for a
//! function it does not have, and resets every connection).

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What happens to a request.
#[derive(Debug, Clone, Default)]
pub enum Passes {
    /// It is passed on.
    #[default]
    All,
    /// Where its path begins so, it is answered with these bytes.
    But(String, Vec<u8>),
    /// Its connection is closed.
    Nothing,
}

pub struct Relay {
    pub address: SocketAddr,
    passes: Arc<Mutex<Passes>>,
}

impl Relay {
    pub fn before(pacs: SocketAddr) -> Self {
        Self::speaking(None, pacs)
    }

    pub fn with_tls(tls: ServerConfig, pacs: SocketAddr) -> Self {
        Self::speaking(Some(Arc::new(tls)), pacs)
    }

    fn speaking(tls: Option<Arc<ServerConfig>>, pacs: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passes = Arc::new(Mutex::new(Passes::All));
        let of_thread = Arc::downgrade(&passes);
        // Ends with the relay, at the connection made when it goes.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(passes) = of_thread.upgrade() else {
                    return;
                };
                let passes = passes.lock().unwrap().clone();
                let stream = stream.unwrap();
                // Who asked may have gone, or not like the certificate.
                let _ = match &tls {
                    None => passed(stream, pacs, passes),
                    Some(tls) => {
                        let tls = ServerConnection::new(Arc::clone(tls)).unwrap();
                        passed(StreamOwned::new(tls, stream), pacs, passes)
                    }
                };
            }
        });
        Self { address, passes }
    }

    pub fn set(&self, passes: Passes) {
        *self.passes.lock().unwrap() = passes;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.passes = Arc::default();
        let _ = TcpStream::connect(self.address);
    }
}

fn passed(mut client: impl Read + Write, pacs: SocketAddr, passes: Passes) -> std::io::Result<()> {
    // A request has no body.
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head);
    let path = text.split(' ').nth(1).unwrap_or_default();
    match passes {
        Passes::Nothing => Ok(()),
        Passes::But(begins, bytes) if path.starts_with(&begins) => {
            let length = bytes.len();
            write!(
                client,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )?;
            client.write_all(&bytes)
        }
        Passes::But(..) | Passes::All => {
            let mut server = TcpStream::connect(pacs)?;
            let head = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            server.write_all(head.as_bytes())?;
            std::io::copy(&mut server, &mut client).map(drop)
        }
    }
}
