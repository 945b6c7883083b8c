//! WebKit, the engine of Safari, as GTK's small browser, under an X server of its own that shows nothing.

use super::Device;
use super::driver::Driver;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

const SCREEN_SERVER: &str = "Xvfb";
const PROGRAM: &str = "WebKitWebDriver";

/// The X server's screen, in pixels: it has room for every device.
const SCREEN: &str = "2600x1800x24";

/// The folders in which distributions keep the browser.
const FOLDERS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1",
    "/usr/libexec/webkit2gtk-4.1",
    "/usr/lib/webkit2gtk-4.1",
];

/// The bar of the window is at least 447 pixels wide. With everything in it made small the window has any size.
const SMALL_BAR: &str = "* { padding: 0; margin: 0; border-width: 0; min-width: 0; min-height: 0; font-size: 1px; }\n";

/// Free ports that are tried: another program may take one before the driver does.
const PORTS_TRIED: u32 = 3;

/// Starts the X server and the driver; gives the driver's port.
pub(super) async fn start(driver: &mut Driver, device: Device) -> Result<u16> {
    let style = driver.folder().join("gtk-3.0");
    fs::create_dir_all(&style).context("no folder for settings")?;
    fs::write(style.join("gtk.css"), SMALL_BAR).context("settings cannot be written")?;
    let mut server = Command::new(SCREEN_SERVER);
    server.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"]);
    driver.spawn(&mut server).context("is Debian's xvfb installed?")?;
    let number = |text: &str| text.lines().find_map(|line| line.trim().parse().ok());
    let display: u32 = driver.wait_for(SCREEN_SERVER, number).await?;
    let mut error = None;
    for _ in 0..PORTS_TRIED {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr())?.port();
        let mut command = command(driver.folder(), display, device);
        command.args([&format!("--port={port}"), "--host=127.0.0.1"]);
        driver.spawn(&mut command).context("is Debian's webkit2gtk-driver installed?")?;
        // The driver is silent: it is ready when it takes connections.
        let answers = |_: &str| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port);
        match driver.wait_for(PROGRAM, answers).await {
            Ok(port) => return Ok(port),
            Err(failure) => error = Some(failure),
        }
    }
    Err(error.context("no port was tried")?)
}

/// The driver with everything that the browser inherits: its own folders, and none of the user's desktop.
fn command(folder: &Path, display: u32, device: Device) -> Command {
    let mut command = Command::new(PROGRAM);
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, folder);
    }
    command.env_remove("WAYLAND_DISPLAY").env("GDK_BACKEND", "x11").env("DISPLAY", format!(":{display}"));
    command.env("GDK_SCALE", device.pixel_ratio.round().to_string());
    // Without these the browser starts a session bus and further programs that outlive it.
    command.env("DBUS_SESSION_BUS_ADDRESS", "disabled:").env("NO_AT_BRIDGE", "1").env("GSETTINGS_BACKEND", "memory");
    command
}

pub(super) fn capabilities() -> Map<String, Value> {
    let programs = FOLDERS.iter().map(|folder| Path::new(folder).join("MiniBrowser"));
    let program: Option<PathBuf> = programs.into_iter().find(|program| program.is_file());
    let mut options = json!({ "args": ["--automation"] });
    if let Some(program) = program {
        options["binary"] = json!(program);
    }
    let mut capabilities = Map::new();
    capabilities.insert("browserName".into(), json!("MiniBrowser"));
    capabilities.insert("webkitgtk:browserOptions".into(), options);
    capabilities
}
