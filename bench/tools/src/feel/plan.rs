//! What `feel` plays of a game, and what it promises of the results.

use super::{Feel, Scene};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use tickwire::Game;
use tickwire::link::LinkProfile;

/// The scenes of one game, the checks of their results, and the game in a browser.
pub struct FeelPlan {
    /// The scenes, at least one. Plots show the first.
    pub scenes: Vec<Scene>,
    /// The checks that failed for a result, in words.
    pub broken: fn(&Feel) -> Vec<String>,
    /// Plays in a browser; `None` for a game that has no such scene.
    pub browser: Option<fn(&BrowserRun) -> Result<ExitCode>>,
}

impl FeelPlan {
    /// The plan of a game that has none of its own: its bots play, and hashes have to agree.
    #[must_use]
    pub fn of<G: Game>() -> Self {
        Self { scenes: vec![Scene::bots::<G>("bots")], broken: Feel::disagreements, browser: None }
    }
}

/// A run in a browser.
#[derive(Debug, Clone, PartialEq)]
pub struct BrowserRun {
    /// The link between page and server; `None` for the game's own choice.
    pub link: Option<LinkProfile>,
    /// Keys that are pressed.
    pub presses: u32,
    /// Seconds of play.
    pub seconds: u32,
    /// The file for the results.
    pub json: Option<PathBuf>,
}
