//! The page in real browsers: headless Chromium, driven through the same buttons and keys that people use.
//!
//! The tests need Chromium, chromedriver and the built bundle; `cargo verify` sees to all of them. With
//! `TICKWIRE_SCREENSHOTS` set to a folder, the tests leave pictures of the running games and tables of figures there.

#[cfg(test)]
mod determinism;
#[cfg(test)]
mod feel;
#[cfg(test)]
mod lobby;
#[cfg(test)]
mod lockstep;
#[cfg(test)]
mod page;
#[cfg(test)]
mod pauses;
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
mod wishes;
