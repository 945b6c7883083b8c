//! The games in a browser's WASM: the same hashes, tick by tick, as natively.

use crate::page::{Page, Screen};
use crate::serving::Serving;
use tickwire::{Game, determinism};
use tickwire_games::{Arena, Paddles};

const TICKS: u32 = 4_000;

async fn compare<G: Game>(page: &Page) {
    for (seed, rollbacks) in [(11, false), (12, true)] {
        let game = G::RULES.name;
        let expression =
            format!("Array.from(window.tickwire.determinism('{game}', {seed}, {TICKS}, {rollbacks}), String)");
        let found = page.eval(&expression).await;
        let found: Vec<u64> =
            found.as_array().expect("a list").iter().filter_map(|hash| hash.as_str()?.parse().ok()).collect();
        let native = determinism::hashes::<G>(seed, TICKS, false);
        let differs = (0..native.len()).find(|index| found.get(*index) != Some(&native[*index]));
        assert_eq!(differs, None, "{game} of seed {seed} differs after so many ticks");
    }
}

#[tokio::test]
async fn both_games_are_the_same_in_chromium() {
    let serving = Serving::start();
    let page = Page::open(serving.address(), "/", Screen::Desktop).await;
    compare::<Paddles>(&page).await;
    compare::<Arena>(&page).await;
    page.client.clone().close().await.expect("the browser closes");
}
