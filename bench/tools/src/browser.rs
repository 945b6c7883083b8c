//! Browsers of three engines, each driven by its own driver: for measurements, and for the tests of the page.

mod chromium;
mod driver;
mod firefox;
mod processes;
mod webkit;

pub use driver::Driver;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tokio::time::sleep;

/// The default screen, in pixels.
const SCREEN: (u32, u32) = (1280, 800);

/// Bounds for the time that a script may take, and that a page may take to load.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Attempts to give a window the size of the screen, and the pause after each.
const FIT_ATTEMPTS: u32 = 40;
const FIT_PAUSE: Duration = Duration::from_millis(50);

/// An engine that pages are played in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Chromium, as Chrome and Edge have it.
    Chromium,
    /// Gecko, as Firefox has it.
    Firefox,
    /// WebKit, as Safari has it; here in the browser of GTK.
    #[value(name = "webkit")]
    WebKit,
}

impl Engine {
    /// All engines.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// The engine's name, as reports print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::WebKit => "WebKit",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A device's screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Device {
    /// Width and height in pixels of CSS.
    pub screen: (u32, u32),
    /// Pixels of the screen per pixel of CSS.
    pub pixel_ratio: f64,
    /// Whether the device is a phone with a touch screen. WebKit has no touch screen here, only the size of one.
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
    /// The driver's process behind the client.
    pub driver: Driver,
}

impl Browser {
    /// Starts a browser that shows nothing yet.
    ///
    /// # Errors
    /// When the driver or the browser does not start, and when the window cannot have the size of the screen.
    pub async fn start(engine: Engine, device: Device) -> Result<Self> {
        let driver = Driver::start(engine, device).await?;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connecting = builder.capabilities(driver.capabilities(device)).connect(&driver.url()).await;
        let client = connecting.with_context(|| format!("{engine} does not start"))?;
        let timeouts = TimeoutConfiguration::new(Some(SCRIPT_TIMEOUT), Some(LOAD_TIMEOUT), None);
        client.update_timeouts(timeouts).await.context("timeouts cannot be set")?;
        let browser = Self { client, driver };
        if engine != Engine::Chromium {
            browser.fit(device.screen).await?;
        }
        Ok(browser)
    }

    /// Makes the window so large that the page has the size of the screen.
    async fn fit(&self, screen: (u32, u32)) -> Result<()> {
        let (mut bars, mut size) = ((0, 0), (0, 0));
        for _ in 0..FIT_ATTEMPTS {
            let window = (screen.0.saturating_add_signed(bars.0), screen.1.saturating_add_signed(bars.1));
            self.client.set_window_rect(0, 0, window.0, window.1).await.context("the window has a fixed size")?;
            sleep(FIT_PAUSE).await;
            let seen = self.eval("[outerWidth, outerHeight, innerWidth, innerHeight]").await?;
            let length = |index: usize| seen[index].as_i64().and_then(|length| i32::try_from(length).ok()).unwrap_or(0);
            bars = (length(0) - length(2), length(1) - length(3));
            size = (length(2).unsigned_abs(), length(3).unsigned_abs());
            if size == screen {
                return Ok(());
            }
        }
        bail!("the page is {size:?} pixels instead of {screen:?}")
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
