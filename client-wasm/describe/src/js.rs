//! JavaScript values as text that a person can read.

/// Columns of a line at the most, where there is a choice.
const LINE_MAX: usize = 100;

/// A value of JavaScript.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Js {
    /// A name or a number, as it is.
    Code(String),
    Text(String),
    List(Vec<Self>),
    /// A list with a line for each value.
    Rows(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Js {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn number(number: impl ToString) -> Self {
        Self::Code(number.to_string())
    }

    pub(super) fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The text of the value; its first line begins after `indent` columns or more.
    pub(super) fn to_text(&self, indent: usize) -> String {
        let line = self.in_a_line();
        let is_short = indent + line.len() <= LINE_MAX;
        let (outer, inner) = (" ".repeat(indent), " ".repeat(indent + 2));
        match self {
            Self::Object(fields) if !is_short => {
                let fields = fields.iter().map(|(name, value)| match value {
                    Self::Code(code) if code == name => format!("{inner}{code},\n"),
                    _ => format!("{inner}{}: {},\n", key(name), value.to_text(indent + 2)),
                });
                format!("{{\n{}{outer}}}", fields.collect::<String>())
            }
            Self::Rows(values) => {
                let values = values.iter().map(|value| format!("{inner}{},\n", value.to_text(indent + 2)));
                format!("[\n{}{outer}]", values.collect::<String>())
            }
            Self::List(values) if !is_short && values.iter().any(Self::is_nested) => {
                let values: Vec<String> = values.iter().map(|value| value.to_text(indent)).collect();
                format!("[{}]", values.join(", "))
            }
            Self::List(values) if !is_short => format!("[\n{}{outer}]", filled(values, &inner)),
            _ => line,
        }
    }

    const fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Rows(_) | Self::Object(_))
    }

    fn in_a_line(&self) -> String {
        let all = |values: &[Self]| values.iter().map(Self::in_a_line).collect::<Vec<_>>().join(", ");
        match self {
            Self::Code(code) => code.clone(),
            Self::Text(text) => quoted(text),
            Self::List(values) | Self::Rows(values) => format!("[{}]", all(values)),
            Self::Object(fields) if fields.is_empty() => "{}".to_owned(),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{}: {}", key(name), value.in_a_line()));
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Short values, as many on a line as fit.
fn filled(values: &[Js], indent: &str) -> String {
    let (mut text, mut line) = (String::new(), indent.to_owned());
    for value in values {
        let value = format!("{},", value.in_a_line());
        if line.len() + 1 + value.len() > LINE_MAX && line != indent {
            text = text + &line + "\n";
            line = indent.to_owned();
        }
        let space = if line == indent { "" } else { " " };
        line = line + space + &value;
    }
    text + &line + "\n"
}

/// A name as the key of an object: as it is, or in quotes where it must be.
pub(super) fn key(name: &str) -> String {
    let is_index = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_index || is_name { name.to_owned() } else { quoted(name) }
}

/// A text in single quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            _ => quoted.push(c),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_fits_is_one_line_and_another_one_is_several() {
        let pair = Js::object([("x", Js::List(vec![Js::text("f")])), ("at.y", Js::number(2))]);
        assert_eq!(pair.to_text(0), "{ x: ['f'], 'at.y': 2 }");
        let long = Js::object([("load", Js::Code("load".into())), ("t", Js::Text("a".repeat(100)))]);
        assert_eq!(
            Js::List(vec![Js::text("t"), long]).to_text(2),
            format!("['t', {{\n    load,\n    t: '{}',\n  }}]", "a".repeat(100))
        );
        let names = Js::List(vec![Js::Text("a".repeat(60)); 2]);
        assert_eq!(names.to_text(0), format!("[\n  '{0}',\n  '{0}',\n]", "a".repeat(60)));
    }

    #[test]
    fn a_text_cannot_end_its_quotes() {
        assert_eq!(quoted("it's\\\n\r"), "'it\\'s\\\\\\n\\r'");
        assert_eq!([key("0"), key("r_2"), key("2x"), key("")], ["0", "r_2", "'2x'", "''"]);
    }
}
