//! The address of an endpoint: http or https, without user information, and http to the own host only unless a setting
//! allows more.
//!
//! The operator sets the addresses and no player can; addresses inside the own network are therefore allowed.

use hyper::Uri;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// Bytes of an address at the most.
pub(crate) const URL_BYTES_MAX: usize = 2_048;

/// The reason for which a text is not the address of an endpoint. No reason has the text in it: a path may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum UrlError {
    /// The text is no absolute URL, or has characters that only an encoded URL may have.
    #[error("it is no URL; names and paths beyond ASCII have to be encoded")]
    Syntax,
    /// The text is too long.
    #[error("it has {len} bytes, and {URL_BYTES_MAX} are allowed")]
    TooLong {
        /// Its bytes.
        len: usize,
    },
    /// The scheme is another one.
    #[error("its scheme is neither https nor http")]
    Scheme,
    /// There is a name or a password before the host.
    #[error("it has user information before its host; the signature shows the sender")]
    UserInformation,
    /// It would be sent in the clear to another host.
    #[error("http goes to the own host only, unless the settings allow it: use https")]
    Clear,
}

/// The address of an endpoint.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EndpointUrl(Uri);

impl EndpointUrl {
    /// Reads a URL. `allows_http` lets requests to other hosts go in the clear.
    ///
    /// # Errors
    /// When the text is no URL, or one that no events are sent to.
    pub(crate) fn parse(text: &str, allows_http: bool) -> Result<Self, UrlError> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong { len: text.len() });
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
        let authority = uri.authority().ok_or(UrlError::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInformation);
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if authority.host().is_empty() || has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(UrlError::Syntax);
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if allows_http || is_loopback(authority.host()) => {}
            Some("http") => return Err(UrlError::Clear),
            _ => return Err(UrlError::Scheme),
        }
        Ok(Self(uri))
    }

    /// A number that stands for the address in the data folder, where the address itself must not be. `before` counts
    /// the endpoints before it that have the same one.
    pub(super) fn fingerprint(&self, before: u32) -> u64 {
        let hash = Sha256::new().chain_update(self.0.to_string()).chain_update(before.to_le_bytes()).finalize();
        u64::from_le_bytes(*hash.first_chunk().expect("SHA-256 has 32 bytes"))
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }
}

/// Whether the host is the own one. Only the name `localhost` is believed: others may lead elsewhere tomorrow.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for EndpointUrl {
    /// Without path and query: some receivers keep secrets there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
        write!(f, "{}://{}", part(self.0.scheme_str()), part(self.0.authority().map(|authority| authority.as_str())))
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_to_the_own_host() {
        for good in [
            "https://example.com/hooks?key=1",
            "https://10.0.0.7:8443",
            "HTTPS://EXAMPLE.COM",
            "http://127.0.0.1:9/x",
            "http://127.9.9.9",
            "http://[::1]:80/",
            "http://localhost:1",
        ] {
            assert!(EndpointUrl::parse(good, false).is_ok(), "{good}");
        }
        for clear in
            ["http://example.com", "http://10.0.0.7/", "http://localhost.example.com", "http://127.0.0.1.nip.io"]
        {
            assert_eq!(EndpointUrl::parse(clear, false), Err(UrlError::Clear), "{clear}");
            assert!(EndpointUrl::parse(clear, true).is_ok(), "{clear}");
        }
    }

    #[test]
    fn other_texts_are_no_addresses_of_endpoints() {
        for (bad, expected) in [
            ("", UrlError::Syntax),
            ("/hooks", UrlError::Syntax),
            ("https://", UrlError::Syntax),
            ("https://:443/", UrlError::Syntax),
            ("https://example.com:0/", UrlError::Syntax),
            ("https://example.com:70000/", UrlError::Syntax),
            ("https://exämple.com/", UrlError::Syntax),
            ("https://example.com/a b", UrlError::Syntax),
            ("ftp://example.com/", UrlError::Scheme),
            ("https://user@example.com/", UrlError::UserInformation),
            ("http://127.0.0.1:80@example.com/", UrlError::UserInformation),
        ] {
            assert_eq!(EndpointUrl::parse(bad, true), Err(expected), "{bad}");
        }
        let long = format!("https://example.com/{}", "a".repeat(URL_BYTES_MAX));
        assert!(matches!(EndpointUrl::parse(&long, true), Err(UrlError::TooLong { .. })));
    }

    #[test]
    fn a_log_shows_neither_path_nor_query() {
        let url = EndpointUrl::parse("https://example.com:8443/secret?key=secret", false).unwrap();
        assert_eq!(format!("{url} {url:?}"), "https://example.com:8443 EndpointUrl(https://example.com:8443)");
    }
}
