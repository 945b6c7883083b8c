//! The hosts of WebAssembly: node, and a page in headless Chromium.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tickwire_tools::browser::{Browser, Device, Engine};
use tickwire_wasm_bench::Findings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One round of a host may take this long.
const ROUND_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of a request at the most: a browser's request has a few hundred.
const REQUEST_BYTES_MAX: usize = 8_192;

/// Without these two headers a page's clock is too coarse to measure by.
const ISOLATION: &str = "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp";

/// Script that polls the page until it is ready, 50 times a second for half a minute.
const READY: &str = "new Promise((done, fail) => { let left = 1500; (function look() { \
    if (window.measure) done(window.crossOriginIsolated); \
    else if (left-- > 0) setTimeout(look, 20); else fail('the module did not load'); })(); })";

fn glue(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.js"))
}

fn module(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}_bg.wasm"))
}

/// node, started for each round.
pub(crate) struct Node {
    files: [PathBuf; 3],
}

impl Node {
    pub(crate) fn new(folder: &Path, stem: &str, recording: &[u8]) -> Result<Self> {
        let path = folder.join("recording");
        fs::write(&path, recording).context("the recording cannot be written")?;
        Ok(Self { files: [glue(folder, stem), module(folder, stem), path] })
    }

    pub(crate) async fn measure(&self, passes: u32) -> Result<Findings> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/node.mjs");
        let mut node = Command::new("node");
        node.arg(script).args(&self.files).arg(passes.to_string()).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(ROUND_TIMEOUT, node.output()).await.context("node takes too long")?;
        let output = output.context("node does not start: is it installed?")?;
        ensure!(output.status.success(), "node: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// A page with the module in it, and the server that it was loaded from.
pub(crate) struct Chromium {
    browser: Browser,
    server: JoinHandle<()>,
}

impl Chromium {
    pub(crate) async fn start(folder: &Path, stem: &str, recording: &[u8]) -> Result<Self> {
        let read = |path: PathBuf| fs::read(&path).with_context(|| format!("{} cannot be read", path.display()));
        let files = vec![
            ("/", "text/html", include_bytes!("chromium.html").to_vec()),
            ("/module.js", "text/javascript", read(glue(folder, stem))?),
            ("/module.wasm", "application/wasm", read(module(folder, stem))?),
            ("/recording", "application/octet-stream", recording.to_vec()),
        ];
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A browser that ends a connection early repeats its request.
                let _ = answer(stream, &files).await;
            }
        });
        let browser = Browser::start(Engine::Chromium, Device::default()).await?;
        browser.visit(&url).await?;
        let is_isolated = browser.settle(READY).await?;
        ensure!(is_isolated == true, "the page's clock is too coarse");
        Ok(Self { browser, server })
    }

    pub(crate) async fn measure(&self, passes: u32) -> Result<Findings> {
        let found = timeout(ROUND_TIMEOUT, self.browser.eval(&format!("window.measure({passes})"))).await;
        let found = found.context("Chromium takes too long")??;
        Ok(serde_json::from_str(found.as_str().context("the page gives a text")?)?)
    }

    pub(crate) async fn close(self) {
        self.browser.close().await;
        self.server.abort();
    }
}

async fn answer(mut stream: TcpStream, files: &[(&str, &str, Vec<u8>)]) -> Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        ensure!(request.len() < REQUEST_BYTES_MAX && stream.read_buf(&mut request).await? > 0, "no request");
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match files.iter().find(|(name, ..)| *name == path) {
        Some((_, kind, body)) => ("200 OK", *kind, body.as_slice()),
        None => ("404 Not Found", "text/plain", &[][..]),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n{ISOLATION}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    Ok(stream.shutdown().await?)
}
