//! The page in real browsers, driven through the same buttons and keys that people use: Chromium, and in
//! [`engines`] also Firefox and WebKit.
//!
//! The tests need the browsers, their drivers and the built bundle; `cargo verify` sees to all of them. With
//! `TICKWIRE_ENGINE=firefox` or `webkit` all tests run in that engine; the few that give Chromium's own commands fail
//! there, and so `cargo verify -- --long` leaves them out. With
//! `TICKWIRE_SCREENSHOTS` set to a folder, the tests leave pictures of the running games and tables of figures there.

#[cfg(test)]
mod anywhere;
#[cfg(test)]
mod builds;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod feel;
#[cfg(test)]
mod files;
#[cfg(test)]
mod guest;
#[cfg(test)]
mod lobby;
#[cfg(test)]
mod lockstep;
#[cfg(test)]
mod own_crate;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod package;
#[cfg(test)]
mod page;
#[cfg(test)]
mod pauses;
#[cfg(test)]
#[path = "../it/proxy.rs"]
mod proxy;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod room;
#[cfg(test)]
mod scene;
#[cfg(test)]
#[path = "../it/serving.rs"]
mod serving;
#[cfg(test)]
mod surroundings;
#[cfg(test)]
mod swarm;
#[cfg(test)]
mod tile;
#[cfg(test)]
#[path = "../it/token_file.rs"]
mod token_file;
#[cfg(test)]
mod wishes;
