//! The decisions of `dev`: the work that a changed file asks for, and the order that follows on each piece of news.
//!
//! News in, orders out: no file, no process, no clock. Guarantees: there is one build at a time, a change during a build
//! is built after it, work that has failed is done again with the next change, and pages reload only once the server
//! that they need is up.

use std::path::{Path, PathBuf};

use crate::project::{is_aside, is_source};

/// The parts of a game that are built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    /// The server, and the module with the rules.
    pub(crate) rules: bool,
    /// The page's own files.
    pub(crate) page: bool,
}

impl Work {
    /// All of a game.
    pub(crate) const ALL: Self = Self { rules: true, page: true };

    /// This work and another one.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self { rules: self.rules || other.rules, page: self.page || other.page }
    }

    const fn is_none(self) -> bool {
        !self.rules && !self.page
    }
}

/// The folders whose files make the game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// The local packages that the game consists of.
    pub(crate) packages: Vec<PathBuf>,
    /// Folders with files of the page.
    pub(crate) page: Vec<PathBuf>,
    /// The lock file.
    pub(crate) lock: PathBuf,
}

impl Places {
    /// The work that a change of a file asks for.
    pub(crate) fn work_for(&self, path: &Path) -> Work {
        if path == self.lock {
            return Work { rules: true, page: false };
        }
        if let Some(inside) = self.page.iter().find_map(|folder| path.strip_prefix(folder).ok()) {
            return Work { rules: false, page: !is_aside(inside) };
        }
        // Of two packages, one of which is in the other's folder, the inner one has the file.
        let inside = self.packages.iter().filter_map(|folder| path.strip_prefix(folder).ok());
        let Some(inside) = inside.min_by_key(|inside| inside.components().count()) else { return Work::default() };
        Work { rules: is_source(inside), page: false }
    }
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// Files have changed, and for a moment no others.
    Changed(Work),
    /// The build has ended: well, or with the compiler's words.
    Built(Result<(), String>),
    /// The server takes connections.
    Listening,
    /// The server has ended by itself, with these last words.
    ServerEnded(String),
}

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Build this, under this number; [`News::Built`] tells the end.
    Build(Work, u64),
    /// Stop the server if there is one, and start the new one; [`News::Listening`] or [`News::ServerEnded`] follows.
    StartServer,
    /// Show this on the pages.
    Show(Status),
}

/// The state that pages show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// A build goes on.
    Building,
    /// There is something to be read.
    Failed(String),
    /// The build of this number is served: a page of another one reloads.
    Good(u64),
}

/// The state of a game that is being written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Core {
    /// The work that goes on.
    building: Option<Work>,
    /// The work that comes next.
    waiting: Work,
    /// Work that is not shown yet, because it has failed or a newer change is built first.
    unshown: Work,
    is_server_up: bool,
    /// The number of the build that has begun last.
    number: u64,
}

impl Core {
    /// A game of which nothing is built yet, and the first orders. All builds have numbers above `before`.
    pub(crate) fn new(before: u64) -> (Self, Vec<Order>) {
        let mut core = Self { number: before, ..Self::default() };
        let orders = core.handle(News::Changed(Work::ALL));
        (core, orders)
    }

    /// Takes in news, and gives the orders that follow.
    pub(crate) fn handle(&mut self, news: News) -> Vec<Order> {
        match news {
            News::Changed(work) => {
                self.waiting = self.waiting.with(work);
                if self.building.is_some() { Vec::new() } else { self.build() }
            }
            News::Built(result) => self.end_build(result),
            News::Listening => {
                self.is_server_up = true;
                self.show_good()
            }
            News::ServerEnded(words) => {
                self.is_server_up = false;
                vec![Order::Show(Status::Failed(words))]
            }
        }
    }

    fn build(&mut self) -> Vec<Order> {
        let work = std::mem::take(&mut self.waiting);
        if work.is_none() {
            return Vec::new();
        }
        // Work that has failed before is part of the next build, of the page too.
        let work = work.with(self.unshown);
        (self.building, self.unshown) = (Some(work), work);
        self.number += 1;
        vec![Order::Show(Status::Building), Order::Build(work, self.number)]
    }

    fn end_build(&mut self, result: Result<(), String>) -> Vec<Order> {
        self.building = None;
        if !self.waiting.is_none() {
            return self.build();
        }
        if let Err(words) = result {
            return vec![Order::Show(Status::Failed(words))];
        }
        let done = std::mem::take(&mut self.unshown);
        if done.rules || !self.is_server_up {
            self.is_server_up = false;
            return vec![Order::StartServer];
        }
        self.show_good()
    }

    fn show_good(&self) -> Vec<Order> {
        // A build that has begun meanwhile will tell its own end.
        if self.building.is_some() { Vec::new() } else { vec![Order::Show(Status::Good(self.number))] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Work = Work { rules: true, page: false };
    const PAGE: Work = Work { rules: false, page: true };

    fn places() -> Places {
        Places {
            packages: vec!["/g/duel".into(), "/tickwire/shared".into()],
            page: vec!["/g/duel/web".into(), "/tickwire/client-wasm/js".into()],
            lock: "/g/duel/Cargo.lock".into(),
        }
    }

    fn up() -> Core {
        let (mut core, _) = Core::new(0);
        core.handle(News::Built(Ok(())));
        core.handle(News::Listening);
        core
    }

    #[test]
    fn a_file_asks_for_the_work_that_it_is_part_of() {
        for (path, expected) in [
            ("/g/duel/src/lib.rs", RULES),
            ("/g/duel/src/bin/tools.rs", RULES),
            ("/g/duel/Cargo.toml", RULES),
            ("/g/duel/Cargo.lock", RULES),
            ("/tickwire/shared/src/game.rs", RULES),
            ("/g/duel/web/main.js", PAGE),
            ("/tickwire/client-wasm/js/pad.js", PAGE),
        ] {
            assert_eq!(places().work_for(Path::new(path)), expected, "{path}");
        }
        for path in [
            "/g/duel/README.md",
            "/g/duel/tests/rules.rs",
            "/g/duel/target/debug/duel",
            "/g/duel/.git/index",
            "/g/duel/src/.lib.rs.swp",
            "/g/duel/src/lib.rs~",
            "/g/duel/src/4913",
            "/g/duel/web/node_modules/three/index.js",
            "/elsewhere/src/lib.rs",
        ] {
            assert!(places().work_for(Path::new(path)).is_none(), "{path}");
        }
    }

    #[test]
    fn pages_reload_when_the_new_server_is_up_and_not_before() {
        let (mut core, orders) = Core::new(7);
        assert_eq!(orders, [Order::Show(Status::Building), Order::Build(Work::ALL, 8)]);
        assert_eq!(core.handle(News::Built(Ok(()))), [Order::StartServer]);
        assert_eq!(core.handle(News::Listening), [Order::Show(Status::Good(8))]);
        core.handle(News::Changed(RULES));
        assert_eq!(core.handle(News::Built(Ok(()))), [Order::StartServer]);
        assert_eq!(core.handle(News::Listening), [Order::Show(Status::Good(9))]);
    }

    #[test]
    fn a_change_of_the_page_alone_leaves_the_server_and_its_rooms() {
        let mut core = up();
        assert_eq!(core.handle(News::Changed(PAGE)), [Order::Show(Status::Building), Order::Build(PAGE, 2)]);
        assert_eq!(core.handle(News::Built(Ok(()))), [Order::Show(Status::Good(2))]);
    }

    #[test]
    fn a_change_during_a_build_is_built_after_it_and_the_older_build_is_not_shown() {
        let mut core = up();
        core.handle(News::Changed(RULES));
        assert_eq!(core.handle(News::Changed(PAGE)), []);
        let next = core.handle(News::Built(Ok(())));
        assert_eq!(next, [Order::Show(Status::Building), Order::Build(Work::ALL, 3)]);
        assert_eq!(core.handle(News::Built(Ok(()))), [Order::StartServer]);
    }

    #[test]
    fn what_has_failed_is_built_again_with_the_next_change() {
        let mut core = up();
        core.handle(News::Changed(RULES));
        let failed = Order::Show(Status::Failed("error".to_owned()));
        assert_eq!(core.handle(News::Built(Err("error".to_owned()))), [failed]);
        // The page is another matter; without the rules it would go out beside an old server.
        assert_eq!(core.handle(News::Changed(PAGE))[1], Order::Build(Work::ALL, 3));
        assert_eq!(core.handle(News::Built(Ok(()))), [Order::StartServer]);
    }

    #[test]
    fn a_server_that_ended_by_itself_is_started_again_by_any_change() {
        let mut core = up();
        let words = "the server ended: overflow".to_owned();
        assert_eq!(core.handle(News::ServerEnded(words.clone())), [Order::Show(Status::Failed(words))]);
        core.handle(News::Changed(PAGE));
        assert_eq!(core.handle(News::Built(Ok(()))), [Order::StartServer]);
    }

    #[test]
    fn a_server_that_is_up_during_the_next_build_shows_nothing_of_its_own() {
        let (mut core, _) = Core::new(0);
        core.handle(News::Built(Ok(())));
        core.handle(News::Changed(RULES));
        assert_eq!(core.handle(News::Listening), []);
    }
}
