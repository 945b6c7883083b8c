//! A small JSON writer, and a reader for one flat object.
//!
//! Reports are written many times a second and options read once. A general library would do it as well, and
//! make the module a sixth larger, most of it for printing and reading floats to the last bit.

use std::fmt::{self, Display, Formatter, Write as _};
use std::str::Chars;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    /// Written to the thousandth, and as `null` when it is not finite or above 10¹⁵.
    Decimal(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

impl Json {
    pub(crate) fn object(fields: impl Into<Vec<(&'static str, Self)>>) -> Self {
        Self::Object(fields.into())
    }
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => f.write_str(if *value { "true" } else { "false" }),
            Self::Integer(value) => value.fmt(f),
            Self::Decimal(value) => decimal(*value, f),
            Self::Text(text) => quote(text, f),
            Self::List(values) => {
                f.write_char('[')?;
                for (index, value) in values.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{value}")?;
                }
                f.write_char(']')
            }
            Self::Object(fields) => {
                f.write_char('{')?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}\"{name}\":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn decimal(value: f64, f: &mut Formatter<'_>) -> fmt::Result {
    // The comparison is false for NaN.
    let fits = value.abs() < 1e15;
    if !fits {
        return f.write_str("null");
    }
    // Within `i64`, as was just checked.
    let thousandths = (value * 1_000.0).round() as i64;
    let sign = if thousandths < 0 { "-" } else { "" };
    let (whole, part) = (thousandths.unsigned_abs() / 1_000, thousandths.unsigned_abs() % 1_000);
    write!(f, "{sign}{whole}.{part:03}")
}

/// Writes a text in quotes.
#[inline(never)]
pub(crate) fn quote(text: &str, f: &mut dyn fmt::Write) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                f.write_char('\\')?;
                f.write_char(c)?;
            }
            '\0'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(c))?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

macro_rules! from {
    ($($from:ty: $value:ident => $json:expr),* $(,)?) => {$(
        impl From<$from> for Json {
            fn from($value: $from) -> Self {
                $json
            }
        }
    )*};
}
from! {
    bool: value => Self::Bool(value),
    u8: value => Self::Integer(value.into()),
    i8: value => Self::Integer(value.into()),
    u16: value => Self::Integer(value.into()),
    u32: value => Self::Integer(value.into()),
    i32: value => Self::Integer(value.into()),
    u64: value => Self::Integer(i64::try_from(value).unwrap_or(i64::MAX)),
    f32: value => Self::Decimal(value.into()),
    f64: value => Self::Decimal(value),
    &str: value => Self::Text(value.into()),
    String: value => Self::Text(value),
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The fields of a JSON object whose values are strings, numbers, booleans and nulls; `None` for anything else.
/// Numbers are [`Json::Decimal`], exact for integers below 2⁵³.
pub(crate) fn read_flat(json: &str) -> Option<Vec<(String, Json)>> {
    let mut reader = Reader(json.chars());
    let mut fields = Vec::new();
    reader.symbol('{')?;
    if reader.symbol('}').is_none() {
        loop {
            reader.symbol('"')?;
            let name = reader.text()?;
            reader.symbol(':')?;
            fields.push((name, reader.value()?));
            if reader.symbol('}').is_some() {
                break;
            }
            reader.symbol(',')?;
        }
    }
    reader.skip_blanks();
    reader.0.as_str().is_empty().then_some(fields)
}

struct Reader<'a>(Chars<'a>);

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
            self.0.next();
        }
    }

    fn peek(&self) -> Option<char> {
        self.0.clone().next()
    }

    /// Reads the next character after blanks if it is this one; otherwise it stays.
    fn symbol(&mut self, wanted: char) -> Option<()> {
        self.skip_blanks();
        let rest = self.0.as_str().strip_prefix(wanted)?;
        self.0 = rest.chars();
        Some(())
    }

    fn value(&mut self) -> Option<Json> {
        if self.symbol('"').is_some() {
            return self.text().map(Json::Text);
        }
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if let Some(rest) = self.0.as_str().strip_prefix(word) {
                self.0 = rest.chars();
                return Some(value);
            }
        }
        self.number().map(Json::Decimal)
    }

    fn number(&mut self) -> Option<f64> {
        let sign = if self.symbol('-').is_some() { -1.0 } else { 1.0 };
        let (value, _) = self.digits()?;
        let fraction = match self.symbol('.') {
            Some(()) => self.digits().map(|(digits, scale)| digits / scale)?,
            None => 0.0,
        };
        // A number that JavaScript writes with an exponent is no sensible option.
        Some(sign * (value + fraction))
    }

    /// At least one digit: the number, and ten to the count of its digits.
    fn digits(&mut self) -> Option<(f64, f64)> {
        let (mut value, mut scale) = (0.0, 1.0);
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.0.next();
            (value, scale) = (value * 10.0 + f64::from(digit), scale * 10.0);
        }
        (scale > 1.0).then_some((value, scale))
    }

    /// The rest of a string, after its opening quote.
    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.0.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            // JavaScript escapes controls and lone surrogates; the latter are no characters.
            'u' => char::from_u32(self.hex4()?).unwrap_or(char::REPLACEMENT_CHARACTER),
            c @ ('"' | '\\' | '/') => c,
            _ => return None,
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |value, _| Some(value * 16 + self.0.next()?.to_digit(16)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_json_can_be_read() {
        let json = Json::object([
            ("text", "\"quoted\\\" \n\u{1} Grüße \u{2028}".into()),
            ("whole", u64::MAX.into()),
            ("decimal", (-0.125_f64).into()),
            ("endless", f32::NAN.into()),
            ("nobody", None::<u8>.into()),
            ("list", Json::List(vec![true.into(), Json::object([])])),
        ]);
        let read: serde_json::Value = serde_json::from_str(&json.to_string()).unwrap();
        assert_eq!(read["text"], "\"quoted\\\" \n\u{1} Grüße \u{2028}");
        assert_eq!(read["whole"], i64::MAX);
        assert_eq!(read["decimal"], -0.125);
        assert!(read["endless"].is_null() && read["nobody"].is_null());
        assert_eq!(read["list"], serde_json::json!([true, {}]));
    }

    #[test]
    fn a_flat_object_is_read_as_a_library_reads_it() {
        let json = "{ \"a\":\"x\\\"\\\\\\/\\n\\u00e9é\" ,\"b\" : -12.5, \"c\":null,\"d\":true,\n\"e\":4294967295}";
        let read = read_flat(json).unwrap();
        let library: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        assert_eq!(read.len(), library.len());
        for (name, value) in read {
            let written: serde_json::Value = serde_json::from_str(&value.to_string()).unwrap();
            match library[&name].as_f64() {
                Some(number) => assert_eq!(written.as_f64(), Some(number), "{name}"),
                None => assert_eq!(written, library[&name], "{name}"),
            }
        }
        assert_eq!(read_flat(" {} "), Some(Vec::new()));
    }

    #[test]
    fn a_text_that_is_no_flat_object_is_refused() {
        let whole = r#"{"a":"x\u00e9","b":-1.5,"c":false}"#;
        for cut in 0..whole.len() {
            assert_eq!(read_flat(&whole[..cut]), None, "cut at {cut}");
        }
        for json in ["[]", "{}x", r#"{"a":[]}"#, r#"{"a":{}}"#, r#"{"a":1,}"#, r#"{"a":.5}"#, r#"{"a":"\x"}"#, "{a:1}"]
        {
            assert_eq!(read_flat(json), None, "{json}");
        }
    }

    #[test]
    fn decimals_are_rounded_to_the_thousandth() {
        let written = |value: f64| Json::Decimal(value).to_string();
        assert_eq!((written(1.0), written(-0.0004), written(2.9996)), ("1.000".into(), "0.000".into(), "3.000".into()));
        assert_eq!((written(-12.0625), written(1e300)), ("-12.063".into(), "null".into()));
    }
}
