//! SIGHUP: the settings are read again, and those that can change in a running server do.
//!
//! Everything is looked at before anything changes, so a file with a fault changes nothing. Options and variables are
//! those of the start: only the file and the files that it names can be other ones.

use super::files::file_faults;
use crate::config::{Config, SettingsSource};
use crate::gate::Gate;
use crate::logging::Log;
use crate::net::LiveSettings;
use crate::operators::Console;
use crate::service_token::ServiceToken;
use crate::tls::Tls;
use std::fmt::Display;
use std::sync::Arc;
use tokio::sync::watch;

/// The parts of a server that can change while it runs.
#[derive(Debug)]
pub(super) struct Reloading {
    pub(super) source: Option<SettingsSource>,
    pub(super) log: Option<Log>,
    pub(super) gate: Arc<Gate>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) console: Arc<Console>,
    /// The settings in force, which the net thread follows.
    pub(super) live: watch::Sender<LiveSettings>,
}

impl Reloading {
    /// Reads everything again that can be read again.
    pub(super) fn reload(&self) {
        // Files of keys are read again whatever is wrong with a setting.
        self.gate.reload(true);
        self.console.access.reload(true);
        self.tls.iter().for_each(|tls| tls.reload(true));
        let now = Arc::clone(&self.live.borrow().config);
        let Some(new) = self.read(&now) else { return };
        let (config, changes) = now.reloaded(&new);
        // What can change has to fit to what cannot before a restart.
        let faults = config.faults();
        if !faults.is_empty() {
            return refuse(&faults);
        }
        let token = config.topics_token_file.path().map(ServiceToken::read).transpose();
        let token = match token {
            Ok(token) => token,
            Err(error) => return refuse(&[error]),
        };
        for change in &changes {
            let (setting, old, new) = (change.name, &change.old, &change.new);
            if change.is_live {
                tracing::info!(setting, old, new, "SIGHUP: a setting has changed");
            } else {
                tracing::warn!(setting, old, new, "SIGHUP: a setting is another one and needs a restart");
            }
        }
        if changes.is_empty() {
            tracing::info!("SIGHUP: no setting has changed");
        }
        if let Some(log) = &self.log {
            log.set(&config);
        }
        self.live.send_replace(LiveSettings { config: Arc::new(config), token });
    }

    /// The settings that are asked for; `None` when something is wrong with them. A server that was made without a
    /// source keeps its own, and reads the files that they name.
    fn read(&self, now: &Arc<Config>) -> Option<Arc<Config>> {
        let read = match &self.source {
            None => Ok((Config::clone(now), Vec::new())),
            Some(source) => source.look(),
        };
        let (config, faults) = match read {
            Ok(read) => read,
            Err(error) => {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                refuse(&[format!("{error}: {}", reason.unwrap_or_default())]);
                return None;
            }
        };
        let files = file_faults(&config);
        if faults.is_empty() && files.is_empty() {
            return Some(Arc::new(config));
        }
        refuse(&faults);
        refuse(&files);
        None
    }
}

/// Says what is wrong.
fn refuse(faults: &[impl Display]) {
    for fault in faults {
        tracing::error!(%fault, "SIGHUP: the settings stay as they were");
    }
}
