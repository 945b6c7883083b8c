//! The folder that the server serves: the named files, each also compressed, within a budget.
//!
//! New files are written before the page that refers to them and old ones are removed after it, so the folder serves a
//! complete page at any moment. No file is touched while the inputs hash to the stamp of the last time and the folder
//! is as it was left. Leaves out serving: a file with eight hexadecimal digits before its extension never changes its
//! content.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::assets::Asset;

/// The largest cost of a first visit over the network: all files together, brotli, in bytes.
pub const BUDGET_BYTES: usize = 185_000;

/// Brotli's best quality; a few hundred milliseconds for all files.
const BROTLI_QUALITY: i32 = 11;

/// Brotli's window, as a power of two: the largest that every browser accepts.
const BROTLI_WINDOW_BITS: i32 = 22;

/// Files named in an error about the budget.
const LARGEST_SHOWN: usize = 4;

/// Reasons why the folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DistError {
    /// The page has grown too large.
    #[error("the page is {} with brotli, more than its budget of {}; the largest files: {largest}", Kilobytes(*bytes), Kilobytes(BUDGET_BYTES))]
    OverBudget {
        /// All files with brotli, in bytes.
        bytes: usize,
        /// The largest files and their sizes.
        largest: String,
    },
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The files that there are to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Files, their compressed siblings not counted.
    pub files: usize,
    /// Their size in bytes.
    pub raw_bytes: usize,
    /// Their size with brotli in bytes.
    pub brotli_bytes: usize,
    /// False when the folder was up to date.
    pub written: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (raw, brotli) = (Kilobytes(self.raw_bytes), Kilobytes(self.brotli_bytes));
        let state = if self.written { "" } else { ", up to date" };
        write!(f, "{} files, {raw}, with brotli {brotli} of {}{state}", self.files, Kilobytes(BUDGET_BYTES))
    }
}

/// A size for people: 1 KB is 1000 bytes.
struct Kilobytes(usize);

impl fmt::Display for Kilobytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} KB", self.0 / 1000, self.0 % 1000 / 100)
    }
}

/// One number for all inputs of the folder, and for the code that makes it from them.
pub(crate) fn hash_inputs(assets: &[Asset]) -> u64 {
    const CODE: [&str; 4] =
        [include_str!("assets.rs"), include_str!("dist.rs"), include_str!("wasm.rs"), env!("CARGO_PKG_VERSION")];
    let mut sorted: Vec<&Asset> = assets.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Xxh3::new();
    // The parts are hashed one by one, because the same bytes could come from parts that are cut elsewhere.
    for part in CODE {
        hash.update(&xxh3_64(part.as_bytes()).to_le_bytes());
    }
    for asset in sorted {
        hash.update(&xxh3_64(asset.name.as_bytes()).to_le_bytes());
        hash.update(&xxh3_64(&asset.content).to_le_bytes());
    }
    hash.digest()
}

/// The folder, and the stamp that describes its content.
#[derive(Debug)]
pub(crate) struct Dist {
    folder: PathBuf,
    stamp: PathBuf,
}

impl Dist {
    pub(crate) fn new(folder: PathBuf, stamp: PathBuf) -> Self {
        Self { folder, stamp }
    }

    /// The report of the folder's content, if that came from `inputs` and has not been changed since.
    pub(crate) fn up_to_date(&self, inputs: u64) -> Option<Report> {
        let stamp = fs::read_to_string(&self.stamp).ok()?;
        let (first, listing) = stamp.split_once('\n')?;
        let files = read_files(&self.folder).ok()?;
        let unchanged = first == format!("{inputs:016x}") && listing == list(&files);
        unchanged.then(|| report(&files, false))
    }

    /// Checks that the folder is within the budget.
    ///
    /// # Errors
    /// When its files are larger.
    pub(crate) fn check_budget(&self) -> Result<(), DistError> {
        let files = read_files(&self.folder).map_err(|source| self.error(&self.folder, source))?;
        check_budget(report(&files, false).brotli_bytes, BUDGET_BYTES, &files)
    }

    /// Makes the folder hold exactly `assets` and their compressed siblings.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, inputs: u64, assets: Vec<Asset>) -> Result<Report, DistError> {
        let mut files = with_siblings(assets).map_err(|source| self.error(&self.folder, source))?;
        let report = report(&files, true);
        self.file(&self.folder, fs::create_dir_all(&self.folder))?;
        files.sort_by_key(|file| page_last(&file.name));
        for file in &files {
            // The file is renamed into place, so that a reader never sees half a page.
            let (path, fresh) = (self.folder.join(&file.name), self.folder.join(".fresh"));
            self.file(&fresh, fs::write(&fresh, &file.content))?;
            self.file(&path, fs::rename(&fresh, &path))?;
        }
        let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        for entry in self.file(&self.folder, fs::read_dir(&self.folder))? {
            let entry = self.file(&self.folder, entry)?;
            if !names.contains(entry.file_name().to_string_lossy().as_ref()) {
                self.remove(&entry.path())?;
            }
        }
        let stamp = format!("{inputs:016x}\n{}", list(&files));
        self.file(&self.stamp, fs::write(&self.stamp, stamp))?;
        Ok(report)
    }

    fn remove(&self, path: &Path) -> Result<(), DistError> {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        self.file(path, removed)
    }

    fn file<T>(&self, path: &Path, result: io::Result<T>) -> Result<T, DistError> {
        result.map_err(|source| self.error(path, source))
    }

    fn error(&self, path: &Path, source: io::Error) -> DistError {
        DistError::File { path: path.to_owned(), source }
    }
}

fn page_last(name: &str) -> bool {
    name.contains(".html")
}

fn read_files(folder: &Path) -> io::Result<Vec<Asset>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push(Asset { name, content: fs::read(entry.path())? });
    }
    Ok(files)
}

/// One line for each file: its hash and name, sorted.
fn list(files: &[Asset]) -> String {
    let lines = files.iter().map(|file| format!("{:016x} {}\n", xxh3_64(&file.content), file.name));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines.concat()
}

fn with_siblings(assets: Vec<Asset>) -> io::Result<Vec<Asset>> {
    let mut files = Vec::with_capacity(3 * assets.len());
    for asset in assets {
        let (brotli, gzip) = (brotli(&asset.content)?, gzip(&asset.content)?);
        files.push(Asset { name: format!("{}.br", asset.name), content: brotli });
        files.push(Asset { name: format!("{}.gz", asset.name), content: gzip });
        files.push(asset);
    }
    Ok(files)
}

fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_BITS,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn report(files: &[Asset], written: bool) -> Report {
    let mut report = Report { files: 0, raw_bytes: 0, brotli_bytes: 0, written };
    for file in files {
        match file.name.rsplit_once('.') {
            Some((_, "br")) => report.brotli_bytes += file.content.len(),
            Some((_, "gz")) => (),
            _ => {
                report.files += 1;
                report.raw_bytes += file.content.len();
            }
        }
    }
    report
}

fn check_budget(bytes: usize, budget_bytes: usize, files: &[Asset]) -> Result<(), DistError> {
    if bytes <= budget_bytes {
        return Ok(());
    }
    let brotli = files.iter().filter_map(|file| Some((file.content.len(), file.name.strip_suffix(".br")?)));
    let mut brotli: Vec<(usize, &str)> = brotli.collect();
    brotli.sort_unstable_by(|a, b| b.cmp(a));
    let largest = brotli.iter().take(LARGEST_SHOWN).map(|&(size, name)| format!("{name} {}", Kilobytes(size)));
    Err(DistError::OverBudget { bytes, largest: largest.collect::<Vec<_>>().join(", ") })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn asset(name: &str, content: &[u8]) -> Asset {
        Asset { name: name.to_owned(), content: content.to_vec() }
    }

    /// A folder of this test alone, empty at the start.
    fn dist(test: &str) -> Dist {
        let base = std::env::temp_dir().join(format!("tickwire-bundle-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(&base).unwrap();
        Dist::new(base.join("dist"), base.join("stamp"))
    }

    fn drop_folder(dist: &Dist) {
        fs::remove_dir_all(dist.folder.parent().unwrap()).unwrap();
    }

    #[test]
    fn the_hash_of_the_inputs_depends_on_names_and_contents_but_not_on_their_order() {
        let (a, b) = (asset("a.js", b"1"), asset("b.js", b"2"));
        let hash = hash_inputs(&[a.clone(), b.clone()]);
        assert_eq!(hash, hash_inputs(&[b.clone(), a.clone()]));
        assert_ne!(hash, hash_inputs(&[a.clone(), asset("b.js", b"3")]));
        assert_ne!(hash, hash_inputs(&[a, asset("c.js", b"2")]));
        assert_ne!(hash, hash_inputs(&[b]));
    }

    #[test]
    fn every_file_has_siblings_that_decompress_to_it() {
        let content = b"to and fro and to and fro and to and fro".repeat(9);
        let files = with_siblings(vec![asset("a.js", &content)]).unwrap();
        let [brotli, gzip, raw] = &files[..] else { panic!("not three files: {files:?}") };
        assert_eq!((brotli.name.as_str(), gzip.name.as_str(), raw.name.as_str()), ("a.js.br", "a.js.gz", "a.js"));
        let (mut from_brotli, mut from_gzip) = (Vec::new(), Vec::new());
        brotli::BrotliDecompress(&mut &*brotli.content, &mut from_brotli).unwrap();
        GzDecoder::new(&*gzip.content).read_to_end(&mut from_gzip).unwrap();
        assert_eq!((&from_brotli, &from_gzip), (&content, &content));
    }

    #[test]
    fn a_second_write_leaves_nothing_of_the_first() {
        let dist = dist("second");
        dist.write(1, vec![asset("a.1.js", b"1"), asset("index.html", b"a.1.js")]).unwrap();
        let report = dist.write(2, vec![asset("a.2.js", b"2"), asset("index.html", b"a.2.js")]).unwrap();
        let mut names: Vec<String> = read_files(&dist.folder).unwrap().into_iter().map(|file| file.name).collect();
        names.sort();
        let expected = ["a.2.js", "a.2.js.br", "a.2.js.gz", "index.html", "index.html.br", "index.html.gz"];
        assert_eq!(names, expected);
        assert_eq!((report.files, report.raw_bytes, report.written), (2, 7, true));
        drop_folder(&dist);
    }

    #[test]
    fn a_folder_is_up_to_date_until_the_inputs_or_a_file_change() {
        let dist = dist("stamp");
        assert_eq!(dist.up_to_date(1), None);
        let written = dist.write(1, vec![asset("index.html", b"page")]).unwrap();
        assert_eq!(dist.up_to_date(1), Some(Report { written: false, ..written }));
        assert_eq!(dist.up_to_date(2), None);
        fs::write(dist.folder.join("index.html"), "else").unwrap();
        assert_eq!(dist.up_to_date(1), None);
        fs::write(dist.folder.join("index.html"), "page").unwrap();
        fs::remove_file(dist.folder.join("index.html.br")).unwrap();
        assert_eq!(dist.up_to_date(1), None);
        drop_folder(&dist);
    }

    #[test]
    fn over_the_budget_the_largest_files_are_named() {
        let files = [asset("a.js.br", &[0; 1500]), asset("b.wasm.br", &[0; 2500]), asset("b.wasm", &[0; 9000])];
        assert!(check_budget(4000, 4000, &files).is_ok());
        let error = check_budget(4000, 3999, &files).unwrap_err();
        let expected = "the page is 4.0 KB with brotli, more than its budget of 185.0 KB; \
                        the largest files: b.wasm 2.5 KB, a.js 1.5 KB";
        assert_eq!(error.to_string(), expected);
    }
}
