//! Tickets for bots, on a server that asks for them.

use anyhow::{Context, Result};
use std::cell::Cell;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tickwire_server::identity::{SecretKey, TicketClaims, mint};

/// Seconds for which a ticket is good: bots join within this time.
const TICKET_S: u64 = 600;

/// Mints the tickets of a run; without a key there are none.
pub(super) struct Tickets {
    key: Option<SecretKey>,
    /// Tells the tickets of this run from those of others.
    run: u128,
    minted: Cell<u32>,
}

impl Tickets {
    /// The tickets of a server that asks for none.
    pub(super) const fn none() -> Self {
        Self { key: None, run: 0, minted: Cell::new(0) }
    }

    /// Reads the key.
    pub(super) fn new(key: Option<&Path>) -> Result<Self> {
        let key = key.map(|path| SecretKey::read(path).with_context(|| format!("no key is in {}", path.display())));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { key: key.transpose()?, run: since.as_nanos(), minted: Cell::new(0) })
    }

    /// A ticket of its own for the bot of this name.
    pub(super) fn mint(&self, name: &str) -> Result<Option<String>> {
        let Some(key) = &self.key else { return Ok(None) };
        self.minted.set(self.minted.get() + 1);
        let claims = TicketClaims { identity: name.into(), name: Some(name.into()), ..TicketClaims::default() };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Some(mint(key, &claims, TICKET_S, now_s, &format!("{}-{}", self.run, self.minted.get()))?))
    }
}
