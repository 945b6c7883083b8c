//! Chromium and its driver, chromedriver.

use super::Device;
use super::driver::Driver;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = "chromedriver";

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Starts chromedriver; gives its port.
pub(super) async fn start(driver: &mut Driver) -> Result<u16> {
    let spawned = driver.spawn(Command::new(PROGRAM).arg("--port=0"));
    spawned.context("is Debian's chromium-driver installed?")?;
    let port = |text: &str| {
        let (_, rest) = text.split_once("started successfully on port ")?;
        rest.split_once('.')?.0.parse().ok()
    };
    driver.wait_for(PROGRAM, port).await
}

/// The screen is given as metrics of a device, because a window's size would count the browser's own bars.
pub(super) fn capabilities(folder: &Path, device: Device) -> Map<String, Value> {
    let Device { screen: (width, height), pixel_ratio, is_phone } = device;
    let metrics =
        json!({ "width": width, "height": height, "pixelRatio": pixel_ratio, "touch": is_phone, "mobile": is_phone });
    let mut arguments: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    arguments.push(format!("--user-data-dir={}", folder.display()));
    let mut capabilities = Map::new();
    let chrome = json!({ "args": arguments, "mobileEmulation": { "deviceMetrics": metrics } });
    capabilities.insert("goog:chromeOptions".into(), chrome);
    capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
    capabilities
}
