//! The client's module in node: the same hashes, tick by tick, as the same games natively.
//!
//! Needs node and the built bundle; `cargo verify` sees to both.

#[cfg(test)]
mod hashes {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use tickwire::{Game, determinism};
    use tickwire_games::{Arena, Paddles};

    const TICKS: u32 = 4_000;
    /// What is compared of each game, times `TICKWIRE_SEEDS`.
    const SEEDS: u32 = 3;

    fn tests() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    /// The file of the bundle whose name begins and ends so.
    fn dist(start: &str, end: &str) -> PathBuf {
        let folder = tests().join("../client-wasm/dist");
        let entries = std::fs::read_dir(&folder).expect("the bundle is built: cargo run -p tickwire-bundle -- build");
        let named = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        };
        entries.flatten().map(|entry| entry.path()).find(named).expect("the bundle has a module")
    }

    fn in_node(game: &str, seed: u32, rollbacks: bool) -> Vec<u64> {
        let mut node = Command::new("node");
        node.arg(tests().join("wasm/hashes.mjs"));
        node.arg(dist("tickwire_client", ".js")).arg(dist("tickwire_client", ".wasm"));
        node.args([game, &seed.to_string(), &TICKS.to_string(), &rollbacks.to_string()]);
        let output = node.stdin(Stdio::null()).output().expect("node starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("numbers are text");
        text.lines().map(|line| line.parse().expect("a hash")).collect()
    }

    fn compare<G: Game>() {
        let factor: u32 = std::env::var("TICKWIRE_SEEDS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
        for seed in 0..SEEDS * factor {
            let native = determinism::hashes::<G>(u64::from(seed), TICKS, false);
            assert_eq!(native.len(), usize::try_from(TICKS).unwrap());
            let rolled_back = determinism::hashes::<G>(u64::from(seed), TICKS, true);
            for (other, what) in [
                (rolled_back, "natively with rollbacks"),
                (in_node(G::RULES.name, seed, false), "in node"),
                (in_node(G::RULES.name, seed, true), "in node with rollbacks"),
            ] {
                let differs = (0..native.len()).find(|index| other.get(*index) != Some(&native[*index]));
                assert_eq!(differs, None, "{} of seed {seed} differs {what} after so many ticks", G::RULES.name);
            }
        }
    }

    #[test]
    fn paddles_is_the_same_in_node() {
        compare::<Paddles>();
    }

    #[test]
    fn arena_is_the_same_in_node() {
        compare::<Arena>();
    }
}
