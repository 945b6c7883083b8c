//! `cargo tickwire dev`: builds, serves, watches, and shows the result of each change on the page.
//!
//! `core` decides and knows no file or process; this file and the modules below carry out its orders: `watch` sees
//! changes, `server` runs the game's server, `hub` tells the pages, and `page` makes their folder. Guarantees: everything
//! listens on loopback alone, every wait has an end, and the server ends with the tool. Matches outlive both: a game that
//! was built again goes on with them.

mod core;
mod hub;
mod page;
mod server;
mod watch;
mod words;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use self::core::{Core, News, Order, Status, Work};
use self::hub::Hub;
use self::server::Server;
use crate::command::say;
use crate::play::matches_folder;
use crate::program::{Profile, build_server};
use crate::toolchain::Source;
use crate::wasm::Flavour;
use crate::{BuildError, BuildOptions, Project};

/// The words for a fault of this program itself.
const PANICKED: &str = "cargo tickwire itself has failed, see the terminal; the next change is built again";

/// Reasons why a game cannot be developed.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The sources cannot be watched.
    #[error("the sources of the game cannot be watched")]
    Watch(#[from] notify::Error),
    /// The WebSocket for pages cannot be opened.
    #[error("no port for the page's news could be opened")]
    Hub(#[source] io::Error),
    /// Ctrl-C cannot be caught.
    #[error("the signals that end this program cannot be caught")]
    Signals(#[from] ctrlc::Error),
}

/// Something for the loop: news for the core, or the end.
enum Message {
    News(News),
    /// The server with this number tells something.
    OfServer(u64, News),
    /// The build has ended, with the server's program.
    Built(Result<PathBuf, String>),
    Stop,
}

/// Builds and serves a game on a port of this machine until Ctrl-C, and again after each change.
///
/// # Errors
/// See [`DevError`]. A game that does not compile is none: its author reads why, and goes on.
pub fn develop(project: &Project, source: Source, port: u16, open: bool) -> Result<(), DevError> {
    let (sender, messages) = mpsc::channel();
    let stop = sender.clone();
    ctrlc::set_handler(move || {
        // When nobody listens any more, the program ends already.
        let _ = stop.send(Message::Stop);
    })?;
    let hub = Hub::start(port).map_err(DevError::Hub)?;
    let _watcher = watch::start(project, sender.clone())?;
    let develop = Develop {
        project: project.clone(),
        source,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        hub,
        sender,
        program: None,
        server: None,
        servers: 0,
        open,
        begun: Instant::now(),
    };
    develop.run(&messages);
    Ok(())
}

/// A game that is being developed.
struct Develop {
    project: Project,
    source: Source,
    address: SocketAddr,
    hub: Hub,
    sender: Sender<Message>,
    /// The server's program that was built last.
    program: Option<PathBuf>,
    server: Option<Server>,
    /// How many servers were started: news of an older one does not count.
    servers: u64,
    /// Whether the page is to be opened once it is there.
    open: bool,
    /// The begin of the work that is shown next.
    begun: Instant,
}

impl Develop {
    fn run(mut self, messages: &Receiver<Message>) {
        // Pages tell builds apart by their numbers, those of an earlier call of this tool too.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (mut core, orders) = Core::new(since << 12);
        self.carry_out(orders);
        for message in messages {
            let news = match message {
                Message::Stop => break,
                Message::OfServer(number, _) if number != self.servers => continue,
                Message::News(news) | Message::OfServer(_, news) => news,
                Message::Built(result) => News::Built(result.map(|program| self.program = Some(program))),
            };
            if news == News::Listening {
                self.tell_address();
            }
            let orders = core.handle(news);
            self.carry_out(orders);
        }
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Build(work, number) => self.build(work, number),
                Order::StartServer => self.start_server(),
                Order::Show(status) => self.show(&status),
            }
        }
    }

    fn build(&mut self, work: Work, number: u64) {
        self.begun = Instant::now();
        let (project, source, sender) = (self.project.clone(), self.source, self.sender.clone());
        let script = page::Script { port: self.hub.port(), number };
        // Without new rules the program is the one of the last build.
        let program = self.program.clone().filter(|_| !work.rules);
        thread::spawn(move || {
            let work = || build(&project, source, program, script);
            // Without an end of this build there would never be another one.
            let built = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(PANICKED.to_owned()));
            // When nobody listens any more, the program ends already.
            let _ = sender.send(Message::Built(built));
        });
    }

    fn start_server(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let Some(program) = &self.program else { return };
        self.servers += 1;
        let (number, sender) = (self.servers, self.sender.clone());
        let tell = move |news| {
            // As above.
            let _ = sender.send(Message::OfServer(number, news));
        };
        // The server before has ended, so that this one goes on with its matches.
        let matches = matches_folder(program, self.address.port(), self.project.target());
        match Server::start(program, self.address, &page::folder(&self.project), matches.as_deref(), tell.clone()) {
            Ok(server) => self.server = Some(server),
            Err(error) => tell(News::ServerEnded(format!("the server could not be started: {error}"))),
        }
    }

    fn show(&self, status: &Status) {
        match status {
            Status::Building => {}
            Status::Failed(words) => say(&format!("{words}\nwaiting for a change…")),
            Status::Good(_) => {
                say(&format!("shown after {:.1} s; waiting for a change…", self.begun.elapsed().as_secs_f32()));
            }
        }
        self.hub.show(status);
    }

    fn tell_address(&mut self) {
        say(&format!("play at http://{}", self.address));
        if std::mem::take(&mut self.open) {
            let port = self.address.port();
            thread::spawn(move || crate::open_when_up(port));
        }
    }
}

/// Builds what has changed, and gives the server's program.
fn build(project: &Project, source: Source, program: Option<PathBuf>, script: page::Script) -> Result<PathBuf, String> {
    // The manifest and the lock file may be what has changed.
    let project = &project.renewed().map_err(|error| words::of_error(&error))?;
    let built = program.map_or_else(|| build_server(project, Profile::Dev), Ok);
    let program = built.map_err(|error| words::of_error(&error))?;
    let options = BuildOptions { flavour: Flavour::Dev, program: Some(program.clone()), ..BuildOptions::default() };
    let page = crate::build(project, source, &options);
    page.map_err(|error: BuildError| words::of_error(&error))?;
    page::make(project, script).map_err(|error| words::of_error(&error))?;
    Ok(program)
}
