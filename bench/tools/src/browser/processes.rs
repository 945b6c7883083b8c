//! The processes of a browser: which they are, and how they are ended.
//!
//! A browser starts processes that leave their parent, such as the one that reports crashes. They are known by the
//! folder for temporary files that they inherit, which no other process has.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time that a process has to end by itself after it was asked to.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// Pause between two looks at a process that is about to end.
const LOOK: Duration = Duration::from_millis(10);

/// Sends a signal, such as `STOP`, to every process below one.
pub(super) fn signal_below(pid: u32, name: &str) {
    below(pid).into_iter().for_each(|pid| signal(pid, name));
}

/// Kills every process whose temporary files are in `folder`.
pub(super) fn kill_all_of(folder: &Path) {
    let mark = format!("TMPDIR={}", folder.display());
    let is_marked = |pid: &u32| {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    all().filter(is_marked).for_each(|pid| signal(pid, "KILL"));
}

/// Asks a child to end, so that it can remove its files, and kills it if it does not.
pub(super) fn end(child: &mut Child) {
    signal(child.id(), "TERM");
    let until = Instant::now() + END_TIMEOUT;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        sleep(LOOK);
    }
}

fn signal(pid: u32, name: &str) {
    // The signal may fail for a process that has ended by itself.
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// The ids of all processes.
fn all() -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Every process below one, the upper ones first.
fn below(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all().filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(above) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// The fourth field of `/proc/PID/stat`; the second is a name in parentheses that may contain anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{END_TIMEOUT, LOOK, kill_all_of};
    use std::fs;
    use std::process::Command;
    use std::thread::sleep;
    use std::time::Instant;

    #[test]
    fn a_process_that_has_left_its_parent_is_ended_by_its_folder() {
        let folder = std::env::temp_dir().join(format!("tickwire-orphan-{}", std::process::id()));
        let shell =
            Command::new("sh").args(["-c", "sleep 60 >/dev/null 2>&1 & echo $!"]).env("TMPDIR", &folder).output();
        let pid = String::from_utf8(shell.unwrap().stdout).unwrap();
        // A process that has ended has no environment, also while nobody has asked how it ended; nor has one that is
        // about to become another program.
        let is_there =
            || fs::read(format!("/proc/{}/environ", pid.trim())).is_ok_and(|variables| !variables.is_empty());
        let within_time = |is_wanted: bool, otherwise: &str| {
            let until = Instant::now() + END_TIMEOUT;
            while is_there() != is_wanted {
                assert!(Instant::now() < until, "{pid} {otherwise}");
                sleep(LOOK);
            }
        };
        within_time(true, "does not start");
        kill_all_of(&folder);
        within_time(false, "goes on");
    }
}
