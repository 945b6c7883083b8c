//! The origins of other pages, as an operator allows them.

use super::host_name::Host;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The origin of pages, as browsers name it: a scheme and a host, and a port unless it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PageOrigin(String);

/// The text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageOriginError {
    /// The text does not have the form of an origin.
    #[error(
        "{0:?} is not an origin; name scheme, host and port as browsers do, without a path, a slash at the end or *, \
         such as https://play.example or http://localhost:5173"
    )]
    Form(String),
    /// Pages without an origin of their own have a setting of their own, because anybody can make one.
    #[error("null is not an origin, such as https://play.example; --allow-null-origin admits pages without one")]
    Null,
}

impl PageOrigin {
    /// Whether a page with this `Origin` header has this origin.
    pub(crate) fn is(&self, header: &str) -> bool {
        self.0.eq_ignore_ascii_case(header)
    }

    /// The host of the origin.
    pub(crate) fn host(&self) -> Option<Host> {
        Host::of_origin(&self.0)
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_mark = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_mark) {
            return None;
        }
        Host::of_authority(authority)?;
        let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
        let own_port = match &*scheme {
            "https" => ":443",
            "http" => ":80",
            _ => "",
        };
        let authority = authority.strip_suffix(own_port).unwrap_or(&authority);
        Some(Self(format!("{scheme}://{authority}")))
    }
}

impl FromStr for PageOrigin {
    type Err = PageOriginError;

    fn from_str(text: &str) -> Result<Self, PageOriginError> {
        match text {
            "null" => Err(PageOriginError::Null),
            _ => Self::parse(text).ok_or_else(|| PageOriginError::Form(text.to_owned())),
        }
    }
}

impl TryFrom<String> for PageOrigin {
    type Error = PageOriginError;

    fn try_from(text: String) -> Result<Self, PageOriginError> {
        text.parse()
    }
}

impl From<PageOrigin> for String {
    fn from(origin: PageOrigin) -> Self {
        origin.0
    }
}

impl fmt::Display for PageOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_name_it() {
        for (text, expected) in [
            ("https://play.example", "https://play.example"),
            ("HTTPS://Play.Example:443", "https://play.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://play.example:80", "http://play.example"),
            ("http://play.example:443", "http://play.example:443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(text.parse::<PageOrigin>().map(|origin| origin.to_string()), Ok(expected.into()), "{text}");
        }
        assert!("https://play.example".parse::<PageOrigin>().is_ok_and(|origin| origin.is("https://PLAY.example")));
    }

    #[test]
    fn another_form_is_refused_with_the_right_one() {
        for text in [
            "*",
            "",
            "play.example",
            "play.example:443",
            "https://",
            "https://play.example/",
            "https://play.example/game",
            "https://*.play.example",
            "https://user@play.example",
            "https://play.example:",
            "https://play.example?a",
            "file://",
            "file:///index.html",
            "://play.example",
            "1x://play.example",
            " https://play.example",
            "https://a,https://b",
        ] {
            let refused = text.parse::<PageOrigin>().map_err(|error| error.to_string());
            assert!(refused.is_err_and(|error| error.contains("such as https://play.example")), "{text:?}");
        }
        let null = "null".parse::<PageOrigin>().map_err(|error| error.to_string());
        assert!(null.is_err_and(|error| error.contains("--allow-null-origin")));
    }
}
