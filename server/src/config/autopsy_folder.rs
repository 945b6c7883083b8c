//! The folder of autopsies, as an operator names it.

use serde::{Deserialize, Serialize};
use std::env;
use std::path::PathBuf;

/// The folder of autopsies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AutopsyFolder {
    /// `default`: the one that [`AutopsyFolder::path`] describes. A server that cannot have it says so and writes no
    /// autopsies.
    #[default]
    Default,
    /// `off`: no autopsy is written.
    Off,
    /// A folder that the operator has chosen. A server that cannot have it does not start.
    At(PathBuf),
}

impl AutopsyFolder {
    /// The path of the folder, `None` when it is off. The default is `tickwire/autopsies` in the folder of the user's
    /// state files, `$XDG_STATE_HOME` or `~/.local/state`. A user without a home has `tickwire-autopsies-UID` in the
    /// system's folder for temporary files.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Default => Some(default_path()),
            Self::Off => None,
            Self::At(path) => Some(path.clone()),
        }
    }
}

fn default_path() -> PathBuf {
    // A relative path in these variables counts as none.
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let temporary = || env::temp_dir().join(format!("tickwire-autopsies-{}", rustix::process::geteuid().as_raw()));
    state.map_or_else(temporary, |state| state.join("tickwire/autopsies"))
}

impl From<String> for AutopsyFolder {
    fn from(text: String) -> Self {
        match text.as_str() {
            "default" => Self::Default,
            "off" => Self::Off,
            _ => Self::At(text.into()),
        }
    }
}

impl From<AutopsyFolder> for String {
    fn from(folder: AutopsyFolder) -> Self {
        match folder {
            AutopsyFolder::Default => "default".into(),
            AutopsyFolder::Off => "off".into(),
            AutopsyFolder::At(path) => path.to_string_lossy().into_owned(),
        }
    }
}
