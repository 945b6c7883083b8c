//! Names of the page's files: each carries a hash of its content, so a browser may keep it for ever.
//!
//! The rule is plain. A reference is the name of another file of the bundle in quotes or in the parentheses of a CSS
//! `url()`, with or without a leading `./`, and with or without a `#part` or `?query` behind it. Files are
//! renamed in the order of their references, so a changed leaf changes the name of every file that leads to it. Pages,
//! and the files that browsers request by a fixed name, keep their names. Leaves out folders, minifying and names that
//! are put together at run time.
//!
//! A page shall work below any path, so a reference with a leading `/` to a file of the bundle is an error.

use std::collections::BTreeMap;
use std::str::Utf8Error;

use xxhash_rust::xxh3::xxh3_64;

/// File types that can refer to other files; they must be UTF-8.
const TEXT_EXTENSIONS: [&str; 7] = ["css", "html", "js", "json", "svg", "txt", "webmanifest"];

/// File types that are passed on as they are.
const BINARY_EXTENSIONS: [&str; 4] = ["ico", "png", "wasm", "woff2"];

/// Files that browsers and crawlers request by name.
const FIXED_NAMES: [&str; 2] = ["favicon.ico", "robots.txt"];

/// One file of the bundle, before or after its renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asset {
    /// File name, without a folder.
    pub(crate) name: String,
    /// The whole file.
    pub(crate) content: Vec<u8>,
}

/// Reasons why the files of the page do not make a bundle.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// The server would not know the MIME type.
    #[error("{name}: files of this type are not served; known are .{}", known_extensions())]
    UnknownType {
        /// The file.
        name: String,
    },
    /// A text file is not UTF-8.
    #[error("{name}: not UTF-8")]
    NotText {
        /// The file.
        name: String,
        /// The place where it stops being UTF-8.
        source: Utf8Error,
    },
    /// Two files have the same name.
    #[error("{name}: two of the page, the package and the games have a file of this name")]
    Twice {
        /// The name.
        name: String,
    },
    /// A file refers to one that does not exist.
    #[error("{name}: refers to {reference}, and there is no such file")]
    Missing {
        /// The file with the reference.
        name: String,
        /// The reference as written.
        reference: String,
    },
    /// A file refers to another by a path from the root of the host.
    #[error("{name}: refers to /{reference}, which is missing where the page is not at the root: write ./{reference}")]
    Absolute {
        /// The file with the reference.
        name: String,
        /// The file that is meant.
        reference: String,
    },
    /// Files refer to each other in a ring, so none can be named first.
    #[error("files refer to each other in a ring: {}", ring.join(" → "))]
    Ring {
        /// The files on the way; the last is the first again.
        ring: Vec<String>,
    },
}

fn known_extensions() -> String {
    [&TEXT_EXTENSIONS[..], &BINARY_EXTENSIONS[..]].concat().join(", .")
}

/// Renames `assets` by their content and rewrites the references between them. The result is sorted
/// by name.
///
/// # Errors
/// See [`AssetError`].
pub(crate) fn name_by_content(assets: Vec<Asset>) -> Result<Vec<Asset>, AssetError> {
    let mut sources = BTreeMap::new();
    for Asset { name, content } in assets {
        let content = Content::parse(&name, content)?;
        if sources.insert(name.clone(), content).is_some() {
            return Err(AssetError::Twice { name });
        }
    }
    for (name, content) in &sources {
        if let Content::Text(text) = content {
            check_references(name, text, &sources)?;
        }
    }
    let mut naming = Naming { sources: &sources, named: BTreeMap::new(), path: Vec::new() };
    for name in sources.keys() {
        naming.name(name)?;
    }
    let mut named: Vec<Asset> = naming.named.into_values().collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(named)
}

/// A file's content, as text if it can have references.
#[derive(Debug)]
enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Content {
    fn parse(name: &str, content: Vec<u8>) -> Result<Self, AssetError> {
        let extension = extension(name);
        if BINARY_EXTENSIONS.contains(&extension) {
            return Ok(Self::Binary(content));
        }
        if !TEXT_EXTENSIONS.contains(&extension) {
            return Err(AssetError::UnknownType { name: name.to_owned() });
        }
        let text = String::from_utf8(content)
            .map_err(|error| AssetError::NotText { name: name.to_owned(), source: error.utf8_error() })?;
        Ok(Self::Text(text))
    }
}

/// The renaming in progress.
struct Naming<'a> {
    sources: &'a BTreeMap<String, Content>,
    /// Old name to finished file.
    named: BTreeMap<&'a str, Asset>,
    /// The references that led to the current file.
    path: Vec<&'a str>,
}

impl<'a> Naming<'a> {
    fn name(&mut self, name: &'a str) -> Result<(), AssetError> {
        if self.named.contains_key(name) {
            return Ok(());
        }
        if let Some(at) = self.path.iter().position(|&earlier| earlier == name) {
            let ring = self.path[at..].iter().chain([&name]).map(|&name| name.to_owned()).collect();
            return Err(AssetError::Ring { ring });
        }
        let Some(content) = self.sources.get(name) else {
            return Ok(());
        };
        self.path.push(name);
        let content = match content {
            Content::Binary(bytes) => bytes.clone(),
            Content::Text(text) => self.rewrite(text)?.into_bytes(),
        };
        self.path.pop();
        self.named.insert(name, Asset { name: final_name(name, &content), content });
        Ok(())
    }

    /// The text with the final names of the files that it refers to.
    fn rewrite(&mut self, text: &str) -> Result<String, AssetError> {
        let mut rewritten = String::with_capacity(text.len());
        let mut copied = 0;
        for reference in references(text) {
            let Some((name, _)) = self.sources.get_key_value(reference.name) else {
                continue;
            };
            // Without this, pages that link to each other would be a ring.
            if keeps_name(name) {
                continue;
            }
            self.name(name)?;
            let Some(asset) = self.named.get(name.as_str()) else {
                continue;
            };
            rewritten.push_str(&text[copied..reference.at]);
            rewritten.push_str(&asset.name);
            copied = reference.at + name.len();
        }
        rewritten.push_str(&text[copied..]);
        Ok(rewritten)
    }
}

/// A place in a text that may be the name of a file.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    /// Byte offset of the name.
    at: usize,
    /// The name without `./`, `#part` and `?query`.
    name: &'a str,
    /// The path before the name.
    start: Start,
}

/// The path before the name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// `app.js`: a name, or a word that looks like one.
    Nothing,
    /// `./app.js`
    Folder,
    /// `/app.js`
    Root,
}

/// Every quoted or parenthesised word in `text` that looks like the name of a file.
fn references(text: &str) -> impl Iterator<Item = Reference<'_>> {
    text.char_indices().filter_map(|(at, open)| {
        let close = match open {
            '"' | '\'' | '`' => open,
            '(' => ')',
            _ => return None,
        };
        let start = at + open.len_utf8();
        let inside = &text[start..];
        let (path, prefix) = match (inside.strip_prefix("./"), inside.strip_prefix('/')) {
            (Some(path), _) => (path, Start::Folder),
            (_, Some(path)) => (path, Start::Root),
            _ => (inside, Start::Nothing),
        };
        let at = start + inside.len() - path.len();
        let end = path.find(|c: char| !is_name_character(c))?;
        let (name, rest) = path.split_at(end);
        let ends = rest.starts_with(close) || rest.starts_with(['#', '?']);
        (ends && name.contains('.')).then_some(Reference { at, name, start: prefix })
    })
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// A path that leads nowhere is an error here instead of a page that does not load.
fn check_references(name: &str, text: &str, sources: &BTreeMap<String, Content>) -> Result<(), AssetError> {
    references(text).try_for_each(|reference| {
        let (name, there) = (name.to_owned(), sources.contains_key(reference.name));
        match reference.start {
            Start::Root if there => Err(AssetError::Absolute { name, reference: reference.name.to_owned() }),
            Start::Folder if !there && is_file(reference.name) => {
                Err(AssetError::Missing { name, reference: format!("./{}", reference.name) })
            }
            _ => Ok(()),
        }
    })
}

/// Whether a name with `./` before it is that of a file.
fn is_file(name: &str) -> bool {
    let extension = extension(name);
    let known = TEXT_EXTENSIONS.contains(&extension) || BINARY_EXTENSIONS.contains(&extension);
    known && !is_import_module(name)
}

/// wasm-bindgen uses `./…_bg.js` as the name of the module that the .wasm imports; it is a key and not a file.
fn is_import_module(name: &str) -> bool {
    name.ends_with("_bg.js")
}

fn keeps_name(name: &str) -> bool {
    extension(name) == "html" || FIXED_NAMES.contains(&name)
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// `app.js` becomes `app.3fa9c1d2.js`.
fn final_name(name: &str, content: &[u8]) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !keeps_name(name) => {
            // 32 bits: two versions of one file that a browser knows at the same time must differ, no more.
            format!("{stem}.{:08x}.{extension}", xxh3_64(content) >> 32)
        }
        _ => name.to_owned(),
    }
}

/// `app.3fa9c1d2.js` becomes `app.js` again.
pub(crate) fn name_without_hash(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        [stem, hash, extension] if hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{stem}.{extension}")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(name: &str, content: &str) -> Asset {
        Asset { name: name.to_owned(), content: content.as_bytes().to_vec() }
    }

    fn page() -> Vec<Asset> {
        vec![
            asset("index.html", r#"<link href="page.css"><script type="module" src="./app.js"></script>"#),
            asset("app.js", "import init from './client.js'; const style = 'page.css#x';"),
            asset("client.js", "new URL('client_bg.wasm', import.meta.url)"),
            asset("client_bg.wasm", "\0asm"),
            asset("page.css", "a { background: url(icon.svg) }"),
            asset("icon.svg", "<svg/>"),
        ]
    }

    fn text<'a>(assets: &'a [Asset], start: &str) -> &'a str {
        let asset = assets.iter().find(|asset| asset.name.starts_with(start)).unwrap();
        std::str::from_utf8(&asset.content).unwrap()
    }

    fn name<'a>(assets: &'a [Asset], start: &str) -> &'a str {
        &assets.iter().find(|asset| asset.name.starts_with(start)).unwrap().name
    }

    #[test]
    fn references_follow_the_new_names() {
        let named = name_by_content(page()).unwrap();
        let (css, app) = (name(&named, "page."), name(&named, "app."));
        let expected = format!(r#"<link href="{css}"><script type="module" src="./{app}"></script>"#);
        assert_eq!(text(&named, "index.html"), expected);
        let client = name(&named, "client.");
        assert_eq!(text(&named, "app."), format!("import init from './{client}'; const style = '{css}#x';"));
        let wasm = name(&named, "client_bg.");
        assert_eq!(text(&named, "client."), format!("new URL('{wasm}', import.meta.url)"));
        assert_eq!(text(&named, "page."), format!("a {{ background: url({}) }}", name(&named, "icon.")));
    }

    #[test]
    fn references_between_the_files_of_a_game_follow_the_new_names() {
        let named = name_by_content(vec![
            asset("games.js", "[{ load: () => import('./arena.js').then((m) => m.default) }]"),
            asset("arena.js", "import init, * as module from './arena_wasm.js';"),
            asset("arena_wasm.js", r#"new URL('arena_wasm_bg.wasm', import.meta.url); { "./arena_wasm_bg.js": x }"#),
            asset("arena_wasm_bg.wasm", "\0asm"),
        ]);
        let named = named.unwrap();
        let [game, glue, wasm] = ["arena.", "arena_wasm.", "arena_wasm_bg."].map(|start| name(&named, start));
        assert_eq!(text(&named, "games."), format!("[{{ load: () => import('./{game}').then((m) => m.default) }}]"));
        assert_eq!(text(&named, "arena."), format!("import init, * as module from './{glue}';"));
        let expected = format!(r#"new URL('{wasm}', import.meta.url); {{ "./arena_wasm_bg.js": x }}"#);
        assert_eq!(text(&named, "arena_wasm."), expected);
    }

    #[test]
    fn a_name_without_its_hash_is_the_name_of_the_source() {
        for source in page() {
            assert_eq!(name_without_hash(&final_name(&source.name, &source.content)), source.name);
        }
        assert_eq!(name_without_hash("three.min.js"), "three.min.js");
    }

    #[test]
    fn a_path_from_the_root_is_an_error_unless_it_is_no_file_of_the_page() {
        let error = name_by_content(vec![asset("app.js", "'/app.css'"), asset("app.css", "")]).unwrap_err();
        let expected =
            "app.js: refers to /app.css, which is missing where the page is not at the root: write ./app.css";
        assert_eq!(error.to_string(), expected);
        assert!(name_by_content(vec![asset("app.js", "'/other.css'")]).is_ok());
    }

    #[test]
    fn names_carry_eight_hexadecimal_digits_except_those_of_pages() {
        let named = name_by_content(page()).unwrap();
        for asset in &named {
            let parts: Vec<&str> = asset.name.split('.').collect();
            match parts[..] {
                ["index", "html"] => (),
                [_, hash, _] => assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}"),
                _ => panic!("unexpected name {}", asset.name),
            }
        }
    }

    #[test]
    fn equal_files_get_equal_names_in_any_order() {
        let mut reversed = page();
        reversed.reverse();
        assert_eq!(name_by_content(page()).unwrap(), name_by_content(reversed).unwrap());
    }

    #[test]
    fn a_changed_leaf_renames_everything_that_leads_to_it_and_nothing_else() {
        let before = name_by_content(page()).unwrap();
        let mut changed = page();
        changed[3].content.push(1);
        let after = name_by_content(changed).unwrap();
        for start in ["client_bg.", "client.", "app."] {
            assert_ne!(name(&before, start), name(&after, start));
        }
        for start in ["page.", "icon.", "index."] {
            assert_eq!(name(&before, start), name(&after, start));
        }
    }

    #[test]
    fn words_that_are_not_whole_quoted_names_stay() {
        let script = r#"// see app.js, it's "my app.js" 'app.jsx' "lib/app.js" 'app.js" x"#;
        let named = name_by_content(vec![asset("app.js", "0"), asset("other.js", script)]).unwrap();
        assert_eq!(text(&named, "other."), script);
    }

    #[test]
    fn pages_may_link_to_each_other() {
        let pages = vec![asset("index.html", "'./replay.html'"), asset("replay.html", "'./index.html'")];
        assert_eq!(name_by_content(pages.clone()).unwrap(), pages);
    }

    #[test]
    fn a_ring_of_modules_is_an_error_that_shows_the_ring() {
        let ring = vec![asset("a.js", "'./b.js'"), asset("b.js", "'./a.js'")];
        let error = name_by_content(ring).unwrap_err();
        assert_eq!(error.to_string(), "files refer to each other in a ring: a.js → b.js → a.js");
    }

    #[test]
    fn a_path_to_no_file_is_an_error() {
        let error = name_by_content(vec![asset("app.js", "import './aap.js'")]).unwrap_err();
        assert_eq!(error.to_string(), "app.js: refers to ./aap.js, and there is no such file");
    }

    #[test]
    fn the_import_module_of_wasm_bindgen_is_not_a_file() {
        let glue = vec![asset("client.js", r#"{ "./client_bg.js": import0 }"#)];
        assert_eq!(text(&name_by_content(glue).unwrap(), "client."), r#"{ "./client_bg.js": import0 }"#);
    }

    #[test]
    fn unknown_types_doubles_and_broken_text_are_errors() {
        let unknown = name_by_content(vec![asset("notes.md", "")]);
        assert!(matches!(unknown, Err(AssetError::UnknownType { .. })), "{unknown:?}");
        let twice = name_by_content(vec![asset("a.js", ""), asset("a.js", "")]);
        assert!(matches!(twice, Err(AssetError::Twice { .. })), "{twice:?}");
        let broken = Asset { name: "a.js".to_owned(), content: vec![0xff] };
        let broken = name_by_content(vec![broken]);
        assert!(matches!(broken, Err(AssetError::NotText { .. })), "{broken:?}");
    }
}
