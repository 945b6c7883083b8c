//! The file of endpoints, as an operator writes it: in each line the address of an endpoint and the secrets that it
//! shares with the server, the newest first.
//!
//! ```text
//! # statistics
//! https://studio.example/tickwire whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
//! ```

use super::sender::{ENDPOINTS_MAX, EndpointSetup};
use super::signature::{SECRETS_MAX, SecretError, SigningSecret};
use super::url::{EndpointUrl, UrlError};
use crate::secret_file::{self, SecretFileError};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bytes of the file at the most.
const BYTES_MAX: usize = 64 * 1_024;

/// The reason for which webhooks cannot be sent as a file says. No reason has a secret in it.
#[derive(Debug, Error)]
pub enum WebhookFileError {
    /// The file cannot be read, or is open to other users.
    #[error("webhooks cannot be sent")]
    File(#[from] SecretFileError),
    /// A line is wrong.
    #[error("line {line} of the file of webhooks {} is wrong: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The fault, and the form that is right.
        reason: String,
    },
    /// Nothing can be sent.
    #[error("webhooks cannot be sent: {reason}")]
    Setup {
        /// The reason.
        reason: String,
    },
    /// The file is no text, has no endpoint, or too many.
    #[error(
        "the file of webhooks {} has to have 1 to {ENDPOINTS_MAX} lines such as https://studio.example/hook whsec_…",
        path.display()
    )]
    Endpoints {
        /// The file.
        path: PathBuf,
    },
}

/// The reason for which a line names no endpoint.
#[derive(Debug, Error)]
enum LineError {
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error(transparent)]
    SigningSecret(#[from] SecretError),
    #[error("the address is to be followed by 1 to {SECRETS_MAX} secrets, each like whsec_…")]
    Count,
}

/// Reads the endpoints in a file that others may not read.
///
/// # Errors
/// When the file cannot be used.
pub(crate) fn read(path: &Path) -> Result<Vec<EndpointSetup>, WebhookFileError> {
    let unfit = || WebhookFileError::Endpoints { path: path.to_owned() };
    let text = String::from_utf8(secret_file::read(path, BYTES_MAX)?).map_err(|_| unfit())?;
    let mut endpoints = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if !content.is_empty() && !content.starts_with('#') {
            let wrong =
                |error: LineError| WebhookFileError::Line { path: path.to_owned(), line, reason: error.to_string() };
            endpoints.push(parse(content).map_err(wrong)?);
        }
    }
    if (1..=ENDPOINTS_MAX).contains(&endpoints.len()) { Ok(endpoints) } else { Err(unfit()) }
}

fn parse(line: &str) -> Result<EndpointSetup, LineError> {
    let mut words = line.split_whitespace();
    let url = EndpointUrl::parse(words.next().unwrap_or_default(), false)?;
    let secrets = words.map(SigningSecret::parse).collect::<Result<Vec<_>, _>>()?;
    if !(1..=SECRETS_MAX).contains(&secrets.len()) {
        return Err(LineError::Count);
    }
    Ok(EndpointSetup { url, secrets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read_text(name: &str, text: &str, mode: u32) -> Result<usize, String> {
        let path = std::env::temp_dir().join(format!("tickwire-webhooks-{name}-{}", std::process::id()));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let outcome = read(&path).map(|endpoints| endpoints.len()).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", cause.unwrap_or_default())
        });
        fs::remove_file(&path).unwrap();
        outcome
    }

    #[test]
    fn each_line_is_an_endpoint_with_its_secrets() {
        let text =
            format!("# statistics\n\nhttps://studio.example/hook {SECRET}\nhttp://127.0.0.1:9/ {SECRET} {SECRET}\n");
        assert_eq!(read_text("good", &text, 0o600), Ok(2));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_explained_without_its_secrets() {
        for (name, text, mode, expected) in [
            ("open", format!("https://studio.example/ {SECRET}"), 0o644, "chmod 600"),
            ("empty", "# none".into(), 0o600, "1 to 8 lines"),
            ("many", format!("https://studio.example/ {SECRET}\n").repeat(9), 0o600, "1 to 8 lines"),
            ("bare", "\nhttps://studio.example/".into(), 0o600, "line 2"),
            ("plain", format!("http://studio.example/ {SECRET}"), 0o600, "line 1"),
            ("secret", "https://studio.example/ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), 0o600, "whsec_"),
        ] {
            let error = read_text(name, &text, mode).unwrap_err();
            assert!(error.contains(expected) && !error.contains("MfKQ"), "{error}");
        }
    }
}
