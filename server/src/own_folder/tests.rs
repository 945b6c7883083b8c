//! Folders and files that another user could have laid out as traps.

use super::*;
use std::fs::{create_dir, metadata, read_to_string, remove_dir_all, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicU32, Ordering};

/// A place for the files of one test, which is removed with the value.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("own-folder-{}-{number}", std::process::id()));
        create_dir(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A folder with these permissions.
    fn folder(&self, name: &str, mode: u32) -> PathBuf {
        create_dir(self.at(name)).unwrap();
        set_permissions(self.at(name), PermissionsExt::from_mode(mode)).unwrap();
        self.at(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names<const N: usize>(names: [&str; N]) -> impl Iterator<Item = String> {
    names.map(String::from).into_iter()
}

#[test]
fn a_missing_folder_is_made_for_its_owner_alone_and_so_are_its_files() {
    let place = Place::new();
    let path = place.at("state/tickwire/autopsies");
    let folder = OwnFolder::prepare(&path).unwrap();
    assert_eq!(folder.write_new(names(["a.json"]), b"{}").unwrap(), "a.json");
    for (path, expected) in [(path.clone(), 0o700), (place.at("state"), 0o700), (path.join("a.json"), 0o600)] {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn a_link_in_the_place_of_the_folder_is_refused_with_or_without_a_slash_at_its_end() {
    let place = Place::new();
    let elsewhere = place.folder("elsewhere", 0o700);
    symlink(&elsewhere, place.at("link")).unwrap();
    symlink(place.at("nowhere"), place.at("dangling")).unwrap();
    write(place.at("file"), "").unwrap();
    for name in ["link", "link/", "link/.", "dangling", "file"] {
        let refused = OwnFolder::prepare(&place.at(name));
        assert!(matches!(refused, Err(FolderError::NoFolder { .. })), "{name}: {refused:?}");
    }
    assert!(!place.at("nowhere").exists(), "nothing is made at the end of a link");
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let place = Place::new();
    for (name, bits) in [("everyone", 0o707), ("group", 0o770), ("sticky", 0o1777)] {
        let refused = OwnFolder::prepare(&place.folder(name, bits));
        assert!(matches!(refused, Err(FolderError::Shared { mode, .. }) if mode == bits), "{name}: {refused:?}");
    }
    assert!(OwnFolder::prepare(&place.folder("readable", 0o755)).is_ok());
}

#[test]
fn a_folder_of_another_user_is_refused() {
    // Only root can give a folder away; other users meet the folders of root, which are everywhere.
    let place = Place::new();
    let path = place.folder("theirs", 0o755);
    let is_root = rustix::process::geteuid().is_root();
    let other = fs::Uid::from_raw(65_534);
    let path = if is_root { fs::chown(&path, Some(other), None).map(|()| path).unwrap() } else { "/".into() };
    let refused = OwnFolder::prepare(&path);
    assert!(matches!(refused, Err(FolderError::Owner { .. })), "{refused:?}");
}

#[test]
fn a_folder_that_cannot_be_made_or_is_changed_later_is_refused() {
    let place = Place::new();
    write(place.at("file"), "").unwrap();
    assert!(OwnFolder::prepare(&place.at("file/below")).is_err());
    let path = place.folder("ours", 0o700);
    let folder = OwnFolder::prepare(&path).unwrap();
    set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
    assert!(folder.write_new(names(["a"]), b"").is_err());
    remove_dir_all(&path).unwrap();
    assert!(folder.write_new(names(["a"]), b"").is_ok(), "a folder that was removed is made again");
    assert_eq!(mode(&path), 0o700);
}

#[test]
fn a_file_is_always_new_and_never_reached_over_a_link() {
    let place = Place::new();
    let path = place.folder("ours", 0o700);
    write(place.at("precious"), "as it was").unwrap();
    symlink(place.at("precious"), path.join("1")).unwrap();
    symlink(place.at("absent"), path.join("2")).unwrap();
    write(path.join("3"), "an older one").unwrap();
    let folder = OwnFolder::prepare(&path).unwrap();
    assert_eq!(folder.write_new(names(["1", "2", "3", "4", "5"]), b"new").unwrap(), "4");
    assert_eq!(read_to_string(place.at("precious")).unwrap(), "as it was");
    assert_eq!(read_to_string(path.join("3")).unwrap(), "an older one");
    assert_eq!(read_to_string(path.join("4")).unwrap(), "new");
    assert!(!place.at("absent").exists());
    let full = folder.write_new(names(["1", "3"]), b"new").unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::AlreadyExists);
}
