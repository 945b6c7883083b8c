//! Rows about the search for differences: evidence that is made up must cost only the client that sends it.

use super::member::{LEAD_TICKS, Member};
use super::row::{Cases, Outcome, Row};
use super::socket::End;
use super::target::{Entry, Target, Walk};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tickwire::input::Ack;
use tickwire::message::evidence::ClientEvidence;
use tickwire::{Game, Tick};
use tickwire_games::Arena;

pub(super) const ROWS: &[Row] = &[
    Row::new("R24", "a client whose hashes never fit", "keyframes, then 4011 within 20 s", diverged),
    Row::new(
        "F45",
        "the same client comes back at once, again and again",
        "let in at most 6 times in 12 s",
        comes_back,
    )
    .waits(),
    Row::new(
        "F9",
        "30 connections of one address, two made-up disputes each",
        "at most 8 files; others play on",
        made_up,
    )
    .apart(),
    Row::new("F21", "a dispute about tick 0 from each of 8 addresses", "no file", tick_zero).apart(),
];

/// Autopsies that one address may cause in one room at once.
const FILES_MAX: usize = 8;

/// Plays with wrong hashes until the server has had enough of it.
fn differ(member: &mut Member<Arena>, time: Duration) -> Option<End> {
    member.play(time, |member| {
        let ack = member.ack.map(|ack| Ack { tick: ack.tick, hash: !ack.hash });
        vec![member.input(member.tick + LEAD_TICKS, ack, false)]
    })
}

fn diverged(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let mut cases = Cases::default();
    let mut member = Member::<Arena>::join(&walk.target, &code, Some(&walk.stranger()))?;
    let end = differ(&mut member, Duration::from_secs(20));
    cases.check("the client", end == Some(End::Code(4011)), format!("{end:?}"));
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn comes_back(walk: &Walk) -> Result<Outcome> {
    let code = walk.target.room::<Arena>()?;
    let honest = walk.target.honest::<Arena>(&code, 2)?;
    let from = walk.stranger();
    let (mut times, started) = (0, Instant::now());
    while started.elapsed() < Duration::from_secs(12) {
        match walk.target.join::<Arena>(&code, Some(&from)) {
            Entry::In(entered) => {
                times += 1;
                let (peer, welcome) = *entered;
                differ(&mut Member::new(peer, welcome), Duration::from_secs(3));
            }
            Entry::Out(_) | Entry::Refused(_) => sleep(Duration::from_millis(100)),
        }
    }
    let mut cases = Cases::default();
    cases.check("times that it was let in", (1..=6).contains(&times), times);
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

/// A folder for the autopsies of one row; it is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(row: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("tickwire-hostile-{}-{row}", std::process::id()));
        // The server makes the folder by itself, with the permissions that it wants.
        let _ = fs::remove_dir_all(&path);
        Ok(Self(path))
    }

    fn text(&self) -> Result<&str> {
        self.0.to_str().context("the folder for temporary files has a name that is not text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The files that are left lie among temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Files in a folder and in the folders below it.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// Joins, disputes a tick and waits until the room has taken it in; false when the client was not let in.
fn dispute<G: Game>(target: &Target, code: &str, from: &str, ticks: &[Option<u32>]) -> bool {
    let Ok(mut member) = Member::<G>::join(target, code, Some(from)) else { return false };
    member.play_fair(Duration::from_millis(120));
    for tick in ticks {
        let tick = tick.map_or(member.tick, Tick);
        member.say(&ClientEvidence::Dispute { tick, hashes: Vec::new() }.encode());
    }
    member.play_fair(Duration::from_millis(60));
    true
}

fn made_up(walk: &Walk) -> Result<Outcome> {
    let folder = Folder::new("f9")?;
    let own = walk.serve(&["--autopsies", folder.text()?])?;
    let code = own.target.room::<Arena>()?;
    let honest = own.target.honest::<Arena>(&code, 2)?;
    let from = walk.stranger();
    // A tick that the room does not know any more: the room cannot find a difference there.
    let disputes = (0..30).filter(|_| dispute::<Arena>(&own.target, &code, &from, &[Some(1), Some(2)])).count();
    sleep(Duration::from_millis(500));
    let mut cases = Cases::default();
    let written = files(&folder.0);
    cases.check("files", written <= FILES_MAX, format!("{written} after {disputes} connections"));
    cases.check_honest(&honest)?;
    Ok(cases.outcome())
}

fn tick_zero(walk: &Walk) -> Result<Outcome> {
    let folder = Folder::new("f21")?;
    let own = walk.serve(&["--autopsies", folder.text()?])?;
    let code = own.target.room::<Arena>()?;
    let disputes = (0..8).filter(|_| dispute::<Arena>(&own.target, &code, &walk.stranger(), &[Some(0)])).count();
    sleep(Duration::from_millis(500));
    let written = files(&folder.0);
    Ok(Outcome::new(written == 0 && disputes > 0, format!("{written} files after {disputes} disputes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_in_folders_below_and_removed_with_the_folder() {
        let folder = Folder::new("test").unwrap();
        assert_eq!(files(&folder.0), 0, "a folder that is not there has no files");
        fs::create_dir_all(folder.0.join("arena")).unwrap();
        fs::write(folder.0.join("arena/1.json"), "{}").unwrap();
        fs::write(folder.0.join("2.json"), "{}").unwrap();
        assert_eq!(files(&folder.0), 2);
        let path = folder.0.clone();
        drop(folder);
        assert!(!path.exists());
    }
}
