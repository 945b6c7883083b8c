//! Firefox and its driver, geckodriver.

use super::Device;
use super::driver::Driver;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const PROGRAM: &str = "geckodriver";

/// A window of Firefox has bars, and is at least 450 pixels wide because of them. Without bars it has any size.
const WITHOUT_BARS: &str = "#navigator-toolbox { display: none !important; }\n\
    :root, body, #browser, #tabbrowser-tabbox { min-width: 0 !important; min-height: 0 !important; }\n";

/// A pointer that is a finger, as Firefox numbers it.
const COARSE: u32 = 1;

/// Starts geckodriver; gives its port.
pub(super) async fn start(driver: &mut Driver) -> Result<u16> {
    let profile = driver.folder().join("profile/chrome");
    fs::create_dir_all(&profile).context("no folder for the profile")?;
    fs::write(profile.join("userChrome.css"), WITHOUT_BARS).context("the profile cannot be written")?;
    let mut command = Command::new(program());
    command.args(["--port", "0", "--websocket-port", "0", "--log", "info"]);
    command.arg("--profile-root").arg(driver.folder());
    // Firefox writes into the home folder, and asks the session bus for the settings of a desktop.
    command.env("HOME", driver.folder()).env("XDG_RUNTIME_DIR", driver.folder());
    command.env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    let spawned = driver.spawn(&mut command);
    spawned.context("`cargo verify` installs geckodriver, and so does `cargo install geckodriver`")?;
    let port = |text: &str| text.split_once("Listening on 127.0.0.1:")?.1.split_once('\n')?.0.trim().parse().ok();
    driver.wait_for(PROGRAM, port).await
}

/// geckodriver is looked for in the tools of the target folder that this program was built into, then on the path.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let built = own.ancestors().map(|folder| folder.join("tools/bin").join(PROGRAM)).find(|program| program.is_file());
    built.unwrap_or_else(|| PROGRAM.into())
}

pub(super) fn capabilities(folder: &Path, device: Device) -> Map<String, Value> {
    let mut settings = json!({
        "toolkit.legacyUserProfileCustomizations.stylesheets": true,
        "layout.css.devPixelsPerPx": device.pixel_ratio.to_string(),
        // The page's errors are read from the output. Those of the browser's own code are not of interest.
        "devtools.console.stdout.content": true,
        "devtools.console.stdout.chrome": false,
        "browser.dom.window.dump.enabled": true,
        // Firefox would ask its maker for experiments to take part in.
        "messaging-system.rsexperimentloader.enabled": false,
        "app.normandy.enabled": false,
    });
    if device.is_phone {
        settings["dom.w3c_touch_events.enabled"] = 1.into();
        settings["ui.primaryPointerCapabilities"] = COARSE.into();
        settings["ui.allPointerCapabilities"] = COARSE.into();
    }
    let profile = folder.join("profile");
    let arguments = json!(["-headless", "-profile", profile]);
    let mut capabilities = Map::new();
    capabilities.insert("moz:firefoxOptions".into(), json!({ "args": arguments, "prefs": settings }));
    capabilities
}

/// Whether a line of the output is an error of the page: an exception that nobody caught, or a call of `console.error`.
/// Lines of the browser's own code name a file of the browser, or begin with the name of a part and a colon.
pub(super) fn is_error_of_page(line: &str) -> bool {
    let is_own = |place: &str| ["resource:", "chrome:", "moz-"].iter().any(|scheme| place.starts_with(scheme));
    let is_part = |word: &str| word.ends_with(':') && word.chars().next().is_some_and(char::is_alphabetic);
    match (line.strip_prefix("JavaScript error: "), line.strip_prefix("console.error: ")) {
        (Some(place), _) => !is_own(place),
        (None, Some(words)) => !words.split(' ').next().is_some_and(is_part),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_error_of_page;

    #[test]
    fn errors_of_the_page_are_told_from_those_of_the_browser() {
        let errors = [
            "JavaScript error: http://127.0.0.1:8080/app.js, line 3: TypeError: x is null",
            "JavaScript error: , line 0: Error: rejected",
            "console.error: \"the game stopped\"",
            "console.error: (new Error(\"late\", \"http://127.0.0.1:8080/\", 1))",
        ];
        assert!(errors.iter().all(|line| is_error_of_page(line)));
        let others = [
            "JavaScript error: resource://gre/modules/Sync.sys.mjs, line 50: TypeError: x is null",
            "console.error: RSLoader: ",
            "console.warn: \"slow\"",
            "1795909415601\tgeckodriver\tINFO\tListening on 127.0.0.1:35595",
        ];
        assert!(!others.iter().any(|line| is_error_of_page(line)));
    }
}
