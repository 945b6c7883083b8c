//! A folder for the data of a server that is measured: beside the measuring program, so on the disk of the build and not
//! in memory as a folder for temporary files may be.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder that is removed when the value is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    is_kept: bool,
}

impl DataFolder {
    /// The place of a new folder with this name; the server makes the folder itself.
    ///
    /// # Errors
    /// When this program does not know its own path, or when an older folder of the name cannot be removed.
    pub fn new(name: &str) -> Result<Self> {
        let own = std::env::current_exe().context("this program has no path")?;
        let path = own.with_file_name(format!("data-of-{name}-{}", std::process::id()));
        if path.exists() {
            // It was left by an earlier process with the same id.
            fs::remove_dir_all(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        Ok(Self { path, is_kept: false })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is.
    pub const fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if !self.is_kept {
            // A folder that was never made is no error, and nobody can be told of another one here.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_value_unless_it_is_kept() {
        for is_kept in [false, true] {
            let mut folder = DataFolder::new(&format!("folders-{is_kept}")).unwrap();
            let path = folder.path().to_owned();
            fs::create_dir(&path).unwrap();
            if is_kept {
                folder.keep();
            }
            drop(folder);
            assert_eq!(path.exists(), is_kept);
            let _ = fs::remove_dir(&path);
        }
    }
}
