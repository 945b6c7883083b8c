//! `tickwire journal` as people call it, on the data folder of a server that was killed; and the folders that a server
//! does not take.

use crate::player::Player;
use crate::serving::program;
use crate::socket::create_room;
use crate::survival_kept::{Folder, kill};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tickwire_games::Paddles;

/// Calls `tickwire journal` for a folder; gives the exit code, and what was said.
fn journal(data: &Folder, command: &str, rest: &[&str]) -> (Option<i32>, String) {
    let mut called = Command::new(program());
    called.args(["journal", command]).arg(&data.0).args(rest);
    said(called.stdin(Stdio::null()))
}

/// The file with the most ticks, and the bytes of it that were used.
fn ticks(data: &Folder) -> (PathBuf, usize) {
    let files = fs::read_dir(data.0.join("ticks")).expect("a folder").flatten().map(|file| file.path());
    let used = |path: &PathBuf| fs::read(path).ok()?.iter().rposition(|byte| *byte != 0);
    files.filter_map(|path| used(&path).map(|used| (path, used))).max_by_key(|(_, used)| *used).expect("ticks")
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// Plays a second in a room of a server on this folder, and kills the server; gives the code of the room.
fn play_and_kill(data: &Folder) -> String {
    let serving = data.serve(&[]);
    let code = create_room(serving.address(), "paddles");
    let mut player = Player::<Paddles>::join(serving.address(), &code);
    assert!(player.play_until(|player| player.snapshots.len() > 60), "it plays");
    kill(serving);
    code
}

#[test]
fn the_rooms_of_a_folder_are_listed_played_again_and_told_and_damage_is_an_exit_code() {
    let data = Folder::new("commands");
    let code = play_and_kill(&data);
    let (exit, list) = journal(&data, "ls", &[]);
    assert!(exit == Some(0) && list.contains(&code) && list.contains("paddles"), "{list}");
    assert!(list.contains("1 rooms, 0 have ended"), "{list}");
    let (exit, list) = journal(&data, "ls", &["--json"]);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let room = &list["rooms"][0];
    assert_eq!((exit, room["code"].as_str(), room["state"].as_str()), (Some(0), Some(&*code), Some("whole")));
    assert!(room["tick"].as_u64() > Some(30), "{room}");
    let (exit, words) = journal(&data, "verify", &[]);
    assert!(exit == Some(0) && words.contains("the same, ") && words.contains("1 rooms, 0 faults"), "{words}");
    let (exit, words) = journal(&data, "explain", &[&code.to_lowercase()]);
    assert!(exit == Some(0) && words.contains("played again   the same worlds"), "{words}");
    assert!(words.contains("its game       the same as in this program"), "{words}");
    let (exit, words) = journal(&data, "explain", &["CCCCCC"]);
    assert!(exit != Some(0) && words.contains("there is no room CCCCCC; `journal ls` names all rooms"), "{words}");
    // One bit of a tick in the middle; the rest of a page behind a tick is zero, and belongs to none.
    let (path, used) = ticks(&data);
    let mut bytes = fs::read(&path).expect("ticks");
    let middle = (used / 2..used).find(|at| bytes[*at] != 0).expect("a tick");
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("our own file");
    let (exit, words) = journal(&data, "verify", &[]);
    assert!(exit == Some(1) && !words.contains(" 0 faults"), "{words}");
    assert_eq!(journal(&data, "check", &[]).0, Some(0), "a server would start all the same");
}

#[test]
fn a_folder_that_a_server_cannot_use_is_named_in_a_sentence_with_exit_code_2() {
    let data = Folder::new("refused");
    let serving = data.serve(&[]);
    let refused = |words: &str| {
        for (exit, told) in [journal(&data, "check", &[]), said(data.command().stderr(Stdio::piped()))] {
            assert!(exit == Some(2) && told.contains(words), "{exit:?}: {told}");
        }
    };
    refused("is in use by another server");
    drop(serving);
    fs::write(data.0.join("lock"), "something of somebody else").expect("our own file");
    refused(&data.0.display().to_string());
    assert_eq!(fs::read(data.0.join("lock")).expect("it is there"), b"something of somebody else", "left as it was");
}
