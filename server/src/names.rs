//! Names and lines of chat as others see them.
//!
//! A name must not hide, cover its neighbours or pass for another person's. The rules follow the Unicode standard:
//! annex 29 defines the grapheme, which people count as one character, and report 39 lists the characters that look
//! alike.
//!
//! * Characters that show nothing or change the direction of the text are left out. A joiner stays inside of a
//!   grapheme, where it makes one picture of several, and so does the selector that asks for a character's picture.
//! * A letter has at most [`MARKS_PER_LETTER_MAX`] marks above and below it.
//! * A text is cut between graphemes: a family stays whole, or is left out.
//! * Two people of one room have names that look different; the later one gets a number.
//!
//! The tables of these rules are large, so clients leave the rules to the server.

use crate::limits::{CHAT_GRAPHEMES_MAX, MARKS_PER_LETTER_MAX, NAME_GRAPHEMES_MAX};
use tickwire::limits::{CHAT_BYTES_MAX, NAME_BYTES_MAX};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{EmojiStatus, GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_security::skeleton;
use unicode_segmentation::UnicodeSegmentation;

/// The name of a person whose own name shows nothing.
const NAMELESS: &str = "player";

/// Joins characters into one: four people into a family, two letters of an Indian script into a ligature.
const JOINER: char = '\u{200d}';

/// Asks for the coloured picture of a character that is also a plain sign, such as a heart.
const PICTURE: char = '\u{fe0f}';

/// A frame around a digit.
const KEYCAP: char = '\u{20e3}';

/// The combining class of signs that take away the vowel of a letter.
const VIRAMA: u8 = 9;

/// Characters that are blank by their design though their properties are those of visible ones: the empty Braille cell,
/// the musical null notehead, the stand-in for an object, fillers of hieroglyphs and of the Khitan script.
const BLANK: [char; 6] = ['\u{2800}', '\u{1d159}', '\u{fffc}', '\u{13441}', '\u{13442}', '\u{16fe4}'];

/// A name as others see it: visible, and at most [`NAME_GRAPHEMES_MAX`] graphemes and [`NAME_BYTES_MAX`] bytes.
pub(crate) fn clean_name(name: &str) -> String {
    let cleaned = clean(name, NAME_GRAPHEMES_MAX, NAME_BYTES_MAX);
    if cleaned.is_empty() { NAMELESS.into() } else { cleaned }
}

/// A line of chat as others see it; empty when it shows nothing.
pub(crate) fn clean_chat(text: &str) -> String {
    clean(text, CHAT_GRAPHEMES_MAX, CHAT_BYTES_MAX)
}

/// Whether a line of chat is cut, because it has too many graphemes or bytes.
pub(crate) fn is_cut(text: &str) -> bool {
    text.len() > CHAT_BYTES_MAX || text.graphemes(true).count() > CHAT_GRAPHEMES_MAX
}

/// The clean name, with a number behind it when it looks like one of `others`.
pub(crate) fn distinct_name<'a>(name: &str, others: impl Iterator<Item = &'a str>) -> String {
    let taken: Vec<String> = others.map(look).collect();
    let is_free = |name: &String| !taken.contains(&look(name));
    let name = clean_name(name);
    if is_free(&name) {
        return name;
    }
    (2_u32..)
        .map(|number| numbered(&name, number))
        .find(is_free)
        .expect("a room has fewer people than there are numbers")
}

/// Whether two names look the same to people.
pub(crate) fn are_alike(one: &str, other: &str) -> bool {
    look(one) == look(other)
}

/// A text that is equal for names that look the same.
fn look(name: &str) -> String {
    skeleton(name).collect()
}

fn numbered(name: &str, number: u32) -> String {
    let end = format!(" {number}");
    let start = clean(name, NAME_GRAPHEMES_MAX - end.len(), NAME_BYTES_MAX - end.len());
    (if start.is_empty() { NAMELESS } else { &start }).to_owned() + &end
}

/// A text that is visible and within both limits.
///
/// Leaving something out can bring together what was apart before. So the text is cleaned until that makes it no
/// shorter: it is then the same whenever it is cleaned.
fn clean(text: &str, graphemes_max: usize, bytes_max: usize) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return clean_plain(text, graphemes_max.min(bytes_max));
    }
    clean_all(text, graphemes_max, bytes_max)
}

/// The same for a text of visible ASCII, where each character is a grapheme and a byte: most lines are such, and the
/// tables take thirty times as long.
fn clean_plain(text: &str, characters_max: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(characters_max));
    for character in text.chars() {
        if cleaned.len() == characters_max {
            break;
        }
        put_plain(&mut cleaned, character);
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

fn clean_all(text: &str, graphemes_max: usize, bytes_max: usize) -> String {
    let mut cleaned = clean_once(text, graphemes_max, bytes_max);
    loop {
        let again = clean_once(&cleaned, graphemes_max, bytes_max);
        if again.len() >= cleaned.len() {
            return cleaned;
        }
        cleaned = again;
    }
}

fn clean_once(text: &str, graphemes_max: usize, bytes_max: usize) -> String {
    // Invisible characters go first: between the marks of one letter they would make graphemes of their own, and the
    // marks would stack up once they are gone.
    let visible: String = connected(text.chars().filter_map(visible)).nfc().collect();
    let (mut cleaned, mut count) = (String::new(), 0);
    for grapheme in visible.graphemes(true) {
        let whole = cleaned.len();
        put_grapheme(&mut cleaned, grapheme);
        let is_new = cleaned.len() > whole;
        if count + usize::from(is_new) > graphemes_max || cleaned.len() > bytes_max {
            cleaned.truncate(whole);
            break;
        }
        count += usize::from(is_new);
    }
    // A character between two parts of a syllable may be gone now.
    cleaned.trim_end().nfc().collect()
}

/// The character, a plain space for each kind of space, or `None` for a character that shows nothing.
fn visible(character: char) -> Option<char> {
    let is_ignored = || skeleton(character.encode_utf8(&mut [0; 4])).next().is_none();
    match character {
        ' '..='~' | JOINER | PICTURE => Some(character),
        space if space.is_whitespace() => Some(' '),
        blank if BLANK.contains(&blank) => None,
        // Controls, formats, private use, and code points without a character.
        other if other.general_category_group() == GeneralCategoryGroup::Other => None,
        // A skeleton leaves out characters that the standard calls ignorable, such as the Hangul filler.
        _ if is_ignored() => None,
        _ => Some(character),
    }
}

/// The characters without joiners that join nothing, and without selectors of a picture that is not there.
fn connected(characters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let mut characters = characters.peekable();
    let mut last = None;
    std::iter::from_fn(move || {
        loop {
            let character = characters.next()?;
            let next = characters.peek().copied();
            let stays = match character {
                JOINER => last.is_some_and(can_be_joined) && next.is_some_and(is_base),
                PICTURE => last.is_some_and(|last| has_picture(last, next)),
                _ => true,
            };
            if stays {
                last = Some(character);
                return last;
            }
        }
    })
}

/// Appends a character of visible ASCII; a space only between others, and only one.
fn put_plain(cleaned: &mut String, character: char) {
    if character != ' ' || !cleaned.is_empty() && !cleaned.ends_with(' ') {
        cleaned.push(character);
    }
}

/// Appends a grapheme without the characters that may not be in it.
fn put_grapheme(cleaned: &mut String, grapheme: &str) {
    if grapheme.starts_with(' ') {
        return put_plain(cleaned, ' ');
    }
    let (mut last, mut marks) = (None, 0);
    let mut characters = grapheme.chars().peekable();
    while let Some(character) = characters.next() {
        let is_stacked = is_stacked(character);
        marks = if is_base(character) { 0 } else { marks + usize::from(is_stacked) };
        let stays = match (character, last) {
            // A mark without a letter would sit on whatever is in front of the name.
            (_, None) => is_base(character),
            // A joiner at the end of a grapheme joins it to nothing.
            (JOINER, _) => characters.peek().is_some(),
            // Two equal marks on one letter show as one.
            (_, Some(last)) if is_stacked => character != last && marks <= MARKS_PER_LETTER_MAX,
            _ => true,
        };
        if stays {
            cleaned.push(character);
            last = Some(character);
        }
    }
}

/// Whether a character is a mark that takes no room of its own, so that many of them stack up.
fn is_stacked(character: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    character != PICTURE && matches!(character.general_category(), EnclosingMark | NonspacingMark)
}

/// Whether a character stands by itself, so that a joiner in front of it has something to join.
fn is_base(character: char) -> bool {
    !matches!(character, JOINER | PICTURE) && character.general_category_group() != GeneralCategoryGroup::Mark
}

/// Whether a joiner may follow: behind a picture, and behind the sign that takes the vowel of an Indian letter away.
fn can_be_joined(character: char) -> bool {
    is_base(character) || character == PICTURE || canonical_combining_class(character) == VIRAMA
}

/// Whether a character is a plain sign that also has a picture. A digit has one together with the frame of a key.
fn has_picture(character: char, next: Option<char>) -> bool {
    match character.emoji_status() {
        EmojiStatus::EmojiOther | EmojiStatus::EmojiModifierBase => true,
        EmojiStatus::EmojiOtherAndEmojiComponent => next == Some(KEYCAP),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
