//! The server's own TLS: one certificate for all names, which is read again when its files change.
//!
//! Both listeners use it, but that of operators only where it is not on loopback. TLS 1.2 and 1.3 are spoken, with the
//! cipher suites that rustls takes; players and their browsers show no certificates of their own.

mod certificate;

use crate::config::{Config, FileSetting, HostName};
use crate::secret_file::{self, SecretFileError, Stamp, stamp};
pub(crate) use certificate::Certificate;
use certificate::self_signed;
use parking_lot::{Mutex, RwLock};
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Bytes that the file of a certificate with its chain, or that of a key, may have.
const FILE_BYTES_MAX: usize = 262_144;

/// The reason for which TLS cannot be offered. No reason has the content of a file in it.
#[derive(Debug, Error)]
pub enum TlsError {
    /// There is a certificate without a key, or a key without a certificate.
    #[error("TLS needs both a certificate and its key: name {missing} too")]
    Half {
        /// The option that is missing.
        missing: &'static str,
    },
    /// Two certificates are wanted at once.
    #[error("--tls-self-signed makes a certificate for trying, so leave --tls-cert and --tls-key out, or leave it out")]
    Both,
    /// The file of the certificate cannot be read.
    #[error("the certificate {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The file of the key cannot be read, or is open to other users.
    #[error("the key of the certificate cannot be used")]
    KeyFile(#[from] SecretFileError),
    /// The file has no certificate in it.
    #[error(
        "{} has no certificate in PEM form; it begins with -----BEGIN CERTIFICATE-----, the server's own certificate \
         first and then those of its authorities", path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file has something else than a certificate between its marks.
    #[error("the certificate in {} cannot be understood: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The words of the parser.
        reason: String,
    },
    /// The file has no key in it, or one of a kind that is not supported.
    #[error("{} has no private key in PEM form that can be used: a key of ECDSA, Ed25519 or RSA, without a password", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), certificate.display())]
    OtherKey {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// No certificate for trying could be made.
    #[error("no self-signed certificate can be made: {reason}")]
    SelfSigned {
        /// The words of the library.
        reason: String,
    },
    /// The library refuses the settings.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// Certificates and sessions of a server.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    files: Option<Files>,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Current(RwLock<Arc<Certificate>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().key))
    }
}

/// The files of a certificate.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// The names by which players are told to call the server.
    hosts: Vec<HostName>,
    /// The files as they were when they were last looked at.
    seen: Mutex<[Option<Stamp>; 2]>,
}

impl Tls {
    /// The TLS of these settings; `None` when there is to be none.
    ///
    /// # Errors
    /// When the settings do not fit together, or the files cannot be used.
    pub(crate) fn open(config: &Config) -> Result<Option<Self>, TlsError> {
        let (certificate, files) = match (&config.tls_cert, &config.tls_key, config.tls_self_signed) {
            (FileSetting::Off, FileSetting::Off, false) => return Ok(None),
            (FileSetting::Off, FileSetting::Off, true) => (self_signed(&config.hosts)?, None),
            (_, _, true) => return Err(TlsError::Both),
            (FileSetting::At(_), FileSetting::Off, false) => return Err(TlsError::Half { missing: "--tls-key" }),
            (FileSetting::Off, FileSetting::At(_), false) => return Err(TlsError::Half { missing: "--tls-cert" }),
            (FileSetting::At(certificate), FileSetting::At(key), false) => {
                let seen = Mutex::new([stamp(certificate), stamp(key)]);
                let (certificate, key) = (certificate.clone(), key.clone());
                let files = Files { certificate, key, hosts: config.hosts.clone(), seen };
                let read = files.read()?;
                files.warn(&read);
                (read, Some(files))
            }
        };
        let current = Arc::new(Current(RwLock::new(Arc::new(certificate))));
        Ok(Some(Self { config: Arc::new(server_config(&current)?), current, files }))
    }

    /// The configuration of a new connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Whether the certificate was made by the server itself, so that browsers do not trust it.
    pub(crate) const fn is_self_signed(&self) -> bool {
        self.files.is_none()
    }

    /// Seconds since 1970 at which the certificate expires.
    pub(crate) fn expires_unix_s(&self) -> i64 {
        self.current.0.read().expires_unix_s
    }

    /// Reads the certificate again if its files have changed, or in any case. A certificate that cannot be used changes
    /// nothing, and connections that are open keep theirs.
    pub(crate) fn reload(&self, in_any_case: bool) {
        let Some(files) = &self.files else { return };
        // Held to the end: two threads may have it read again, and the newer certificate has to win.
        let mut seen = files.seen.lock();
        let found = [stamp(&files.certificate), stamp(&files.key)];
        if *seen == found && !in_any_case {
            return;
        }
        *seen = found;
        match files.read() {
            Ok(certificate) => {
                let expires = certificate.expires();
                tracing::info!(names = ?certificate.names, expires, "the certificate was read again");
                files.warn(&certificate);
                *self.current.0.write() = Arc::new(certificate);
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "the certificate stays as it was");
            }
        }
    }
}

impl Files {
    fn read(&self) -> Result<Certificate, TlsError> {
        let unread = |source| TlsError::Read { path: self.certificate.clone(), source };
        let chain = secret_file::read_plain(&self.certificate, FILE_BYTES_MAX).map_err(unread)?;
        let key = secret_file::read(&self.key, FILE_BYTES_MAX)?;
        certificate::parse(&chain, &key).map_err(|fault| fault.of(&self.certificate, &self.key))
    }

    /// Says in the log what browsers would complain about.
    fn warn(&self, certificate: &Certificate) {
        let expires = certificate.expires();
        if certificate.is_expired() {
            tracing::error!(expires, "the certificate has expired: browsers refuse it until its files are replaced");
        }
        for host in self.hosts.iter().filter(|host| !certificate.is_for(&host.to_string())) {
            tracing::warn!(%host, names = ?certificate.names, "the certificate is not for a name of --host");
        }
    }
}

fn server_config(current: &Arc<Current>) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::clone(current) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A player who comes back needs one.
    config.send_tls13_tickets = 1;
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

/// The faults of a certificate and its key, before the files are named.
#[derive(Debug)]
enum Fault {
    NoCertificate,
    Malformed(String),
    NoKey,
    OtherKey,
}

impl Fault {
    fn of(self, certificate: &Path, key: &Path) -> TlsError {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        match self {
            Self::NoCertificate => TlsError::NoCertificate { path: certificate },
            Self::Malformed(reason) => TlsError::Malformed { path: certificate, reason },
            Self::NoKey => TlsError::NoKey { path: key },
            Self::OtherKey => TlsError::OtherKey { key, certificate },
        }
    }
}

impl From<rustls::Error> for Fault {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Self::OtherKey,
            other => Self::Malformed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
