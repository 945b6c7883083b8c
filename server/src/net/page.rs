//! The page: the files that `cargo play` has built, inside the program.
//!
//! Browsers keep files with a hash in their name for ever. They ask for the others again each time, and the answer is
//! 304 when nothing has changed. A file that is there precompressed is sent so. A debug build reads the files from the
//! folder in which they were built.

use super::answer::{Answer, Refusal, bare, plain};
use crate::config::BasePath;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "../client-wasm/dist"]
#[allow_missing = true]
struct Dist;

const NOT_BUILT: &str = "Tickwire is running, but its page is not built.\n\
    Start it with `cargo play` instead, which builds the page first.\n";

/// Encodings by preference, with the endings of their files.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Answers a request for a file; the page of the server is at `base`.
pub(super) fn answer(base: &BasePath, path: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Some(file) = Dist::get(name) else {
        return if name == "index.html" {
            Ok(plain(StatusCode::OK, NOT_BUILT))
        } else {
            Err(Refusal::not_found("no such file", format!("the page is at {base}/")))
        };
    };
    let etag = etag(&file);
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(with_headers(bare(StatusCode::NOT_MODIFIED), name, etag));
    }
    let encoded = ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(headers, encoding))
        .find_map(|(encoding, ending)| Some((*encoding, Dist::get(&format!("{name}{ending}"))?)));
    let (encoding, file) = encoded.map_or((None, file), |(encoding, file)| (Some(encoding), file));
    let mut answer = Answer::new(Full::new(bytes(file)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime(name)));
    if let Some(encoding) = encoding {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(with_headers(answer, name, etag))
}

fn with_headers(mut answer: Answer, name: &str, etag: HeaderValue) -> Answer {
    let cache = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = answer.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    use std::fmt::Write;
    let mut etag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..12] {
        write!(etag, "{byte:02x}").expect("writing to a string cannot fail");
    }
    etag.push('"');
    HeaderValue::try_from(etag).expect("hexadecimal digits are a header value")
}

/// Whether the name carries a hash: eight or more hexadecimal digits before an ending, after `-` or `.`.
fn is_hashed(name: &str) -> bool {
    let parts: Vec<&str> = name.split(['-', '.']).collect();
    let is_hash = |part: &&str| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.len() > 2 && parts[1..parts.len() - 1].iter().any(is_hash)
}

/// Whether `Accept-Encoding` names the encoding and does not refuse it.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|entry| {
        let (name, quality) = entry.split_once(';').unwrap_or((entry, "q=1"));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|quality| quality.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        // Only with this type do browsers compile the module while it loads.
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for name in ["app-0123abcd.js", "tickwire_client_bg.0123456789abcdef.wasm", "fonts/a-deadbeef.woff2"] {
            assert!(is_hashed(name), "{name}");
        }
        for name in ["index.html", "app.js", "deadbeef.js", "app-0123abc.js", "app-0123abcdef", "icon-feedfish.svg"] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn an_encoding_is_used_when_it_is_named_and_not_refused() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            (accepts(&headers, "br"), accepts(&headers, "gzip"))
        };
        assert_eq!(accepts("gzip, deflate, br, zstd"), (true, true));
        assert_eq!(accepts("br;q=0, GZIP;q=0.5"), (false, true));
        assert_eq!(accepts("brotli"), (false, false));
        assert_eq!(accepts("br; q=0.0"), (false, false));
    }

    #[test]
    fn files_outside_the_page_are_not_found() {
        let base = BasePath::default();
        for path in ["/../Cargo.toml", "/..%2fCargo.toml", "//etc/passwd", "/nothing.js", "/index.html/"] {
            assert!(answer(&base, path, &HeaderMap::new()).is_err(), "{path}");
        }
        assert!(answer(&base, "/", &HeaderMap::new()).is_ok());
    }
}
