//! The connection of a client, in the clear or under TLS, and the authorities that it trusts.
//!
//! A measurement that starts its own server makes a certificate for it, and trusts that one only.

mod relay;

pub use relay::relay;

use anyhow::{Context, Result, ensure};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A handshake must end within this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The authorities that a client trusts, and the name by which it calls the server.
#[derive(Debug, Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trust {
    /// Trusts the authorities that browsers trust.
    ///
    /// # Errors
    /// When the name is none that a certificate can be for.
    pub fn of_browsers(name: &str) -> Result<Self> {
        Self::of(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()), name)
    }

    /// Trusts the certificates in a file of PEM form.
    ///
    /// # Errors
    /// When the file has none, or the name is none that a certificate can be for.
    pub fn of_file(path: &Path, name: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in
            CertificateDer::pem_file_iter(path).with_context(|| format!("cannot read {}", path.display()))?
        {
            roots.add(certificate?)?;
        }
        ensure!(!roots.is_empty(), "{} has no certificate in PEM form", path.display());
        Self::of(roots, name)
    }

    fn of(roots: RootCertStore, name: &str) -> Result<Self> {
        let name = ServerName::try_from(name.to_owned()).with_context(|| format!("{name} is no name of a server"))?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
        Ok(Self { config: Arc::new(builder.with_root_certificates(roots).with_no_client_auth()), name })
    }

    /// Makes one handshake with a server.
    ///
    /// # Errors
    /// When there is no server, or when its certificate is not trusted; the error says why.
    pub fn check(&self, address: SocketAddr) -> Result<()> {
        let tcp = TcpStream::connect_timeout(&address, HANDSHAKE_TIMEOUT)
            .with_context(|| format!("no server listens on {address}"))?;
        tcp.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        tcp.set_write_timeout(Some(HANDSHAKE_TIMEOUT))?;
        let mut session = ClientConnection::new(Arc::clone(&self.config), self.name.clone())?;
        while session.is_handshaking() {
            session.complete_io(&mut &tcp).with_context(|| format!("no handshake of TLS with {address}"))?;
        }
        session.send_close_notify();
        // The server may have nothing more to hear.
        let _ = session.write_tls(&mut &tcp);
        Ok(())
    }
}

/// A connection that blocks or not, as its socket does.
#[derive(Debug)]
pub enum Wire {
    /// In the clear.
    Plain(TcpStream),
    /// Under TLS. The handshake is made with the first bytes.
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// Speaks over a connection: under TLS where `trust` names authorities to trust.
    ///
    /// # Errors
    /// When no session of TLS can be made.
    pub fn over(tcp: TcpStream, trust: Option<&Trust>) -> io::Result<Self> {
        let Some(Trust { config, name }) = trust else { return Ok(Self::Plain(tcp)) };
        let session = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        Ok(Self::Secure(Box::new(StreamOwned::new(session, tcp))))
    }

    /// The socket below.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Secure(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(space),
            Self::Secure(stream) => match stream.read(space) {
                // The end without a word of TLS is an end as well.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}

/// A certificate for a server on this machine, in a folder that is removed when the value is dropped.
#[derive(Debug)]
pub struct OwnCertificate {
    folder: PathBuf,
}

impl OwnCertificate {
    /// Makes a certificate for localhost and 127.0.0.1.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn make() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tickwire-tls-{}-{number}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let own = Self { folder };
        own.renew()?;
        Ok(own)
    }

    /// Puts another certificate with another key in the place of the first.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn renew(&self) -> Result<()> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        self.write("key.pem", &made.signing_key.serialize_pem())?;
        self.write("cert.pem", &made.cert.pem())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let new = self.folder.join(format!("{name}.new"));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        Ok(fs::rename(new, self.folder.join(name))?)
    }

    /// The file of the certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// The file of its key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// The options with which a server uses it.
    #[must_use]
    pub fn options(&self) -> [OsString; 4] {
        ["--tls-cert".into(), self.certificate().into(), "--tls-key".into(), self.key().into()]
    }

    /// The trust of its clients.
    ///
    /// # Errors
    /// When the certificate cannot be read.
    pub fn trust(&self) -> Result<Trust> {
        Trust::of_file(&self.certificate(), "localhost")
    }
}

impl Drop for OwnCertificate {
    fn drop(&mut self) {
        // A folder that stays is no fault of the measurement.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
