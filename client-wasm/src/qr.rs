//! A link as a QR code, for the phone next to the screen.

use crate::json::Object;
use qrcodegen::{QrCode, QrCodeEcc, QrSegment};
use std::fmt::Write as _;
use wasm_bindgen::prelude::*;

/// A text as a QR code: JSON `{size, path}`, where `path` is SVG path data in modules without the quiet zone.
///
/// A text that fits no code (above 2,331 bytes) gives size 0 and no path.
#[must_use]
#[wasm_bindgen]
pub fn qr(text: &str) -> String {
    // Addresses are in lower case, which only the byte mode can encode.
    let bytes = QrSegment::make_bytes(text.as_bytes());
    let (size, path) = match QrCode::encode_segments(&[bytes], QrCodeEcc::Medium) {
        Ok(code) => (code.size(), path(&code)),
        Err(_) => (0, String::new()),
    };
    let mut json = Object::new();
    json.signed("size", size);
    json.text("path", &path);
    json.end()
}

/// A rectangle for each run of dark modules in a row.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).fold(0, |run, _| run + 1);
            if run > 0 {
                write!(path, "M{x} {y}h{run}v1h-{run}z").expect("writing to a string cannot fail");
            }
            // The module after a run is light.
            x += run + 1;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dark modules as the path fills them.
    fn filled(path: &str) -> Vec<(i32, i32)> {
        let mut dark = Vec::new();
        for run in path.split_terminator('z') {
            let (at, rest) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let (length, rest) = rest.split_once("v1h-").unwrap();
            assert_eq!(length, rest, "a run returns to where it began");
            let (x, y, length): (i32, i32, i32) = (x.parse().unwrap(), y.parse().unwrap(), length.parse().unwrap());
            dark.extend((x..x + length).map(|x| (x, y)));
        }
        dark
    }

    #[test]
    fn the_path_fills_the_dark_modules_and_no_other() {
        let text = "http://192.168.0.17:8080/?game=paddles#C4FK9T";
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        let all = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let dark: Vec<_> = all.filter(|(x, y)| code.get_module(*x, *y)).collect();
        let json: serde_json::Value = serde_json::from_str(&qr(text)).unwrap();
        assert_eq!(json["size"], code.size());
        assert_eq!(filled(json["path"].as_str().unwrap()), dark);
    }

    #[test]
    fn a_text_that_is_too_long_gives_an_empty_code() {
        assert_eq!(qr(&"x".repeat(5_000)), r#"{"size":0,"path":""}"#);
    }
}
