//! The page: files inside the program, or those of a folder.
//!
//! Browsers keep files with a hash in their name for ever. They ask for the others again each time, and the answer is
//! 304 when nothing has changed. A file that is there precompressed is sent so.

use super::answer::{Answer, Refusal, bare, plain};
use super::problem::Problem;
use crate::config::{BasePath, PageFolder};
use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use rust_embed::EmbeddedFile;
use std::borrow::Cow;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, io};
use thiserror::Error;

/// The file of this name in a program's page.
pub type PageFile = fn(&str) -> Option<EmbeddedFile>;

/// The first file that a browser asks for.
const INDEX: &str = "index.html";

const NOT_BUILT: &str = "The server is running, but this program was built without a page.\n\
    `cargo tickwire build` makes a program with its page inside, and `--page FOLDER` serves the page in a folder.\n";

/// Encodings by preference, with the endings of their files.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The folder that is set for the page has no page.
#[derive(Debug, Error)]
#[error("{} has no page: `cargo tickwire build` makes one, and says where", path.display())]
pub struct PageError {
    /// The file that is missing.
    path: PathBuf,
    /// The reason that the system gave.
    source: io::Error,
}

/// The page of a server.
#[derive(Debug, Clone)]
pub(crate) enum Page {
    /// In the program. A debug build reads the files from the folder in which they were built.
    BuiltIn(PageFile),
    /// In a folder.
    Folder(PathBuf),
}

/// A file of the page.
struct File {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Page {
    /// The page that a setting names; `built_in` is the one in the program.
    ///
    /// # Errors
    /// When the folder in the setting has no page.
    pub(crate) fn open(built_in: PageFile, setting: &PageFolder) -> Result<Self, PageError> {
        let Some(folder) = setting.path() else { return Ok(Self::BuiltIn(built_in)) };
        let path = folder.join(INDEX);
        match fs::metadata(&path) {
            Ok(_) => Ok(Self::Folder(folder.to_owned())),
            Err(source) => Err(PageError { path, source }),
        }
    }

    fn get(&self, name: &str) -> Option<File> {
        match self {
            Self::BuiltIn(get) => get(name).map(File::from),
            // A page is flat, so a name with a folder in it is none of its names.
            Self::Folder(folder) => is_flat(name).then(|| File::read(&folder.join(name)).ok()).flatten(),
        }
    }

    /// Answers a request for a file; the page of the server is at `base`.
    pub(super) fn answer(&self, base: &BasePath, path: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let name = match path.trim_start_matches('/') {
            "" => INDEX,
            name => name,
        };
        let Some(file) = self.get(name) else {
            return if name == INDEX {
                Ok(plain(StatusCode::OK, NOT_BUILT))
            } else {
                Err(Refusal::new(Problem::NoPath, "no such file", format!("the page is at {base}/")))
            };
        };
        let etag = file.etag.clone();
        if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            return Ok(with_headers(bare(StatusCode::NOT_MODIFIED), name, etag));
        }
        let encoded = ENCODINGS
            .iter()
            .filter(|(encoding, _)| accepts(headers, encoding))
            .find_map(|(encoding, ending)| Some((*encoding, self.get(&format!("{name}{ending}"))?)));
        let (encoding, file) = encoded.map_or((None, file), |(encoding, file)| (Some(encoding), file));
        let mut answer = Answer::new(Full::new(file.bytes));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime(name)));
        if let Some(encoding) = encoding {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(with_headers(answer, name, etag))
    }
}

fn is_flat(name: &str) -> bool {
    !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
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

impl From<EmbeddedFile> for File {
    fn from(file: EmbeddedFile) -> Self {
        let mut digits = String::new();
        for byte in &file.metadata.sha256_hash()[..12] {
            write!(digits, "{byte:02x}").expect("writing to a string cannot fail");
        }
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Self { bytes, etag: etag(&digits) }
    }
}

impl File {
    /// A file of a folder. Its age and size are enough to tell whether a browser has it already.
    fn read(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        if !about.is_file() {
            // A pipe would never end.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let changed = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let etag = etag(&format!("{:x}-{:x}", changed.as_nanos(), about.len()));
        Ok(Self { bytes: fs::read(path)?.into(), etag })
    }
}

fn etag(content: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{content}\"")).expect("hexadecimal digits are a header value")
}

/// Whether the name carries a hash: eight or more hexadecimal digits before an ending, after `-` or `.`.
fn is_hashed(name: &str) -> bool {
    let parts: Vec<&str> = name.split(['-', '.']).collect();
    let is_hash = |part: &&str| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.len() > 2 && parts[1..parts.len() - 1].iter().any(is_hash)
}

/// Whether `Accept-Encoding` names the encoding and does not refuse it.
pub(super) fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
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
        let folder = std::env::temp_dir().join(format!("tickwire-page-{}", std::process::id()));
        fs::create_dir_all(folder.join("page/sub")).unwrap();
        fs::write(folder.join("secret"), "s").unwrap();
        for name in ["index.html", ".hidden", "sub/file"] {
            fs::write(folder.join("page").join(name), "1").unwrap();
        }
        let setting = PageFolder::At(folder.join("page"));
        for page in [Page::BuiltIn(|_| None), Page::open(|_| None, &setting).unwrap()] {
            for path in [
                "/../secret",
                "/..%2fsecret",
                "//etc/passwd",
                "/nothing.js",
                "/index.html/",
                "/.hidden",
                "/sub/file",
                "/sub",
                "/..",
                "/.",
            ] {
                assert!(page.answer(&base, path, &HeaderMap::new()).is_err(), "{path}");
            }
            assert!(page.answer(&base, "/", &HeaderMap::new()).is_ok());
        }
        let error = Page::open(|_| None, &PageFolder::At(folder.clone())).unwrap_err();
        assert!(
            error.to_string().ends_with("index.html has no page: `cargo tickwire build` makes one, and says where")
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_of_a_folder_is_sent_again_only_when_it_has_changed() {
        let folder = std::env::temp_dir().join(format!("tickwire-etag-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(INDEX), "one").unwrap();
        let page = Page::open(|_| None, &PageFolder::At(folder.clone())).unwrap();
        let ask = |headers: &HeaderMap| page.answer(&BasePath::default(), "/", headers).unwrap_or_else(|_| panic!());
        let first = ask(&HeaderMap::new());
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        assert_eq!(ask(&known).status(), StatusCode::NOT_MODIFIED);
        fs::write(folder.join(INDEX), "other").unwrap();
        assert_eq!(ask(&known).status(), StatusCode::OK);
        fs::remove_dir_all(folder).unwrap();
    }
}
