//! The proof of identity that a server asks players for.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The proof of identity that players have to bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Auth {
    /// `open`: none; names are free.
    #[default]
    Open,
    /// `ticket`: a ticket of the studio's backend.
    Ticket,
}

/// The word is no kind of proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("players come in by open, under any name, or by ticket, with a ticket of your backend")]
pub struct AuthError;

impl FromStr for Auth {
    type Err = AuthError;

    fn from_str(word: &str) -> Result<Self, AuthError> {
        match word {
            "open" => Ok(Self::Open),
            "ticket" => Ok(Self::Ticket),
            _ => Err(AuthError),
        }
    }
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Ticket => "ticket",
        })
    }
}

impl TryFrom<String> for Auth {
    type Error = AuthError;

    fn try_from(word: String) -> Result<Self, AuthError> {
        word.parse()
    }
}

impl From<Auth> for String {
    fn from(auth: Auth) -> Self {
        auth.to_string()
    }
}
