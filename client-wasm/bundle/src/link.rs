//! From a compiled module to the files that a page loads: the glue by wasm-bindgen, and a smaller module by wasm-opt.
//!
//! Guarantees: a module is linked again only when cargo has compiled it anew, and the modules are linked side by side.
//! wasm-opt comes from npm; without npm a module is somewhat larger and otherwise the same. Leaves out snippets of
//! JavaScript inside Rust: the page's scripts are files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rayon::prelude::*;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

mod bindgen;

pub use bindgen::BindgenError;

use crate::Project;
use crate::command::{self, CommandError, Progress};
use crate::npm_tool::NpmTool;
use crate::wasm::{Compiled, Flavour};

/// Time limit for shrinking one module.
const OPTIMIZE_LIMIT: Duration = Duration::from_secs(300);

const WASM_OPT: NpmTool = NpmTool { package: "binaryen@132.0.0", program: "wasm-opt" };

/// Features that rustc emits for the target by default and that every browser of the last years supports. wasm-opt may
/// use no others.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Reasons why a module could not be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// wasm-bindgen refused the module.
    #[error(transparent)]
    Bindgen(#[from] BindgenError),
    /// wasm-opt failed.
    #[error("wasm-opt could not shrink a module")]
    Shrink(#[from] CommandError),
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A module whose files are linked, or are to be linked.
struct Job<'a> {
    compiled: &'a Compiled,
    /// Compiled code and the code of this file, as one number.
    inputs: u64,
    folder: PathBuf,
}

/// Links the modules that have changed, and gives the folder of each: with the glue, its
/// types and the module.
///
/// # Errors
/// See [`LinkError`].
pub(crate) fn link(project: &Project, flavour: Flavour, modules: &[Compiled]) -> Result<Vec<PathBuf>, LinkError> {
    let folder = project.output().join(flavour.folder());
    let jobs = modules.iter().map(|compiled| Job::new(&folder, compiled)).collect::<Result<Vec<_>, _>>()?;
    let wants = flavour.is_shrunk();
    let known = wants.then(|| WASM_OPT.installed(project)).flatten().map(Shrinker);
    let stale: Vec<&Job<'_>> = jobs.iter().filter(|job| !job.is_done(known.is_some())).collect();
    if !stale.is_empty() {
        let names: Vec<&str> = stale.iter().map(|job| job.compiled.stem.as_str()).collect();
        let does = if wants { "linking and shrinking" } else { "linking" };
        let _progress = Progress::start(format!("client: {does} {}", names.join(", ")));
        let shrinker = known.or_else(|| wants.then(|| WASM_OPT.install(project)).flatten().map(Shrinker));
        stale.par_iter().try_for_each(|job| job.link(project, shrinker.as_ref()))?;
    }
    Ok(jobs.into_iter().map(|job| job.folder).collect())
}

impl<'a> Job<'a> {
    fn new(folder: &Path, compiled: &'a Compiled) -> Result<Self, LinkError> {
        let content = file(&compiled.path, fs::read(&compiled.path))?;
        let mut inputs = Xxh3::new();
        for part in [&content, include_bytes!("link.rs").as_slice(), env!("CARGO_PKG_VERSION").as_bytes()] {
            inputs.update(&xxh3_64(part).to_le_bytes());
        }
        Ok(Self { compiled, inputs: inputs.digest(), folder: folder.join(&compiled.stem) })
    }

    fn files(&self) -> [PathBuf; 2] {
        [".js", "_bg.wasm"].map(|end| self.folder.join(format!("{}{end}", self.compiled.stem)))
    }

    /// The stamp stands beside the folder, because all files in the folder are served.
    fn stamp(&self) -> PathBuf {
        self.folder.with_extension("stamp")
    }

    fn stamp_text(&self, shrunk: bool) -> String {
        format!("{:016x} {}", self.inputs, if shrunk { "shrunk" } else { "as compiled" })
    }

    /// Whether the files were made from the same module. Where wasm-opt has arrived since, they are made again.
    fn is_done(&self, can_shrink: bool) -> bool {
        let stamp = fs::read_to_string(self.stamp()).unwrap_or_default();
        let done = stamp == self.stamp_text(true) || !can_shrink && stamp == self.stamp_text(false);
        done && self.files().iter().all(|file| file.is_file())
    }

    fn link(&self, project: &Project, shrinker: Option<&Shrinker>) -> Result<(), LinkError> {
        let (folder, stamp) = (&self.folder, self.stamp());
        // Without its stamp, half a folder is no result.
        if stamp.exists() {
            file(&stamp, fs::remove_file(&stamp))?;
        }
        if folder.exists() {
            file(folder, fs::remove_dir_all(folder))?;
        }
        bindgen::bind(project, self.compiled, folder)?;
        let [_, module] = self.files();
        shrinker.map_or(Ok(()), |shrinker| shrinker.shrink(&module))?;
        file(&stamp, fs::write(&stamp, self.stamp_text(shrinker.is_some())))
    }
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, LinkError> {
    result.map_err(|source| LinkError::File { path: path.to_owned(), source })
}

/// wasm-opt, installed.
struct Shrinker(PathBuf);

impl Shrinker {
    /// Replaces `module` by a smaller one with the same behaviour.
    fn shrink(&self, module: &Path) -> Result<(), LinkError> {
        let mut command = Command::new(&self.0);
        // The first kilobyte is the far end of the stack, so a sum of an address and a small number never wraps into it:
        // the number becomes a part of the load or store.
        command.args(["-Oz", "--converge", "--low-memory-unused"]).args(FEATURES);
        command.args(["--strip-debug", "--strip-target-features"]);
        command.arg(module).arg("-o").arg(module);
        command::run(&mut command, OPTIMIZE_LIMIT, |_| ())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::time::SystemTime;

    /// A module without any content, but for a custom section with `note`.
    fn module(note: u8) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".as_slice(), &[0, 3, 1, b'n', note]].concat()
    }

    fn compiled(scratch: &Scratch, game: &str, note: u8) -> Compiled {
        let path = scratch.path().join(game).with_extension("wasm");
        fs::write(&path, module(note)).unwrap();
        Compiled { path, stem: format!("{game}_wasm") }
    }

    /// Links what is stale without wasm-opt, and gives the stems of that.
    fn link_stale(scratch: &Scratch, modules: &[Compiled]) -> Vec<String> {
        let project = Project::of_test(scratch.path(), "cargo");
        let jobs = modules.iter().map(|compiled| Job::new(scratch.path(), compiled).unwrap());
        let stale = jobs.filter(|job| !job.is_done(false));
        stale.inspect(|job| job.link(&project, None).unwrap()).map(|job| job.compiled.stem.clone()).collect()
    }

    #[test]
    fn a_change_of_one_game_links_that_game_again_and_no_other() {
        let scratch = Scratch::new("link");
        let modules = [compiled(&scratch, "arena", 1), compiled(&scratch, "swarm", 1)];
        assert_eq!(link_stale(&scratch, &modules), ["arena_wasm", "swarm_wasm"]);
        assert!(link_stale(&scratch, &modules).is_empty());
        let glue = scratch.path().join("arena_wasm/arena_wasm.js");
        let written = || -> SystemTime { fs::metadata(&glue).unwrap().modified().unwrap() };
        let before = written();
        compiled(&scratch, "swarm", 2);
        assert_eq!(link_stale(&scratch, &modules), ["swarm_wasm"]);
        assert_eq!(written(), before);
    }

    #[test]
    fn the_files_carry_the_name_of_the_game_and_have_types() {
        let scratch = Scratch::new("stems");
        link_stale(&scratch, &[compiled(&scratch, "arena", 1)]);
        let names = scratch.names("arena_wasm");
        for name in ["arena_wasm.js", "arena_wasm.d.ts", "arena_wasm_bg.wasm"] {
            assert!(names.contains(&name.to_owned()), "{name} is not in {names:?}");
        }
        let glue = fs::read_to_string(scratch.path().join("arena_wasm/arena_wasm.js")).unwrap();
        assert!(glue.contains("new URL('arena_wasm_bg.wasm', import.meta.url)"), "{glue}");
    }

    #[test]
    fn a_module_is_linked_again_when_a_file_is_gone_and_when_wasm_opt_has_arrived() {
        let scratch = Scratch::new("again");
        let modules = [compiled(&scratch, "arena", 1)];
        link_stale(&scratch, &modules);
        let job = Job::new(scratch.path(), &modules[0]).unwrap();
        assert!(job.is_done(false) && !job.is_done(true));
        fs::remove_file(scratch.path().join("arena_wasm/arena_wasm_bg.wasm")).unwrap();
        assert_eq!(link_stale(&scratch, &modules), ["arena_wasm"]);
    }
}
