//! A certificate with its key, from text in PEM form, and the facts that an operator wants to know of it.

use super::{Fault, TlsError};
use crate::clock::unix_s;
use crate::config::HostName;
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate that connections can be shown.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// The names that it is for.
    pub(super) names: Vec<String>,
    pub(super) expires_unix_s: i64,
}

impl Certificate {
    /// Whether its time is over.
    pub(super) fn is_expired(&self) -> bool {
        i64::try_from(unix_s()).is_ok_and(|now_s| self.expires_unix_s <= now_s)
    }

    /// The moment at which its time is over, as text.
    pub(super) fn expires(&self) -> String {
        let moment = OffsetDateTime::from_unix_timestamp(self.expires_unix_s).ok();
        moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
    }

    /// Whether a browser that calls the server by this name accepts it.
    pub(super) fn is_for(&self, host: &str) -> bool {
        let name = ServerName::try_from(host).ok();
        let own = self.key.end_entity_cert().ok().and_then(|own| ParsedCertificate::try_from(own).ok());
        name.zip(own).is_some_and(|(name, own)| verify_server_name(&own, &name).is_ok())
    }
}

/// The certificate of these texts: the chain, the server's own one first, and its key.
pub(super) fn parse(chain: &[u8], key: &[u8]) -> Result<Certificate, Fault> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| Fault::Malformed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Fault::NoKey)?;
    of(chain, key)
}

fn of(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Certificate, Fault> {
    let own = chain.first().ok_or(Fault::NoCertificate)?;
    let (_, parsed) = X509Certificate::from_der(own).map_err(|error| Fault::Malformed(error.to_string()))?;
    let expires_unix_s = parsed.validity().not_after.timestamp();
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(shown).collect();
    let key = ring::default_provider().key_provider.load_private_key(key).map_err(|_| Fault::NoKey)?;
    let key = CertifiedKey::new(chain, key);
    key.keys_match()?;
    Ok(Certificate { key: Arc::new(key), names, expires_unix_s })
}

/// A name as an operator reads it; `None` for a kind of name that no browser looks at.
fn shown(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    }
}

/// A certificate for trying: for this machine and the names of the settings, by nobody whom a browser trusts.
pub(super) fn self_signed(hosts: &[HostName]) -> Result<Certificate, TlsError> {
    let failed = |reason: String| TlsError::SelfSigned { reason };
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let names: Vec<String> = own.into_iter().chain(hosts.iter().map(ToString::to_string)).collect();
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    of(vec![made.cert.der().clone()], key).map_err(|fault| failed(format!("{fault:?}")))
}
