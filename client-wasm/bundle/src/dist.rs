//! The folder that the server serves: the named files, each also compressed.
//!
//! New files are written before the page that refers to them and old ones are removed after it, so the folder serves a
//! complete page at any moment. No file is touched while the inputs hash to the stamp of the last time and the folder
//! is as it was left, and only files that have changed are compressed again. Leaves out serving: a file with eight
//! hexadecimal digits before its extension never changes its content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::assets::Asset;
use crate::project::Project;
use crate::wasm::Flavour;

/// Brotli's best quality; a few hundred milliseconds for a module.
const BROTLI_QUALITY: i32 = 11;

/// Brotli's window, as a power of two: the largest that every browser accepts.
const BROTLI_WINDOW_BITS: i32 = 22;

/// Reasons why the folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DistError {
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// One number for all inputs of the folder, and for the code that makes it from them. `joined`: whether scripts are
/// joined on the way.
pub(crate) fn hash_inputs(assets: &[Asset], joined: bool) -> u64 {
    let mut sorted: Vec<&Asset> = assets.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Xxh3::new();
    // The parts are hashed one by one, because the same bytes could come from parts that are cut elsewhere.
    hash.update(&hash_code().to_le_bytes());
    hash.update(&[u8::from(joined)]);
    for asset in sorted {
        hash.update(&xxh3_64(asset.name.as_bytes()).to_le_bytes());
        hash.update(&xxh3_64(&asset.content).to_le_bytes());
    }
    hash.digest()
}

fn hash_code() -> u64 {
    const CODE: [&str; 4] =
        [include_str!("assets.rs"), include_str!("dist.rs"), include_str!("esbuild.rs"), env!("CARGO_PKG_VERSION")];
    let mut hash = Xxh3::new();
    for part in CODE {
        hash.update(&xxh3_64(part.as_bytes()).to_le_bytes());
    }
    hash.digest()
}

/// The folder, and the stamp that describes its content.
#[derive(Debug)]
pub(crate) struct Dist {
    folder: PathBuf,
    stamp: PathBuf,
    is_compressed: bool,
}

impl Dist {
    pub(crate) fn new(folder: PathBuf, stamp: PathBuf) -> Self {
        Self { folder, stamp, is_compressed: true }
    }

    /// The folder that the server of a package serves. Without compressed siblings a page for its author alone is there
    /// sooner.
    pub(crate) fn of(project: &Project, flavour: Flavour) -> Self {
        let folder = project.page_of(flavour);
        let stamp = folder.with_extension("stamp");
        Self { folder, stamp, is_compressed: flavour != Flavour::Dev }
    }

    /// A word that is another one after each change of the folder.
    pub(crate) fn id(&self) -> String {
        format!("{:016x}", xxh3_64(&fs::read(&self.stamp).unwrap_or_default()))
    }

    /// The folder's files, if they came from `inputs` and have not been changed since.
    pub(crate) fn up_to_date(&self, inputs: u64) -> Option<Vec<Asset>> {
        let stamp = fs::read_to_string(&self.stamp).ok()?;
        let files = read_files(&self.folder).ok()?;
        (stamp == stamp_text(inputs, &files)).then_some(files)
    }

    /// Makes the folder hold exactly `assets` and their compressed siblings, and gives all of these files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, inputs: u64, assets: Vec<Asset>) -> Result<Vec<Asset>, DistError> {
        let mut files = if self.is_compressed {
            with_siblings(assets, &self.known()).map_err(|source| self.error(&self.folder, source))?
        } else {
            assets
        };
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
        self.file(&self.stamp, fs::write(&self.stamp, stamp_text(inputs, &files)))?;
        Ok(files)
    }

    /// The files in the folder that this code has written and nobody has changed since, by their names.
    fn known(&self) -> Known {
        let stamp = fs::read_to_string(&self.stamp).unwrap_or_default();
        let mut lines = stamp.lines();
        let same_code = lines.next().is_some_and(|first| first.ends_with(&format!(" {:016x}", hash_code())));
        if !same_code {
            return Known::new();
        }
        let lines: BTreeSet<&str> = lines.collect();
        let files = read_files(&self.folder).unwrap_or_default();
        let unchanged = files.into_iter().filter(|file| lines.contains(line(file).as_str()));
        unchanged.map(|file| (file.name, file.content)).collect()
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

/// Files by their names.
pub(crate) type Known = BTreeMap<String, Vec<u8>>;

/// The inputs and the code, then one line for each file: its hash and name, sorted.
fn stamp_text(inputs: u64, files: &[Asset]) -> String {
    let mut lines: Vec<String> = files.iter().map(|file| line(file) + "\n").collect();
    lines.sort();
    format!("{inputs:016x} {:016x}\n{}", hash_code(), lines.concat())
}

fn line(file: &Asset) -> String {
    format!("{:016x} {}", xxh3_64(&file.content), file.name)
}

/// The assets, each with its compressed siblings: as `known`, if those are of the same content.
///
/// # Errors
/// When compression fails.
pub(crate) fn with_siblings(assets: Vec<Asset>, known: &Known) -> io::Result<Vec<Asset>> {
    let groups = assets.into_par_iter().map(|asset| {
        let [brotli_name, gzip_name] = [".br", ".gz"].map(|end| format!("{}{end}", asset.name));
        let is_known = known.get(&asset.name) == Some(&asset.content);
        let (brotli, gzip) = match (known.get(&brotli_name), known.get(&gzip_name)) {
            (Some(brotli), Some(gzip)) if is_known => (brotli.clone(), gzip.clone()),
            _ => (brotli(&asset.content)?, gzip(&asset.content)?),
        };
        Ok([Asset { name: brotli_name, content: brotli }, Asset { name: gzip_name, content: gzip }, asset])
    });
    let groups: io::Result<Vec<[Asset; 3]>> = groups.collect();
    Ok(groups?.into_iter().flatten().collect())
}

/// A file's content, compressed.
pub(crate) fn brotli(content: &[u8]) -> io::Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::scratch::Scratch;

    fn asset(name: &str, content: &[u8]) -> Asset {
        Asset { name: name.to_owned(), content: content.to_vec() }
    }

    fn dist(scratch: &Scratch) -> Dist {
        Dist::new(scratch.path().join("dist"), scratch.path().join("stamp"))
    }

    #[test]
    fn the_hash_of_the_inputs_depends_on_names_and_contents_but_not_on_their_order() {
        let (a, b) = (asset("a.js", b"1"), asset("b.js", b"2"));
        let hash = hash_inputs(&[a.clone(), b.clone()], true);
        assert_eq!(hash, hash_inputs(&[b.clone(), a.clone()], true));
        assert_ne!(hash, hash_inputs(&[b.clone(), a.clone()], false));
        assert_ne!(hash, hash_inputs(&[a.clone(), asset("b.js", b"3")], true));
        assert_ne!(hash, hash_inputs(&[a, asset("c.js", b"2")], true));
        assert_ne!(hash, hash_inputs(&[b], true));
    }

    #[test]
    fn every_file_has_siblings_that_decompress_to_it() {
        let content = b"to and fro and to and fro and to and fro".repeat(9);
        let files = with_siblings(vec![asset("a.js", &content)], &Known::new()).unwrap();
        let [brotli, gzip, raw] = &files[..] else { panic!("not three files: {files:?}") };
        assert_eq!((brotli.name.as_str(), gzip.name.as_str(), raw.name.as_str()), ("a.js.br", "a.js.gz", "a.js"));
        let (mut from_brotli, mut from_gzip) = (Vec::new(), Vec::new());
        brotli::BrotliDecompress(&mut &*brotli.content, &mut from_brotli).unwrap();
        GzDecoder::new(&*gzip.content).read_to_end(&mut from_gzip).unwrap();
        assert_eq!((&from_brotli, &from_gzip), (&content, &content));
    }

    #[test]
    fn a_second_write_leaves_nothing_of_the_first() {
        let scratch = Scratch::new("second");
        let dist = dist(&scratch);
        dist.write(1, vec![asset("a.1.js", b"1"), asset("index.html", b"a.1.js")]).unwrap();
        dist.write(2, vec![asset("a.2.js", b"2"), asset("index.html", b"a.2.js")]).unwrap();
        let expected = ["a.2.js", "a.2.js.br", "a.2.js.gz", "index.html", "index.html.br", "index.html.gz"];
        assert_eq!(scratch.names("dist"), expected);
    }

    #[test]
    fn a_folder_is_up_to_date_until_the_inputs_or_a_file_change() {
        let scratch = Scratch::new("stamp");
        let dist = dist(&scratch);
        assert_eq!(dist.up_to_date(1), None);
        let written = dist.write(1, vec![asset("index.html", b"page")]).unwrap();
        assert_eq!(dist.up_to_date(1).map(|files| files.len()), Some(written.len()));
        assert_eq!(dist.up_to_date(2), None);
        fs::write(dist.folder.join("index.html"), "else").unwrap();
        assert_eq!(dist.up_to_date(1), None);
        fs::write(dist.folder.join("index.html"), "page").unwrap();
        fs::remove_file(dist.folder.join("index.html.br")).unwrap();
        assert_eq!(dist.up_to_date(1), None);
    }

    #[test]
    fn only_files_that_have_changed_are_compressed_again() {
        let known: Known = [("a.js", "1"), ("a.js.br", "kept"), ("a.js.gz", "kept")]
            .map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()))
            .into();
        let same = with_siblings(vec![asset("a.js", b"1")], &known).unwrap();
        assert_eq!(same[..2], [asset("a.js.br", b"kept"), asset("a.js.gz", b"kept")]);
        let changed = with_siblings(vec![asset("a.js", b"2")], &known).unwrap();
        assert!(changed.iter().all(|file| file.content != b"kept"), "{changed:?}");
    }

    #[test]
    fn siblings_that_somebody_has_changed_are_made_anew() {
        let scratch = Scratch::new("siblings");
        let dist = dist(&scratch);
        dist.write(1, vec![asset("a.1.js", b"1"), asset("b.1.js", b"1")]).unwrap();
        assert_eq!(dist.known().len(), 6);
        fs::write(dist.folder.join("a.1.js.br"), "else").unwrap();
        dist.write(2, vec![asset("a.1.js", b"1"), asset("b.1.js", b"1")]).unwrap();
        assert_ne!(fs::read(dist.folder.join("a.1.js.br")).unwrap(), b"else");
    }
}
