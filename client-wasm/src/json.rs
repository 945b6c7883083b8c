//! A small JSON writer.
//!
//! Reports are written many times a second. A general library would do it as well, and make the module a sixth larger,
//! most of it for printing floats to the last bit.

use std::fmt::Write as _;

/// The text of a JSON object, field by field. A tree of values would be three times as much code, and so would functions
/// that are inlined.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// A field whose value is JSON.
    #[inline(never)]
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        let comma = if self.0.len() > 1 { ",\"" } else { "\"" };
        [comma, name, "\":", value].into_iter().for_each(|part| self.0.push_str(part));
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.raw(name, "");
        quote(value, &mut self.0);
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.raw(name, &value.to_string());
    }

    #[inline(never)]
    pub(crate) fn signed(&mut self, name: &str, value: i32) {
        self.raw(name, &value.to_string());
    }

    /// A number, or `null`.
    pub(crate) fn number_or_null(&mut self, name: &str, value: Option<u64>) {
        match value {
            Some(value) => self.number(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// A number, written to the thousandth, and as `null` when it is not finite or above 10¹⁵.
    #[inline(never)]
    pub(crate) fn decimal(&mut self, name: &str, value: f64) {
        // The comparison is false for NaN.
        let fits = value.abs() < 1e15;
        if !fits {
            return self.raw(name, "null");
        }
        // Within `i64`, as was just checked.
        let thousandths = (value * 1_000.0).round() as i64;
        let sign = if thousandths < 0 { "-" } else { "" };
        let (whole, part) = (thousandths.unsigned_abs() / 1_000, thousandths.unsigned_abs() % 1_000);
        self.raw(name, &format!("{sign}{whole}.{part:03}"));
    }

    #[inline(never)]
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// The list of values that are JSON.
pub(crate) fn list(values: impl Iterator<Item = String>) -> String {
    let mut list = String::from("[");
    for value in values {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&value);
    }
    list.push(']');
    list
}

/// Writes a text in quotes.
#[inline(never)]
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // A text takes everything that is written to it.
            '\0'..='\u{1f}' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_json_can_be_read() {
        let mut json = Object::new();
        json.text("text", "\"quoted\\\" \n\u{1} Grüße \u{2028}");
        json.number("whole", u64::MAX);
        json.signed("negative", i32::MIN);
        json.decimal("decimal", -0.125);
        json.decimal("endless", f64::NAN);
        json.number_or_null("nobody", None);
        json.raw("list", &list(["true".to_owned(), Object::new().end()].into_iter()));
        let read: serde_json::Value = serde_json::from_str(&json.end()).unwrap();
        assert_eq!(read["text"], "\"quoted\\\" \n\u{1} Grüße \u{2028}");
        assert_eq!((read["whole"].as_u64(), read["negative"].as_i64()), (Some(u64::MAX), Some(i32::MIN.into())));
        assert_eq!(read["decimal"], -0.125);
        assert!(read["endless"].is_null() && read["nobody"].is_null());
        assert_eq!(read["list"], serde_json::json!([true, {}]));
    }

    #[test]
    fn decimals_are_rounded_to_the_thousandth() {
        for (value, written) in
            [(1.0, "1.000"), (-0.0004, "0.000"), (2.9996, "3.000"), (-12.0625, "-12.063"), (1e300, "null")]
        {
            let mut json = Object::new();
            json.decimal("x", value);
            assert_eq!(json.end(), format!("{{\"x\":{written}}}"));
        }
    }
}
