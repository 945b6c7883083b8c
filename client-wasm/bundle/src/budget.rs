//! The cost of a first visit over the network, in parts: the lobby, each game on top of it, and the package's scripts.
//!
//! A page loads a game when it is chosen, so each part has a budget of its own. All sizes are those with brotli. Leaves
//! out what is loaded in which order.

use std::fmt;

use crate::assets::{Asset, name_without_hash};

/// The largest cost of the lobby, which loads no game, in bytes.
pub const LOBBY_BUDGET_BYTES: usize = 35_000;

/// The largest cost of the dialogs, which a page loads when somebody opens them, in bytes.
pub const DIALOGS_BUDGET_BYTES: usize = 2_000;

/// The scripts of the page that it loads when somebody opens them.
const DIALOGS: [&str; 1] = ["match.js"];

/// The largest cost of one game on top of the lobby, in bytes.
pub const GAME_BUDGET_BYTES: usize = 120_000;

/// The largest cost of the scripts of the npm package, in bytes. They are a part of the lobby too.
pub const PACKAGE_BUDGET_BYTES: usize = 12_000;

const _: () = assert!(PACKAGE_BUDGET_BYTES < LOBBY_BUDGET_BYTES, "the lobby is made with the package");

/// Files of one part that an error about its budget names.
const LARGEST_SHOWN: usize = 4;

/// Parts that are larger than their budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("over the budget: {}", parts.iter().map(Part::excess).collect::<Vec<_>>().join("; "))]
pub struct OverBudget {
    /// The parts.
    pub parts: Vec<Part>,
}

/// One part of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `lobby`, `dialogs`, `package`, or the name of a game.
    pub name: String,
    /// Its budget in bytes.
    pub budget_bytes: usize,
    /// The names of its files and their sizes with brotli in bytes, the largest first.
    pub files: Vec<(String, usize)>,
}

impl Part {
    fn new(name: &str, budget_bytes: usize) -> Self {
        Self { name: name.to_owned(), budget_bytes, files: Vec::new() }
    }

    /// The size of all its files with brotli, in bytes.
    #[must_use]
    pub fn brotli_bytes(&self) -> usize {
        self.files.iter().map(|(_, bytes)| bytes).sum()
    }

    fn excess(&self) -> String {
        let (size, budget) = (Kilobytes(self.brotli_bytes()), Kilobytes(self.budget_bytes));
        let largest =
            self.files.iter().take(LARGEST_SHOWN).map(|(name, bytes)| format!("{name} {}", Kilobytes(*bytes)));
        format!("{} has {size} of {budget} ({})", self.name, largest.collect::<Vec<_>>().join(", "))
    }
}

/// The files that there are to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Files, their compressed siblings not counted.
    pub files: usize,
    /// Their size in bytes.
    pub raw_bytes: usize,
    /// The lobby, the dialogs, the package, and each game by its name.
    pub parts: Vec<Part>,
    /// False when the folder was up to date.
    pub written: bool,
}

impl Report {
    /// Checks that every part is within its budget.
    ///
    /// # Errors
    /// When parts are larger: all of them, with their largest files.
    pub fn check_budget(&self) -> Result<(), OverBudget> {
        let over = self.parts.iter().filter(|part| part.brotli_bytes() > part.budget_bytes);
        let parts: Vec<Part> = over.cloned().collect();
        if parts.is_empty() { Ok(()) } else { Err(OverBudget { parts }) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.written { "written" } else { "up to date" };
        write!(f, "{} files, {}, {state}; with brotli:", self.files, Kilobytes(self.raw_bytes))?;
        let width = self.parts.iter().map(|part| part.name.len()).max().unwrap_or_default();
        for part in &self.parts {
            let (size, budget) = (Kilobytes(part.brotli_bytes()), Kilobytes(part.budget_bytes));
            let over = if part.brotli_bytes() > part.budget_bytes { ", too much" } else { "" };
            write!(f, "\n  {:width$}  {:>8} of {:>8}{over}", part.name, size.to_string(), budget.to_string())?;
        }
        Ok(())
    }
}

/// A size for people: 1 KB is 1000 bytes.
struct Kilobytes(usize);

impl fmt::Display for Kilobytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} KB", self.0 / 1000, self.0 % 1000 / 100)
    }
}

/// The parts that files belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Division {
    /// The names of the games.
    pub(crate) games: Vec<String>,
}

impl Division {
    /// The sizes of `files`, the compressed ones among them, and of the scripts of the package.
    pub(crate) fn report(&self, files: &[Asset], package: Vec<(String, usize)>, written: bool) -> Report {
        let mut lobby = Part::new("lobby", LOBBY_BUDGET_BYTES);
        let mut dialogs = Part::new("dialogs", DIALOGS_BUDGET_BYTES);
        let package = Part { files: package, ..Part::new("package", PACKAGE_BUDGET_BYTES) };
        let mut games: Vec<Part> = self.games.iter().map(|game| Part::new(game, GAME_BUDGET_BYTES)).collect();
        for (file, bytes) in files.iter().filter_map(|file| Some((file.name.strip_suffix(".br")?, file.content.len())))
        {
            let name = name_without_hash(file);
            let game = games.iter_mut().find(|game| is_of_game(&name, &game.name));
            let rest = if DIALOGS.contains(&name.as_str()) { &mut dialogs } else { &mut lobby };
            game.unwrap_or(rest).files.push((name, bytes));
        }
        let dialogs = Some(dialogs).filter(|part| !part.files.is_empty());
        let mut parts: Vec<Part> = [Some(lobby), dialogs, Some(package)].into_iter().flatten().chain(games).collect();
        for part in &mut parts {
            part.files.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        }
        let raw = files.iter().filter(|file| !file.name.ends_with(".br") && !file.name.ends_with(".gz"));
        let (files, raw_bytes) = raw.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.content.len()));
        Report { files, raw_bytes, parts, written }
    }
}

/// Whether a page loads this file only for this game.
fn is_of_game(file: &str, game: &str) -> bool {
    let rest = file.strip_prefix(game);
    rest.is_some_and(|rest| [".js", "_wasm.js", "_wasm_bg.wasm"].contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: usize) -> Asset {
        Asset { name: name.to_owned(), content: vec![0; bytes] }
    }

    fn division() -> Division {
        Division { games: vec!["arena".to_owned(), "swarm".to_owned()] }
    }

    fn package(bytes: usize) -> Vec<(String, usize)> {
        vec![("tickwire.js".to_owned(), bytes)]
    }

    fn files(wasm_bytes: usize) -> Vec<Asset> {
        vec![
            file("arena.01234567.js.br", 1000),
            file("arena_wasm.01234567.js.br", 2000),
            file("arena_wasm_bg.01234567.wasm.br", wasm_bytes),
            file("arena_wasm_bg.01234567.wasm", 300_000),
            file("arena_wasm_bg.01234567.wasm.gz", 110_000),
            file("arena_map.01234567.svg.br", 10),
            file("games.01234567.js.br", 500),
            file("index.html.br", 600),
            file("swarm.01234567.js.br", 1100),
            file("tickwire.01234567.js.br", 11_000),
        ]
    }

    #[test]
    fn a_game_costs_its_three_files_and_everything_else_is_the_lobby() {
        let report = division().report(&files(90_000), package(11_000), true);
        let sizes: Vec<(&str, usize)> =
            report.parts.iter().map(|part| (part.name.as_str(), part.brotli_bytes())).collect();
        assert_eq!(sizes, [("lobby", 12_110), ("package", 11_000), ("arena", 93_000), ("swarm", 1100)]);
        assert_eq!((report.files, report.raw_bytes), (1, 300_000));
        assert_eq!(report.check_budget(), Ok(()));
    }

    #[test]
    fn the_table_is_aligned_and_says_the_budgets() {
        let report = division().report(&files(117_001), package(11_000), false);
        let expected = "1 files, 300.0 KB, up to date; with brotli:\n  \
                        lobby     12.1 KB of  35.0 KB\n  \
                        package   11.0 KB of  12.0 KB\n  \
                        arena    120.0 KB of 120.0 KB, too much\n  \
                        swarm      1.1 KB of 120.0 KB";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn over_the_budget_the_parts_and_their_largest_files_are_named() {
        let mut files = files(118_000);
        assert_eq!(division().report(&files[1..], package(11_000), true).check_budget(), Ok(()));
        files.push(file("style.01234567.css.br", 30_000));
        let error = division().report(&files, package(11_000), true).check_budget().unwrap_err();
        let expected = "over the budget: \
                        lobby has 42.1 KB of 35.0 KB (style.css 30.0 KB, tickwire.js 11.0 KB, index.html 0.6 KB, \
                        games.js 0.5 KB); \
                        arena has 121.0 KB of 120.0 KB (arena_wasm_bg.wasm 118.0 KB, arena_wasm.js 2.0 KB, \
                        arena.js 1.0 KB)";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_package_over_its_budget_is_an_error_while_the_lobby_still_fits() {
        let report = division().report(&[], package(PACKAGE_BUDGET_BYTES + 1), true);
        let error = report.check_budget().unwrap_err();
        assert_eq!(error.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["package"]);
    }
}
