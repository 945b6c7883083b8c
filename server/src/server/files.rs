//! The files and folders that settings name: whether a server could use them, seen without starting one.

use crate::config::{AutopsyFolder, Config};
use crate::gate::{Gate, GateError};
use crate::net::{Page, PageError};
use crate::own_folder::{FolderError, OwnFolder};
use crate::service_token::{ServiceToken, TokenError};
use crate::webhooks;
use crate::webhooks::file::WebhookFileError;
use std::error::Error;
use std::iter;
use thiserror::Error;

/// A file or a folder that a setting names and that a server could not use.
#[derive(Debug, Error)]
#[error("{name}: {reason}")]
pub(crate) struct FileUse {
    /// The setting.
    name: &'static str,
    /// The words of the error and of its causes.
    reason: String,
}

impl FileUse {
    fn of(name: &'static str, error: &(dyn Error + 'static)) -> Self {
        let words = iter::successors(Some(error), |cause| (*cause).source()).map(ToString::to_string);
        Self { name, reason: words.collect::<Vec<_>>().join(": ") }
    }
}

/// All files and folders of a configuration that a server could not use. Nothing is made or changed.
pub(crate) fn file_faults(config: &Config) -> Vec<FileUse> {
    let page = Page::open(|_| None, &config.page).err().map(|error: PageError| FileUse::of("page", &error));
    let autopsies = match &config.autopsies {
        // A folder that is missing is made at the start.
        AutopsyFolder::At(path) if path.exists() => OwnFolder::prepare(path).err(),
        _ => None,
    };
    let autopsies = autopsies.map(|error: FolderError| FileUse::of("autopsies", &error));
    let token = config.topics_token_file.path().and_then(|path| ServiceToken::read(path).err());
    let token = token.map(|error: TokenError| FileUse::of("topics_token_file", &error));
    let gate = Gate::new(config.auth, config.ticket_keys.path()).err();
    let gate = gate.map(|error: GateError| FileUse::of("ticket_keys", &error));
    let webhooks = config.webhooks_file.path().and_then(|path| webhooks::file::read(path).err());
    let webhooks = webhooks.map(|error: WebhookFileError| FileUse::of("webhooks_file", &error));
    [page, autopsies, token, gate, webhooks].into_iter().flatten().collect()
}

/// Checks the folder of autopsies, so that an operator learns of a fault now and not when the first autopsy is lost.
pub(super) fn prepare_autopsies(setting: &AutopsyFolder) -> Result<Option<OwnFolder>, FolderError> {
    let folder = setting.path().map(|path| OwnFolder::prepare(&path)).transpose();
    match (folder, setting) {
        (Err(error), AutopsyFolder::Default) => {
            // The operator has not asked for it, so the server plays on without.
            let source = Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, source, "no autopsies are written; --autopsies names another folder, or is off");
            Ok(None)
        }
        (folder, _) => folder,
    }
}
