//! The games in node and in browsers: they give the same hashes, tick by tick, as natively; and a planted mistake is
//! found.
//!
//! The tests need node, a compiler for WebAssembly, and those of `engines` three browsers; `cargo verify` sees to all.

#[cfg(test)]
use cargo_tickwire::{Flavour, Modules, Project, Selection, Source, build_others, tools_of_environment};
#[cfg(test)]
use std::path::Path;
#[cfg(test)]
use std::sync::OnceLock;
#[cfg(test)]
use tickwire_planted::{Forgetful, Sine};
#[cfg(test)]
use tickwire_tools::determinism::{Entry, Host, Module, Plan, Trouble, Verdict, compare};

#[cfg(test)]
macro_rules! entries {
    ($($game:ty),*) => { [$(Entry::of::<$game>()),*] };
}

/// The demo games.
#[cfg(test)]
const DEMO: [Entry; 5] = tickwire_games::for_each_game!(entries);

/// The ticks and seeds that are compared of each game; the number of seeds is multiplied by `TICKWIRE_SEEDS`.
#[cfg(test)]
const PLAN: Plan = Plan { ticks: 500, seeds: 2 };

/// The module with all games, which is built once.
#[cfg(test)]
fn module() -> &'static Module {
    static BUILT: OnceLock<Module> = OnceLock::new();
    BUILT.get_or_init(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let selection = Selection { manifest: Some(manifest), package: Some("tickwire-demo".to_owned()) };
        let project = Project::find(&selection, tools_of_environment()).expect("the package of the demo games");
        let (package, stem) = ("tickwire-planted", "tickwire_planted");
        let module = Modules::Library { name: stem.to_owned() };
        let folder = build_others(&project, Source::Auto, package, &module, Flavour::Players);
        let folder = folder.expect("the module can be built").join(stem);
        let file = |end: &str| folder.join(format!("{stem}{end}"));
        Module { script: file(".js"), wasm: file("_bg.wasm") }
    })
}

/// Compares one game in one host.
#[cfg(test)]
fn verdict(entry: &Entry, host: &mut [Box<dyn Host>; 1], plan: Plan) -> Verdict {
    compare(entry, module(), host, plan, &|_, _| ()).pop().expect("a verdict for each host")
}

#[cfg(test)]
fn plan() -> Plan {
    let factor: u32 = std::env::var("TICKWIRE_SEEDS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    Plan { seeds: PLAN.seeds * factor, ..PLAN }
}

#[cfg(test)]
mod engines {
    use super::{DEMO, Entry, Host, Plan, Sine, Trouble, Verdict, plan, verdict};
    use tickwire_tools::browser::Engine;
    use tickwire_tools::determinism::EmptyPage;

    /// Browsers in which a game may fail without a hash that differs. The module and its inputs are the same each time,
    /// so that a trap of ours is there each time. WebKitGTK 2.50 has once thrown `Out of bounds memory access` in some
    /// hundred runs of one and the same module.
    const BROWSERS_MAX: u32 = 3;

    fn page(engine: Engine) -> [Box<dyn Host>; 1] {
        [Box::new(EmptyPage::start(engine).expect("a browser starts"))]
    }

    /// The verdict on a game, in another browser if this one fails. A hash that differs is never tried again.
    #[expect(clippy::print_stderr, reason = "a browser that fails now and then is worth a line")]
    fn settled(entry: &Entry, engine: Engine, page: &mut [Box<dyn Host>; 1], plan: Plan) -> Verdict {
        for _ in 1..BROWSERS_MAX {
            let verdict = verdict(entry, page, plan);
            if !matches!(verdict.trouble.as_deref(), Some(Trouble::Failed { .. })) {
                return verdict;
            }
            eprintln!("once more in another browser: {verdict}");
            *page = self::page(engine);
        }
        verdict(entry, page, plan)
    }

    fn assert_deterministic(engine: Engine) {
        let mut page = page(engine);
        let plan = plan();
        for entry in &DEMO {
            let verdict = settled(entry, engine, &mut page, plan);
            assert!(verdict.is_agreement(plan), "{verdict}");
        }
        let verdict = settled(&Entry::of::<Sine>(), engine, &mut page, plan);
        let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
            panic!("the sine was not caught: {verdict}")
        };
        assert_eq!(autopsy.differences[0].path, "noise", "{verdict}");
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_chromium_and_a_planted_sine_does_not() {
        assert_deterministic(Engine::Chromium);
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_firefox_and_a_planted_sine_does_not() {
        assert_deterministic(Engine::Firefox);
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_webkit_and_a_planted_sine_does_not() {
        assert_deterministic(Engine::WebKit);
    }
}

#[cfg(test)]
mod node {
    use super::{DEMO, Entry, Forgetful, Host, PLAN, Plan, Sine, Trouble, Verdict, module, plan, verdict};
    use std::fs;
    use tickwire_tools::cli::{Extras, GameTools, Origin, run_with};
    use tickwire_tools::determinism::Node;

    fn in_node(entry: &Entry, plan: Plan) -> Verdict {
        let mut node: [Box<dyn Host>; 1] = [Box::new(Node::start().expect("node starts"))];
        verdict(entry, &mut node, plan)
    }

    #[test]
    fn every_demo_game_gives_the_same_hashes_in_node_through_rollbacks_and_keyframes() {
        let plan = plan();
        for entry in &DEMO {
            let verdict = in_node(entry, plan);
            assert!(verdict.is_agreement(plan), "{verdict}");
        }
    }

    #[test]
    fn a_sine_of_the_standard_library_is_caught_with_its_tick_field_and_values() {
        let verdict = in_node(&Entry::of::<Sine>(), PLAN);
        assert!(!verdict.is_agreement(PLAN));
        let told = verdict.to_string();
        let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
            panic!("the sine was not caught: {told}")
        };
        let [difference] = &autopsy.differences[..] else { panic!("one field differs: {told}") };
        assert_eq!(difference.path, "noise");
        assert_ne!(difference.here, difference.there);
        assert_eq!(autopsy.turns[0], autopsy.turns[1], "both sides had the same inputs");
        assert!(!autopsy.detours_differ, "the rollbacks are not at fault");
        let head = format!("DIFFERS at tick {} of seed {}\n    noise: natively ", autopsy.tick, autopsy.seed);
        assert!(told.contains(&head) && told.contains("seat 0: neutral"), "{told}");
    }

    #[test]
    fn a_game_that_forgets_a_field_is_told_apart_from_a_host_that_computes_otherwise() {
        let verdict = in_node(&Entry::of::<Forgetful>(), PLAN);
        let told = verdict.to_string();
        let Some(Trouble::Differs(autopsy)) = verdict.trouble.as_deref() else {
            panic!("the field was not caught: {told}")
        };
        assert_eq!(autopsy.differences[0].path, "charge", "{told}");
        assert!(autopsy.detours_differ, "the native run has the same fault: {told}");
    }

    #[test]
    fn a_comparison_of_nothing_is_no_agreement() {
        let nothing = Plan { ticks: 0, seeds: 1 };
        assert!(!in_node(&DEMO[0], nothing).is_agreement(nothing));
    }

    #[test]
    fn a_game_that_the_host_does_not_have_is_no_agreement() {
        let mut entry = DEMO[0];
        entry.rules.name = "nothing";
        let verdict = in_node(&entry, PLAN);
        assert!(!verdict.is_agreement(PLAN));
        assert!(verdict.to_string().contains("the module has no game nothing"), "{verdict}");
    }
    #[test]
    fn a_module_of_another_version_is_no_agreement_and_says_what_to_do() {
        let mut entry = DEMO[0];
        entry.fingerprint = || 1;
        let verdict = in_node(&entry, PLAN);
        assert!(!verdict.is_agreement(PLAN));
        assert!(
            verdict.to_string().contains("another version of the game or of Tickwire: build it again"),
            "{verdict}"
        );
    }

    #[test]
    fn one_node_plays_one_module_after_the_other() {
        let mut node: [Box<dyn Host>; 1] = [Box::new(Node::start().expect("node starts"))];
        let plan = Plan { ticks: 50, seeds: 1 };
        for entry in &DEMO[..2] {
            let verdict = verdict(entry, &mut node, plan);
            assert!(verdict.is_agreement(plan), "{verdict}");
        }
    }

    /// Runs an author's tools on a folder with the modules of these games.
    fn run_tools(games: Vec<GameTools>, with_module: &[&str]) -> anyhow::Result<()> {
        let name = with_module.join("-");
        let folder = std::env::temp_dir().join(format!("tickwire-modules-{}-{name}", std::process::id()));
        for game in with_module {
            let inner = folder.join(game);
            fs::create_dir_all(&inner)?;
            fs::copy(&module().script, inner.join(format!("{game}_wasm.js")))?;
            fs::copy(&module().wasm, inner.join(format!("{game}_wasm_bg.wasm")))?;
        }
        let modules = folder.to_str().expect("the path is text");
        let arguments = ["tools", "determinism", "--node-only", "--ticks", "200", "--seeds", "1", "--modules", modules];
        let origin = Origin { program: "tools", version: "0", folder: "nowhere" };
        let outcome = run_with(arguments, &origin, games, Extras::default());
        fs::remove_dir_all(&folder)?;
        outcome.map(drop)
    }

    #[test]
    fn the_tools_of_an_author_compare_every_game_and_fail_where_one_differs_or_has_no_module() {
        let paddles = GameTools::of::<tickwire_games::Paddles>;
        run_tools(vec![paddles()], &["paddles"]).expect("the game agrees");
        let error = run_tools(vec![GameTools::of::<Sine>(), paddles()], &["paddles"]);
        let error = error.expect_err("one has no module").to_string();
        assert!(error.starts_with("there is no module of planted-sine in "), "{error}");
        let error = run_tools(vec![paddles(), GameTools::of::<Sine>()], &["paddles", "planted-sine"]);
        let error = error.expect_err("the sine differs").to_string();
        assert_eq!(error, "1 of 2 comparisons did not agree");
    }
}
