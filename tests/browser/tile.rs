//! The example of a dashboard tile: a page of fifteen lines without a module, on a host of its own.

use crate::files::FileServer;
use crate::page::{Page, Screen};
use crate::serving::{Serving, serve};
use std::fs;
use std::path::Path;
use tickwire_games::Paddles;
use tickwire_tools::load::Bystander;

#[tokio::test]
async fn the_tile_shows_the_rooms_of_a_game_as_they_come_fill_and_go() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client-wasm/js/examples/tile");
    let lines = fs::read_to_string(folder.join("index.html")).expect("the example").lines().count();
    assert!(lines <= 15, "the example has {lines} lines");
    let files = FileServer::of(&folder);
    let serving = Serving::start_by(serve("127.0.0.1:0").args(["--origin", &files.origin()]));
    let page = Page::blank(Screen::Desktop).await;
    let url = format!("{}/index.html?server=ws://{}/ws&game=paddles", files.origin(), serving.address());
    page.client.goto(&url).await.expect("the page loads");
    let create = format!(
        "fetch('http://{}/api/rooms', {{ method: 'POST', body: JSON.stringify({{ game: 'paddles', public: true }}) }})\
         .then((answer) => answer.json()).then(({{ code }}) => code)",
        serving.address()
    );
    let code = page.settle(&create).await.as_str().expect("a code").to_owned();
    let join = |seed| {
        Bystander::join::<Paddles>(serving.address(), std::slice::from_ref(&code), 1, seed).expect("a player joins")
    };
    let shows = |text: &str| format!("document.querySelector('ul').textContent === '{text}'");
    let first = join(1);
    page.wait_until(&shows(&format!("{code}: 1 of 2"))).await;
    let second = join(2);
    page.wait_until(&shows(&format!("{code}: 2 of 2"))).await;
    drop((first, second));
    page.wait_until(&shows("")).await;
    assert_eq!(page.console_errors().await.iter().filter(|error| !error.contains("favicon")).count(), 0);
}
