//! The files and folders that settings name: the things that a server needs of them, and whether it could use them,
//! seen without starting one.

use super::StartError;
use super::reloading::Reloading;
use crate::cluster::hail::PeerKeys;
use crate::cluster::{PeerKeyError, read_keys};
use crate::config::{AutopsyFolder, Config, SettingsSource};
use crate::gate::{Gate, GateError};
use crate::logging::Log;
use crate::net::{LiveSettings, Page, PageError, PageFile};
use crate::operators::{Access, Console, OperatorsFileError};
use crate::own_folder::{FolderError, OwnFolder};
use crate::service_token::{ServiceToken, TokenError};
use crate::tls::{Tls, TlsError};
use crate::webhooks;
use crate::webhooks::feed::Webhooks;
use crate::webhooks::file::WebhookFileError;
use crate::webhooks::sender::{WebhookSender, WebhookSetup, prepare};
use std::error::Error;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::watch;

/// Everything that the settings name, read before anything runs.
pub(super) struct Files {
    pub(super) page: Page,
    pub(super) autopsies: Option<OwnFolder>,
    pub(super) token: Option<ServiceToken>,
    pub(super) gate: Arc<Gate>,
    pub(super) tls: Option<Arc<Tls>>,
    /// The way of events to the studio's services, if the settings name any.
    pub(super) webhooks: Option<(Webhooks, WebhookSender)>,
    /// The keys of the nodes of the service.
    pub(super) peer_keys: Option<PeerKeys>,
}

impl Files {
    /// Opens everything.
    ///
    /// # Errors
    /// When something cannot be used.
    pub(super) fn open(config: &Config, page: PageFile) -> Result<Self, StartError> {
        config.check()?;
        Ok(Self {
            page: Page::open(page, &config.page)?,
            autopsies: prepare_autopsies(&config.autopsies)?,
            token: config.topics_token_file.path().map(ServiceToken::read).transpose()?,
            gate: Arc::new(Gate::new(config.auth, config.ticket_keys.path())?),
            tls: Tls::open(config)?.map(Arc::new),
            webhooks: prepare_webhooks(config)?,
            peer_keys: config.peer_key.path().map(|path| read_keys(path, &config.service)).transpose()?,
        })
    }
}

impl Files {
    /// The things that SIGHUP has read again, and where the net thread hears of new settings.
    pub(super) fn reloading(
        &mut self,
        config: &Arc<Config>,
        source: Option<SettingsSource>,
        log: Option<Log>,
        console: &Arc<Console>,
    ) -> (Reloading, watch::Receiver<LiveSettings>) {
        let first = LiveSettings { config: Arc::clone(config), token: self.token.take() };
        let (live, settings) = watch::channel(first);
        let (gate, tls, console) = (Arc::clone(&self.gate), self.tls.clone(), Arc::clone(console));
        (Reloading { source, log, gate, tls, console, live }, settings)
    }
}

/// Reads the operators that may come to this listener.
pub(super) fn open_console(config: &Config, listener: Option<SocketAddr>) -> Result<Arc<Console>, OperatorsFileError> {
    let is_local = listener.is_some_and(|address| address.ip().to_canonical().is_loopback());
    Ok(Arc::new(Console::new(Access::open(config.operators_file.path(), is_local)?)))
}

/// Checks the folder of autopsies, so that an operator learns of a fault now and not when the first autopsy is lost.
fn prepare_autopsies(setting: &AutopsyFolder) -> Result<Option<OwnFolder>, FolderError> {
    let folder = setting.path().map(|path| OwnFolder::prepare(&path)).transpose();
    match (folder, setting) {
        (Err(error), AutopsyFolder::Default) => {
            // The operator has not asked for it, so the server plays on without.
            let source = error.source().map(ToString::to_string);
            tracing::warn!(%error, source, "no autopsies are written; --autopsies names another folder, or is off");
            Ok(None)
        }
        (folder, _) => folder,
    }
}

/// The way of events to the studio's services, if the settings name any.
fn prepare_webhooks(config: &Config) -> Result<Option<(Webhooks, WebhookSender)>, WebhookFileError> {
    let Some(path) = config.webhooks_file.path() else { return Ok(None) };
    let endpoints = webhooks::file::read(path)?;
    let mut process = [0; 8];
    getrandom::fill(&mut process).expect("the operating system has random numbers");
    let setup = WebhookSetup::new(endpoints, u64::from_le_bytes(process));
    prepare(setup).map(Some).map_err(|error| WebhookFileError::Setup { reason: error.to_string() })
}

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
    let operators = Access::open(config.operators_file.path(), true).err();
    let operators = operators.map(|error: OperatorsFileError| FileUse::of("operators_file", &error));
    let tls = Tls::open(config).err().map(|error: TlsError| FileUse::of("tls_cert", &error));
    let peer_key = config.peer_key.path().and_then(|path| read_keys(path, &config.service).err());
    let peer_key = peer_key.map(|error: PeerKeyError| FileUse::of("peer_key", &error));
    [page, autopsies, token, operators, gate, tls, webhooks, peer_key].into_iter().flatten().collect()
}
