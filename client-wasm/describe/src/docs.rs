//! The comments of the generated types: those of the author, and the bounds and secrets of the shape.

use super::declarations::View;
use super::layout::Integer;
use tickwire::state::Visibility;
use tickwire::state::shape::{EnumShape, FieldShape, TypeShape};

/// Columns of a line at the most.
const LINE_MAX: usize = 100;

/// The sentences as a comment before a member, with the indentation of `indent` columns; nothing for no sentence.
pub(super) fn comment(sentences: &[String], indent: usize) -> String {
    let text = sentences.iter().filter(|sentence| !sentence.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let (text, space) = (text.replace("*/", "*\\/"), " ".repeat(indent));
    if text.is_empty() {
        return String::new();
    }
    let line = format!("{space}/** {text} */\n");
    if line.len() <= LINE_MAX {
        return line;
    }
    let lines = wrapped(&text, LINE_MAX - indent - 3);
    let lines: String = lines.iter().map(|line| format!("{space} * {line}\n")).collect();
    format!("{space}/**\n{lines}{space} */\n")
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => *line = format!("{line} {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A comment of the author without the links of Rust's documentation: `[`Ship`](ship::Ship)` becomes `` `Ship` ``.
pub(super) fn prose(docs: &str) -> String {
    let mut text = String::new();
    let mut rest = docs;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        text = text + before + "`" + name + "`";
        rest = after;
        if let Some(target) = after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            rest = target.1;
        }
    }
    text + rest
}

/// All that can be said of a field.
pub(super) fn of_field(field: &FieldShape, view: View) -> Vec<String> {
    vec![prose(field.docs), bounds(&field.shape, view), secrecy(field, view), command(field)]
}

fn secrecy(field: &FieldShape, view: View) -> String {
    let is_table = matches!(field.shape, TypeShape::Table(_));
    let others = match field.marks.visibility {
        Visibility::All => return String::new(),
        Visibility::Owner if is_table => "Only the owner of a row receives it: other clients",
        Visibility::Owner => "Only its owner receives it: other clients",
        Visibility::Server => "The server's own: clients",
    };
    if is_table { format!("{others} see no rows.") } else { format!("{others} read {}.", unknown(&field.shape, view)) }
}

/// The value of a field on clients that may not know it.
fn unknown(shape: &TypeShape, view: View) -> String {
    match shape {
        TypeShape::Bool if view == View::Columns => "0".to_owned(),
        TypeShape::Owner if view == View::Columns => "-1".to_owned(),
        TypeShape::Option(_) if view == View::Columns => "none".to_owned(),
        TypeShape::Float(grid) | TypeShape::Vector { grid, .. } => grid.min.to_string(),
        TypeShape::Integer { min, .. } => min.to_string(),
        TypeShape::Bool => "false".to_owned(),
        TypeShape::Owner | TypeShape::Option(_) => "null".to_owned(),
        TypeShape::List(..) | TypeShape::Map { .. } => "none".to_owned(),
        TypeShape::Enum(shape) => shape.variants.first().map_or_else(String::new, |first| format!("`{}`", first.name)),
        TypeShape::Rotation { .. } | TypeShape::Struct(_) | TypeShape::Array(..) => "nothing of it".to_owned(),
        _ => "0".to_owned(),
    }
}

fn command(field: &FieldShape) -> String {
    if field.marks.once { "A command: it takes effect in one tick.".to_owned() } else { String::new() }
}

/// The values that a field may have.
fn bounds(shape: &TypeShape, view: View) -> String {
    let is_columns = view == View::Columns;
    match shape {
        TypeShape::Float(grid) | TypeShape::Vector { grid, .. } => {
            format!("From {} to {} in steps of {}.", grid.min, grid.max, grid.step)
        }
        TypeShape::Angle { directions, is_radians: true } => {
            format!("In radians, from 0 up to a full turn: one of {directions} directions.")
        }
        TypeShape::Angle { directions, is_radians: false } => {
            format!("A direction: one of {directions} around the circle, from 0.")
        }
        TypeShape::Rotation { .. } => "A unit quaternion.".to_owned(),
        TypeShape::Integer { min, max } => {
            let is_cut = is_columns && Integer::within(*min, *max) == Integer::Far;
            let cut = if is_cut { " The column has the lowest 32 bits." } else { "" };
            format!("From {min} to {max}.{cut}")
        }
        TypeShape::Bool if is_columns => "0 or 1.".to_owned(),
        TypeShape::Seat => "The number of a seat, from 0.".to_owned(),
        TypeShape::Owner if is_columns => "The number of a seat, from 0; -1 for nobody.".to_owned(),
        TypeShape::Owner => "The number of a seat, from 0; null for nobody.".to_owned(),
        TypeShape::RowId => "The id of a row.".to_owned(),
        TypeShape::Enum(shape) if is_columns && shape.is_plain() => numbers(shape),
        TypeShape::Option(inner) => bounds(inner, view),
        TypeShape::Array(inner, count) => joined(&format!("Always {count}."), &bounds(inner, view)),
        TypeShape::List(inner, max) => joined(&format!("Up to {max}."), &bounds(inner, view)),
        TypeShape::Map { max, .. } => format!("Up to {max}, in the order of their keys."),
        _ => String::new(),
    }
}

fn joined(one: &str, other: &str) -> String {
    if other.is_empty() { one.to_owned() } else { format!("{one} {other}") }
}

/// The numbers that stand for the variants of an enum.
pub(super) fn numbers(shape: &EnumShape) -> String {
    let names = shape.variants.iter().enumerate().map(|(number, variant)| format!("{number} {}", variant.name));
    format!("{}.", names.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rust_become_plain_names() {
        assert_eq!(prose("Above [`A`] and [`B`](x::B), [a link](y)."), "Above `A` and `B`, [a link](y).");
        assert_eq!(prose("[`open"), "[`open");
    }

    #[test]
    fn a_comment_is_wrapped_and_cannot_be_ended_by_its_text() {
        assert_eq!(comment(&["".into()], 2), "");
        assert_eq!(comment(&["A */ b.".into(), "C.".into()], 2), "  /** A *\\/ b. C. */\n");
        let long = comment(&["word ".repeat(40)], 2);
        assert!(long.starts_with("  /**\n   * word") && long.ends_with("word\n   */\n"), "{long}");
        assert!(long.lines().all(|line| line.len() <= LINE_MAX));
    }
}
