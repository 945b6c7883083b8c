//! The page as a folder for a portal or a static host, with a server elsewhere.
//!
//! Guarantees: the folder is the page that the server would serve, but for the server's address and the policy that
//! lets the page connect there. The address is a URL of known form, so it cannot put anything else into the page.
//! Leaves out uploading, and the server: it must be started with the host's origin as `--origin`.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

use crate::assets::Asset;
use crate::dist;
use crate::own_folder::{self, FolderError};

/// The page.
const PAGE: &str = "index.html";

/// The attribute of the page that names its server. It is empty where the server has served the page itself.
const NO_SERVER: &str = r#"data-server="""#;

/// The part of the page's policy that says which servers the page may speak with.
const ANY_SERVER: &str = "connect-src 'self' ws: wss:;";

/// The same for a page that believes the server's address in its own.
const CHOSEN_SERVER: &str = "connect-src 'self' http: https: ws: wss:;";

/// Reasons why there is no folder for a static host.
#[derive(Debug, thiserror::Error)]
pub enum StaticError {
    /// The page does not have the text that is to be replaced.
    #[error("client-wasm/web/{PAGE} does not have `{text}` exactly once, so it cannot be told of another server")]
    Page {
        /// The text.
        text: &'static str,
    },
    /// The page could not be compressed.
    #[error("the page could not be compressed")]
    Compression(#[source] io::Error),
    /// The folder could not be written.
    #[error("the folder for a static host could not be written")]
    Folder(#[from] FolderError),
}

/// A text that is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a server: {reason}; write it like wss://play.example/path (or ws, https, http)")]
pub struct AddressError {
    reason: &'static str,
}

/// The address of a server for players: its scheme, host and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    scheme: &'static str,
    /// Whether the connection is encrypted.
    secure: bool,
    /// Host, and port where it is not the usual one.
    authority: String,
    /// Begins and ends with `/`.
    path: String,
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = |reason| Err(AddressError { reason });
        // Of these characters a URL without a name, a query and a fragment is made; none of them means anything in HTML
        // or ends a policy.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~%/:[]".contains(c);
        if !text.chars().all(is_plain) {
            return refuse("it has a character that does not belong there");
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return refuse("it is not a URL");
        };
        let (scheme, secure) = match uri.scheme_str() {
            Some("wss") => ("wss", true),
            Some("https") => ("https", true),
            Some("ws") => ("ws", false),
            Some("http") => ("http", false),
            _ => return refuse("it begins with none of wss://, ws://, https:// and http://"),
        };
        let Some(authority) = uri.authority().filter(|authority| has_host(authority.host())) else {
            return refuse("it has no host");
        };
        if !authority.as_str().ends_with(authority.host()) && authority.port_u16().is_none() {
            return refuse("its port is not a number");
        }
        let path = format!("{}/", uri.path().trim_end_matches('/'));
        Ok(Self { scheme, secure, authority: authority.as_str().to_owned(), path })
    }
}

fn has_host(host: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    is_numbers_of_v6(host) || !host.is_empty() && host.chars().all(is_name)
}

fn is_numbers_of_v6(host: &str) -> bool {
    host.starts_with('[')
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl ServerAddress {
    /// The policy's part for this server. The page fetches over HTTP and plays over WebSocket, and not every browser
    /// takes the one for the other.
    fn policy(&self) -> String {
        let s = if self.secure { "s" } else { "" };
        // The grammar of policies has no IPv6 addresses.
        let rest = if is_numbers_of_v6(&self.authority) { String::new() } else { format!("//{}", self.authority) };
        format!("connect-src 'self' http{s}:{rest} ws{s}:{rest};")
    }
}

/// A folder for a static host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticSite {
    /// The folder.
    pub folder: PathBuf,
    /// The server that players of this page play on.
    pub server: ServerAddress,
    /// Whether the page believes another server's address in its own, as `?server=wss://…`.
    pub server_choice: bool,
}

impl StaticSite {
    /// Writes the folder from the page's files, which have their compressed siblings among them.
    ///
    /// # Errors
    /// See [`StaticError`].
    pub(crate) fn write(&self, files: Vec<Asset>) -> Result<(), StaticError> {
        let (page, mut files): (Vec<Asset>, Vec<Asset>) =
            files.into_iter().partition(|file| file.name.starts_with(PAGE));
        let page = page.into_iter().find(|file| file.name == PAGE).map(|file| file.content).unwrap_or_default();
        let page = self.page(&String::from_utf8_lossy(&page))?;
        let page = Asset { name: PAGE.to_owned(), content: page.into_bytes() };
        files.extend(dist::with_siblings(vec![page], &dist::Known::new()).map_err(StaticError::Compression)?);
        Ok(own_folder::replace(&self.folder, files)?)
    }

    /// The page with this server in it.
    fn page(&self, page: &str) -> Result<String, StaticError> {
        let choice = if self.server_choice { " data-server-choice" } else { "" };
        let policy = if self.server_choice { CHOSEN_SERVER.to_owned() } else { self.server.policy() };
        let page = replace_once(page, NO_SERVER, &format!(r#"data-server="{}"{choice}"#, self.server))?;
        replace_once(&page, ANY_SERVER, &policy)
    }
}

fn replace_once(page: &str, text: &'static str, by: &str) -> Result<String, StaticError> {
    match page.matches(text).count() {
        1 => Ok(page.replace(text, by)),
        _ => Err(StaticError::Page { text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own_folder::MARKER;
    use crate::scratch::Scratch;
    use std::fs;
    use std::path::Path;

    const HTML: &str = "<!doctype html>\n<html lang=\"en\" data-server=\"\">\n<meta \
                        http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'; connect-src 'self' ws: \
                        wss:; base-uri 'none'\">";

    fn site(folder: &Path, server: &str, server_choice: bool) -> StaticSite {
        StaticSite { folder: folder.to_owned(), server: server.parse().unwrap(), server_choice }
    }

    fn page(server: &str, server_choice: bool) -> String {
        site(Path::new("site"), server, server_choice).page(HTML).unwrap()
    }

    #[test]
    fn an_address_is_a_folder_on_a_server() {
        let address = |text: &str| text.parse::<ServerAddress>().unwrap().to_string();
        assert_eq!(address("wss://play.example/base"), "wss://play.example/base/");
        assert_eq!(address("https://play.example"), "https://play.example/");
        assert_eq!(address("ws://127.0.0.1:8080/"), "ws://127.0.0.1:8080/");
        assert_eq!(address("http://[::1]:8080/a/b/"), "http://[::1]:8080/a/b/");
    }

    #[test]
    fn everything_else_is_an_error_that_shows_the_form() {
        let wrong = [
            "",
            "play.example",
            "/base",
            "ftp://play.example",
            "wss://",
            "wss:///base",
            "wss://play.example:port/",
            "wss://play.example:99999/",
            "wss://me:secret@play.example/",
            "wss://play.example/?room=A",
            "wss://play.example/#A",
            "wss://play.example/\" onload=\"alert(1)",
            "wss://play.example; script-src *",
            "wss://play_ground.example/",
            "wss://пример.example/",
        ];
        for text in wrong {
            let error = text.parse::<ServerAddress>().expect_err(text).to_string();
            assert!(error.ends_with("write it like wss://play.example/path (or ws, https, http)"), "{text}: {error}");
        }
    }

    #[test]
    fn the_page_names_its_server_and_may_connect_to_no_other() {
        let page = page("wss://play.example:8443/base", false);
        assert!(page.contains(r#"<html lang="en" data-server="wss://play.example:8443/base/">"#), "{page}");
        let policy =
            "default-src 'self'; connect-src 'self' https://play.example:8443 wss://play.example:8443; base-uri";
        assert!(page.contains(policy), "{page}");
    }

    #[test]
    fn a_server_without_encryption_and_one_with_an_ipv6_address_have_policies_of_their_own() {
        assert!(page("http://10.0.0.7", false).contains("connect-src 'self' http://10.0.0.7 ws://10.0.0.7;"));
        assert!(page("wss://[2001:db8::7]/", false).contains("connect-src 'self' https: wss:;"));
    }

    #[test]
    fn a_page_with_a_choice_says_so_and_may_connect_to_any_server() {
        let page = page("wss://play.example", true);
        assert!(page.contains(r#"data-server="wss://play.example/" data-server-choice>"#), "{page}");
        assert!(page.contains("connect-src 'self' http: https: ws: wss:;"), "{page}");
    }

    #[test]
    fn a_page_without_the_place_for_a_server_or_with_two_is_an_error() {
        let site = site(Path::new("site"), "wss://play.example", false);
        for html in
            ["<html>", &HTML.replace("ws: wss:", "ws:"), &HTML.replace("=\"\"", "=''"), &format!("{HTML}{HTML}")]
        {
            assert!(matches!(site.page(html), Err(StaticError::Page { .. })), "{html}");
        }
    }

    #[test]
    fn the_folder_has_every_file_with_its_siblings_and_a_page_that_decompresses_to_itself() {
        let scratch = Scratch::new("site");
        let asset = |name: &str, text: &str| Asset { name: name.to_owned(), content: text.as_bytes().to_vec() };
        let assets = vec![asset("index.html", HTML), asset("app.01234567.js", "1")];
        let files = dist::with_siblings(assets, &dist::Known::new()).unwrap();
        site(&scratch.path().join("site"), "wss://play.example", false).write(files.clone()).unwrap();
        let names = ["app.01234567.js", "app.01234567.js.br", "app.01234567.js.gz"];
        let pages = ["index.html", "index.html.br", "index.html.gz"];
        assert_eq!(scratch.names("site"), [&[MARKER], names.as_slice(), pages.as_slice()].concat());
        let mut compressed = Vec::new();
        let sibling = fs::read(scratch.path().join("site/index.html.br")).unwrap();
        brotli::BrotliDecompress(&mut &*sibling, &mut compressed).unwrap();
        assert_eq!(compressed, fs::read(scratch.path().join("site/index.html")).unwrap());
        assert_eq!(String::from_utf8(compressed).unwrap(), page("wss://play.example", false));
        // The same folder for another server: it is this program's, and so it is written again.
        site(&scratch.path().join("site"), "wss://other.example", false).write(files).unwrap();
        let page = fs::read_to_string(scratch.path().join("site/index.html")).unwrap();
        assert!(page.contains("wss://other.example"), "{page}");
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let scratch = Scratch::new("site-foreign");
        fs::write(scratch.path().join("thesis.txt"), "years of work").unwrap();
        let files = vec![Asset { name: PAGE.to_owned(), content: HTML.as_bytes().to_vec() }];
        let error = site(scratch.path(), "wss://play.example", false).write(files).unwrap_err();
        assert!(matches!(error, StaticError::Folder(FolderError::NotOurs { .. })), "{error}");
    }
}
