//! Headless Chromium, driven by chromedriver: for measurements, and for the tests of the page.

mod driver;

pub use driver::Driver;

use anyhow::{Context, Result};
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The default screen, in pixels.
const SCREEN: (u32, u32) = (1280, 800);

/// Bounds for the time that a script may take, and that a page may take to load.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A device's screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Device {
    /// Width and height in pixels of CSS.
    pub screen: (u32, u32),
    /// Pixels of the screen per pixel of CSS.
    pub pixel_ratio: f64,
    /// Whether the device is a phone with a touch screen.
    pub is_phone: bool,
}

impl Default for Device {
    fn default() -> Self {
        Self { screen: SCREEN, pixel_ratio: 1.0, is_phone: false }
    }
}

/// A browser with one window. It ends with its driver.
#[derive(Debug)]
pub struct Browser {
    /// The WebDriver client that sends the commands.
    pub client: Client,
    /// The chromedriver process behind the client.
    pub driver: Driver,
}

impl Browser {
    /// Starts a browser that shows nothing yet.
    ///
    /// # Errors
    /// When chromedriver or Chromium does not start.
    pub async fn start(device: Device) -> Result<Self> {
        let driver = Driver::start()?;
        // The screen is given as metrics of a device, because a window's size would count the browser's own bars.
        let Device { screen: (width, height), pixel_ratio, is_phone } = device;
        let metrics = json!({
            "width": width, "height": height, "pixelRatio": pixel_ratio, "touch": is_phone, "mobile": is_phone
        });
        let chrome = json!({ "args": driver.arguments(), "mobileEmulation": { "deviceMetrics": metrics } });
        let mut capabilities = Map::new();
        capabilities.insert("goog:chromeOptions".into(), chrome);
        capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client =
            builder.capabilities(capabilities).connect(&driver.url()).await.context("Chromium does not start")?;
        let timeouts = TimeoutConfiguration::new(Some(SCRIPT_TIMEOUT), Some(LOAD_TIMEOUT), None);
        client.update_timeouts(timeouts).await.context("timeouts cannot be set")?;
        Ok(Self { client, driver })
    }

    /// Loads a page.
    ///
    /// # Errors
    /// When the page does not load.
    pub async fn visit(&self, url: &str) -> Result<()> {
        self.client.goto(url).await.with_context(|| format!("{url} does not load"))
    }

    /// The value of an expression in the page.
    ///
    /// # Errors
    /// When the expression has no value, or takes longer than a minute.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        let answer = self.client.execute(&format!("return ({expression});"), Vec::new()).await;
        answer.with_context(|| format!("no value: {expression}"))
    }

    /// The result of the promise that an expression gives; it may be `null`.
    ///
    /// # Errors
    /// When the promise fails, or takes longer than a minute.
    pub async fn settle(&self, expression: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             Promise.resolve().then(() => ({expression})).then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"
        );
        let mut answer = self.client.execute_async(&script, Vec::new()).await?;
        if let Some(error) = answer.get("error") {
            anyhow::bail!("{expression}: {error}");
        }
        Ok(answer["value"].take())
    }

    /// Ends the browser.
    pub async fn close(self) {
        // A browser that does not close by itself is ended with its driver.
        let _ = self.client.close().await;
    }
}
