//! Pauses in real browsers: the network, the page or the server stands still for up to four seconds and goes on. A
//! second later everything is as before, and meanwhile the player is informed in time.

use crate::page::{Page, Screen};
use crate::relay::Relay;
use crate::serving::Serving;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The script that looks at the page from within.
const PROBE: &str = include_str!("probe.js");

/// The lengths of the pauses. Up to four seconds a pause is survived on the same connection.
const PAUSES_MS: [u64; 4] = [500, 1_000, 2_500, 4_000];

/// So soon after the end of a pause everything is as before.
const RECOVERY: Duration = Duration::from_secs(1);

/// The time by which a key may take longer to move the own figure than before the pause, in milliseconds.
const KEY_MS_MORE_MAX: f64 = 50.0;

/// Presses of which the median counts: a frame that a busy machine held up is not a finding.
const PRESSES: u32 = 3;
const PRESSES_BEFORE: u32 = 9;

/// The time of a frame on a machine that has nothing else to do, in milliseconds.
const FRAME_MS: f64 = 20.0;

/// A key that comes too late after a pause is measured again, before and after the same pause, so often at the most: a
/// client provides for stalls of a busy machine with a lead, and a key takes longer for it, pause or no pause. What a
/// pause does comes each time.
const TRIALS: u32 = 3;

/// The stalls of longer ago than this no longer count for the lead of a client.
const LEAD_WINDOW: Duration = Duration::from_secs(6);

/// A key that has not moved the figure after this time never will.
const PRESS_MS_MAX: u32 = 1_500;

/// The silence after which the mark appears, and the silence after which the words appear, in milliseconds. The page
/// looks four times a second, and a busy machine shows a frame later.
const MARK_MS: (f64, f64) = (950.0, 1_600.0);
const WORDS_MS: (f64, f64) = (1_950.0, 2_600.0);

/// The time after the end of a pause by which mark and words are gone, in milliseconds.
const GONE_MS_MAX: f64 = 700.0;

/// The part that stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Still {
    Network,
    Page,
    Server,
}

/// A press of a key.
#[derive(Debug, Deserialize)]
struct Press {
    /// Milliseconds and frames until the own figure moved.
    ms: f64,
    frames: u32,
    /// The longest frame meanwhile, in milliseconds: a busy machine shows there.
    frame_ms: f64,
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} ms in {} frames of up to {:.0} ms", self.ms, self.frames, self.frame_ms)
    }
}

/// The median of the presses, each without what its longest frame took longer than a frame takes: a machine that is
/// busy is not a finding.
fn median_ms(presses: &[Press]) -> f64 {
    let own = presses.iter().map(|press| press.ms - (press.frame_ms - FRAME_MS).max(0.0));
    let mut own: Vec<f64> = own.collect();
    own.sort_by(f64::total_cmp);
    own[own.len() / 2]
}

/// A player alone in a room of one game.
struct Player {
    game: &'static str,
    page: Page,
    /// Two keys that move the own figure to and fro, and the axis.
    keys: &'static str,
    /// The page's figures before any pause, and the milliseconds from key to motion.
    before: Value,
    key_ms: f64,
}

impl Player {
    /// Opens a room of its own through the relay, and waits until the figure can be moved.
    async fn enter(relay: &Relay, game: &'static str) -> Self {
        let keys = match game {
            "paddles" => "['ArrowUp', 'ArrowDown'], 'y'",
            _ => "['ArrowRight', 'ArrowLeft'], 'x'",
        };
        let page = Page::open(relay.address(), &format!("/?game={game}"), Screen::Desktop).await;
        page.click("create-room").await;
        page.wait_connected().await;
        // A ship of the arena appears two seconds after its player has joined.
        page.let_tick(90).await;
        page.client.execute(PROBE, Vec::new()).await.expect("the probe runs");
        let before = page.stats().await;
        Self { game, page, keys, before, key_ms: 0.0 }
    }

    /// Presses keys so many times; the quickest press is first.
    async fn feel(&self, presses: u32) -> Vec<Press> {
        let feel = format!("window.probe.feel({}, {presses}, {PRESS_MS_MAX})", self.keys);
        let pressed = self.page.settle(&feel).await;
        serde_json::from_value(pressed).expect("a list of presses")
    }

    /// Measures the time from key to motion that the figures after a pause are compared with.
    async fn learn(&mut self) {
        self.key_ms = median_ms(&self.feel(PRESSES_BEFORE).await);
    }

    /// Looks at the page a second after the end of a pause.
    async fn recover(&self, (still, ms): (Still, u64)) -> Recovery {
        let (presses, after) = (self.feel(PRESSES).await, self.page.stats().await);
        let silence_ms = self.page.eval("Math.round(window.probe.silence)").await;
        self.page.eval("window.probe.silence = 0").await;
        let Self { game, key_ms, before, .. } = self;
        let shown: Vec<String> = presses.iter().map(Press::to_string).collect();
        let figures = ["link", "rtt_ms", "input_lead_ticks", "welcomes", "keyframes", "starved_ticks", "mismatches"];
        let figures = figures.map(|name| format!("{name} {}", after[name])).join(", ");
        let line = format!(
            "{still:?} {ms} ms, {game}: silence {silence_ms} ms, key {key_ms:.0} ms, then {}; {figures}",
            shown.join(", ")
        );
        let promises = [
            ("the same seat", after["seat"] == before["seat"]),
            ("connected", after["connected"] == true && after["link"] == "fine"),
            ("the same connection", after["welcomes"] == before["welcomes"]),
            ("no mismatch", after["mismatches"] == 0 && after["decode_errors"] == 0),
        ];
        let broken = promises.into_iter().filter(|(_, kept)| !kept);
        let broken = broken.map(|(promise, _)| format!("not {promise}: {line}")).collect();
        Recovery { is_key_as_before: median_ms(&presses) <= key_ms + KEY_MS_MORE_MAX, line, broken }
    }
}

/// How a player's page was a second after the end of a pause.
struct Recovery {
    /// The line of a table.
    line: String,
    /// The promises that were broken, the one about the key left out.
    broken: Vec<String>,
    is_key_as_before: bool,
}

/// Lets one part stand still for this long.
async fn pause(still: Still, ms: u64, players: &[Player; 3], relay: &Relay, serving: &Serving) {
    let pages = players.each_ref().map(|player| &player.page);
    match still {
        Still::Network => {
            relay.stand_still();
            pages[0].let_pass(Duration::from_millis(ms)).await;
            relay.go_on();
        }
        Still::Page => {
            let spin =
                format!("(() => {{ const end = performance.now() + {ms}; while (performance.now() < end); }})()");
            tokio::join!(pages[0].eval(&spin), pages[1].eval(&spin), pages[2].eval(&spin));
        }
        Still::Server => {
            serving.signal("STOP");
            pages[0].let_pass(Duration::from_millis(ms)).await;
            serving.signal("CONT");
        }
    }
}

/// Measures the time from key to motion of all.
async fn learn(players: &mut [Player; 3]) {
    let [first, second, third] = players;
    tokio::join!(first.learn(), second.learn(), third.learn());
}

#[tokio::test]
async fn a_second_after_any_pause_of_up_to_four_seconds_a_player_plays_as_before() {
    let serving = Serving::start();
    let relay = Relay::start(serving.address()).await;
    let entered =
        tokio::join!(Player::enter(&relay, "arena"), Player::enter(&relay, "paddles"), Player::enter(&relay, "swarm"));
    let mut players: [Player; 3] = entered.into();
    learn(&mut players).await;
    let (mut table, mut broken) = (Vec::new(), Vec::new());
    for still in [Still::Network, Still::Page, Still::Server] {
        for ms in PAUSES_MS {
            let mut late = Vec::new();
            for trial in 0..TRIALS {
                if trial > 0 {
                    players[0].page.let_pass(LEAD_WINDOW).await;
                    learn(&mut players).await;
                }
                pause(still, ms, &players, &relay, &serving).await;
                players[0].page.let_pass(RECOVERY).await;
                let [first, second, third] = &players;
                let after = (still, ms);
                let all = tokio::join!(first.recover(after), second.recover(after), third.recover(after));
                late.clear();
                for Recovery { line, broken: promises, is_key_as_before } in <[_; 3]>::from(all) {
                    broken.extend(promises);
                    late.extend((!is_key_as_before).then(|| format!("not the key as before: {line}")));
                    table.push(line);
                }
                if late.is_empty() {
                    break;
                }
            }
            broken.append(&mut late);
        }
    }
    let table = table.join("\n");
    players[0].page.note("pauses", &table);
    assert!(broken.is_empty(), "{broken:#?}, of\n{table}");
    for player in &players {
        player.page.assert_sound().await;
    }
}

/// A change of the mark or of the words.
#[derive(Debug, Deserialize)]
struct Change {
    /// By the page's clock, in milliseconds.
    at: f64,
    /// Milliseconds since the newest tick.
    silent_ms: f64,
    marked: bool,
    words: String,
}

/// Whether the changes of mark and words that a page has shown came in time and are gone; if not, what they were.
async fn is_informed(page: &Page, ended_at: f64) -> Result<(), String> {
    let seen = page.eval("window.probe.changes").await;
    let changes: Vec<Change> = serde_json::from_value(seen).expect("a list of changes");
    page.note("words", &format!("{changes:#?}\nended {ended_at}"));
    page.eval("window.probe.changes = []").await;
    let mark = changes.iter().find(|change| change.marked).unwrap_or_else(|| panic!("a mark: {changes:?}"));
    let words = changes.iter().find(|change| !change.words.is_empty()).unwrap_or_else(|| panic!("words: {changes:?}"));
    let last = changes.last().expect("there are changes");
    // Never too early, and in these words.
    assert!(mark.silent_ms >= MARK_MS.0 && mark.words.is_empty(), "{changes:?}");
    assert!(words.silent_ms >= WORDS_MS.0 && words.marked, "{changes:?}");
    assert!(words.words.contains("No word from the server"), "{changes:?}");
    let is_late = mark.silent_ms >= MARK_MS.1 || words.silent_ms >= WORDS_MS.1;
    let stays = last.marked || !last.words.is_empty() || last.at - ended_at >= GONE_MS_MAX;
    if is_late || stays { Err(format!("{changes:?}, ended at {ended_at}")) } else { Ok(()) }
}

/// A silence of 3.5 s, made `still`ly; whether both pages told of it as they should.
async fn silence(serving: &Serving, relay: &Relay, still: Still, pages: [&Page; 2]) -> Result<(), String> {
    match still {
        Still::Server => serving.signal("STOP"),
        _ => relay.stand_still(),
    }
    pages[0].let_pass(Duration::from_millis(3_500)).await;
    match still {
        Still::Server => serving.signal("CONT"),
        _ => relay.go_on(),
    }
    let ended = tokio::join!(pages[0].eval("performance.now()"), pages[1].eval("performance.now()"));
    pages[0].let_pass(RECOVERY).await;
    let mut informed = Ok(());
    for (page, ended) in pages.into_iter().zip([ended.0, ended.1]) {
        informed = is_informed(page, ended.as_f64().expect("a number")).await.and(informed);
    }
    informed
}

/// Whether neither page has marked a hitch of 600 ms; `None` when a busy machine has made a longer silence of it.
async fn is_unmarked(relay: &Relay, pages: [&Page; 2]) -> Option<bool> {
    for page in pages {
        page.eval("window.probe.silence = 0").await;
    }
    relay.stand_still();
    pages[0].let_pass(Duration::from_millis(600)).await;
    relay.go_on();
    pages[0].let_pass(RECOVERY).await;
    let mut unmarked = Some(true);
    for page in pages {
        let silence_ms = page.eval("window.probe.silence").await.as_f64().expect("a number");
        let is_unmarked = page.eval("window.probe.changes").await == json!([]);
        page.eval("window.probe.changes = []").await;
        unmarked = unmarked.filter(|_| is_unmarked || silence_ms < MARK_MS.0).map(|before| before && is_unmarked);
    }
    unmarked
}

#[tokio::test]
async fn a_silence_of_a_second_is_marked_one_of_two_seconds_is_put_into_words_and_both_go_away() {
    let serving = Serving::start();
    let relay = Relay::start(serving.address()).await;
    let (arena, paddles) = tokio::join!(Player::enter(&relay, "arena"), Player::enter(&relay, "paddles"));
    let pages = [&arena.page, &paddles.page];
    // A hitch is not worth a mark: one that came with every hitch would flicker.
    let mut unmarked = None;
    for _ in 0..5 {
        unmarked = is_unmarked(&relay, pages).await;
        if unmarked.is_some() {
            break;
        }
    }
    assert_eq!(unmarked, Some(true), "of a hitch");
    for still in [Still::Network, Still::Server] {
        let mut late = Vec::new();
        while late.len() < 3 {
            match silence(&serving, &relay, still, pages).await {
                Ok(()) => break,
                Err(changes) => late.push(changes),
            }
        }
        assert!(late.len() < 3, "mark and words come late each time: {late:#?}");
    }
}
