//! The places that settings come from, in their order, so that they can be read again and each can be told where it is
//! from.

use super::check::Faults;
use super::{Config, ConfigFault, FileError, FileFault, Settings};
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The place that the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// An option of the command line.
    CommandLine,
    /// The variable with this name.
    Variable(String),
    /// The configuration file.
    File(PathBuf),
    /// Nobody has set it.
    Default,
}

impl fmt::Display for SettingOrigin {
    /// In one line, for any path.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => out.write_str("command line"),
            Self::Variable(name) => write!(out, "environment variable {name}"),
            Self::File(path) => write!(out, "file {}", path.to_string_lossy().escape_debug()),
            Self::Default => out.write_str("default"),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingFault {
    /// It is in the file.
    #[error(transparent)]
    File(#[from] FileFault),
    /// It is wrong wherever it comes from.
    #[error(transparent)]
    Config(#[from] ConfigFault),
}

/// The reason for which settings could not be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] FileError),
    /// There are faults in it, or in the settings as a whole.
    #[error(transparent)]
    Faults(#[from] Faults<SettingFault>),
}

/// The settings of the command line and of the environment, and the file that stands behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsSource {
    given: Settings,
    /// The settings among them that come from the environment.
    from_variables: Vec<&'static str>,
    file: Option<PathBuf>,
}

impl SettingsSource {
    /// These settings of the command line and of the environment, before those of the file.
    #[must_use]
    pub const fn new(given: Settings, from_variables: Vec<&'static str>, file: Option<PathBuf>) -> Self {
        Self { given, from_variables, file }
    }

    /// A file alone.
    #[must_use]
    pub fn of_file(file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..Self::default() }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads the settings, with the default for every one that is missing.
    ///
    /// # Errors
    /// When the file cannot be read, or anything in the settings is wrong.
    pub fn read(&self) -> Result<Config, SettingsError> {
        let (config, faults) = self.look()?;
        Faults::check(faults)?;
        Ok(config)
    }

    /// The configuration as far as it can be read, and all that is wrong with it.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn look(&self) -> Result<(Config, Vec<SettingFault>), FileError> {
        let (fallback, faults) = self.file_settings()?;
        let config = self.given.clone().or(fallback).into_config();
        let mut faults: Vec<_> = faults.into_iter().map(SettingFault::File).collect();
        faults.extend(config.faults().into_iter().map(SettingFault::Config));
        Ok((config, faults))
    }

    /// The settings as a file in which each line says where its value comes from.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn print(&self) -> Result<String, SettingsError> {
        let config = self.read()?;
        let in_file = self.file_settings()?.0.present();
        let line = |(name, value)| format!("{name} = {value} # {}\n", self.origin(name, &in_file));
        Ok(config.entries().into_iter().map(line).collect())
    }

    fn origin(&self, name: &str, in_file: &[&str]) -> SettingOrigin {
        match &self.file {
            _ if self.from_variables.contains(&name) => {
                SettingOrigin::Variable(format!("TICKWIRE_{}", name.to_uppercase()))
            }
            _ if self.given.present().contains(&name) => SettingOrigin::CommandLine,
            Some(path) if in_file.contains(&name) => SettingOrigin::File(path.clone()),
            _ => SettingOrigin::Default,
        }
    }

    fn file_settings(&self) -> Result<(Settings, Vec<FileFault>), FileError> {
        self.file.as_deref().map_or_else(|| Ok((Settings::default(), Vec::new())), Settings::read)
    }
}
