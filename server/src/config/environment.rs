//! The check of the environment for misspelt settings: a variable that nothing reads would be ignored in silence.

use super::Settings;
use super::nearest::Nearest;
use std::ffi::OsString;
use thiserror::Error;

/// The beginning of the name of every variable that is a setting.
const PREFIX: &str = "TICKWIRE_";

/// Variables with this prefix that are no settings in the file: the file itself, what a program gets inside when it
/// is compiled, and the settings of the project's own tests, which start servers.
const OTHERS: [&str; 9] = [
    "TICKWIRE_BUILT_IN_BUILD",
    "TICKWIRE_BUILT_IN_PAGE",
    "TICKWIRE_BUILT_IN_PAGE_ID",
    "TICKWIRE_CONFIG",
    "TICKWIRE_ENGINE",
    "TICKWIRE_NATS_SERVER",
    "TICKWIRE_PYTHON",
    "TICKWIRE_SCREENSHOTS",
    "TICKWIRE_SEEDS",
];

/// A variable of the environment looks like a setting and is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the environment has {name}, which is no setting: {nearest}")]
pub struct VariableError {
    name: String,
    nearest: Nearest,
}

/// Refuses variables that begin as those of settings do, and belong to no setting.
///
/// # Errors
/// When there is such a variable. The error names the nearest setting.
pub fn check_variables(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), VariableError> {
    let known: Vec<String> = Settings::NAMES.iter().map(|name| format!("{PREFIX}{}", name.to_uppercase())).collect();
    let known = || known.iter().map(String::as_str).chain(OTHERS);
    for (name, value) in variables {
        let name = name.to_string_lossy();
        let is_known = !name.starts_with(PREFIX) || known().any(|known| known == name);
        if !is_known && !is_service_link(&name, &value.to_string_lossy()) {
            let nearest = Nearest::to(&name, known());
            return Err(VariableError { name: name.into_owned(), nearest });
        }
    }
    Ok(())
}

/// Whether a variable is one of those by which Kubernetes tells a container of the services beside it. A service with
/// the name tickwire has variables that begin as ours do.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port = ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| name.contains(protocol)) && name.contains("_PORT_");
    let is_service = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    is_port || is_service || name.ends_with("_PORT") && value.contains("://")
}
