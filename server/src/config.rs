//! The settings of an operator: command line over environment over file over default.
//!
//! [`Config`] and [`Settings`] come from one list, the call of `settings!` below: a line of it is a field of both, an
//! option of the command line, a variable of the environment and a key in the file. A line that ends with `live` can
//! change in a running server.

#[macro_use]
mod list;

mod addresses;
mod auth;
mod autopsy_folder;
mod base_path;
mod change;
mod check;
mod environment;
mod exposure;
mod file;
mod file_setting;
mod host_name;
mod journal_failure;
mod log_filter;
mod log_format;
mod nats_setting;
mod nearest;
mod page_folder;
mod page_origin;
mod seat_limit;
mod source;
mod trusted_proxies;

use crate::limits::{
    ADDRESSES_MAX, AFK_MINUTES, AUTOPSIES_MAX, AUTOPSIES_PER_HOUR, COMEBACKS_PER_MINUTE_MAX, DIVERGED_WAIT_SECONDS_MAX,
    FAILED_LOOKUPS_PER_MINUTE, FILL_SECONDS, JOINS_BURST, JOINS_PER_MINUTE, JOURNAL_BYTES, KEPT_BYTES_MAX,
    LOAD_PERCENT_MAX, LOG_LINES_PER_SECOND, MATCHES_PER_MINUTE, ORIGIN_DISPUTES_EXAMINED_MAX, ORIGIN_DISPUTES_MAX,
    PAGE_CONNECTIONS_MAX, PAGE_CONNECTIONS_PER_ADDRESS_MAX, PENDING_CONNECTIONS_MAX,
    PENDING_CONNECTIONS_PER_ADDRESS_MAX, PUBLISHERS_PER_ADDRESS, REPLAY_MS_MAX, RESERVATIONS_PER_ADDRESS_MAX,
    ROOMS_MAX, ROOMS_PER_HOUR, SEATED_CONNECTIONS_PER_ADDRESS_MAX, SEATS_PER_ADDRESS_LISTED, SECRET_GUESSES_PER_SECOND,
    SPECTATORS_MAX, SPECTATORS_PER_ADDRESS_MAX, SYNC_MS, TOPIC_GUESSES_PER_MINUTE, VISITORS_MAX, WORLD_SECONDS_MAX,
};
use crate::memory::default_budget_bytes;
pub use addresses::{AddressError, ListenAddress, OptionalListen};
pub use auth::{Auth, AuthError};
pub use autopsy_folder::AutopsyFolder;
pub use base_path::{BasePath, BasePathError};
pub use change::Change;
pub use check::{ConfigFault, ConfigFaults, Faults, RangeError};
use clap::Args;
use clap::builder::BoolishValueParser;
pub use environment::{VariableError, check_variables};
pub use exposure::Exposed;
pub(crate) use exposure::is_private;
pub use file::{FileError, FileFault};
pub use file_setting::FileSetting;
pub(crate) use host_name::Host;
pub use host_name::{HostName, HostNameError};
pub use journal_failure::{JournalFailure, JournalFailureError};
pub(crate) use log_filter::AUDIT;
pub use log_filter::{LogFilter, LogFilterError};
pub use log_format::{LogFormat, LogFormatError};
pub use nats_setting::{NatsAddressError, NatsAddresses, NatsSetting, ServiceName, ServiceNameError};
pub use nearest::Nearest;
pub use page_folder::PageFolder;
pub use page_origin::{PageOrigin, PageOriginError};
pub use seat_limit::{SeatLimit, SeatLimitError};
use serde::{Deserialize, Serialize};
pub use source::{SettingFault, SettingOrigin, SettingsError, SettingsSource};
use std::num::NonZeroUsize;
use toml::de::DeTable;
pub use trusted_proxies::{Network, NetworkError, TrustedProxies};

settings! {
    /// Address that players connect to; port 0 stands for any free one. Of a name such as localhost the first address
    /// that the server can have is taken. Default: 127.0.0.1:8080.
    listen: ListenAddress = ListenAddress::loopback(8080),
        option(long, env = "TICKWIRE_LISTEN", value_name = "ADDRESS:PORT");

    /// Address that serves operators: metrics and health. 0 or off for no such listener; port 0 stands for any free
    /// one. Default: 127.0.0.1:9090.
    admin_listen: OptionalListen = OptionalListen(Some(ListenAddress::loopback(9090))),
        option(long, env = "TICKWIRE_ADMIN_LISTEN", value_name = "ADDRESS:PORT");

    /// Threads that own rooms, 1 to 256. Default: one per core.
    shards: usize = std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        option(long, env = "TICKWIRE_SHARDS", value_name = "N");

    /// Another origin whose pages may connect, scheme and port included, such as `https://play.example`; repeatable.
    /// Default: none but the server's own.
    origins: Vec<PageOrigin> = Vec::new(),
        option(long = "origin", env = "TICKWIRE_ORIGINS", value_name = "ORIGIN", value_delimiter = ','), live;

    /// Whether pages without an origin of their own may connect: those in a sandboxed frame, and those that are opened
    /// from a file. Anybody can make such a page. Default: false.
    allow_null_origin: bool = false,
        option(
            long, env = "TICKWIRE_ALLOW_NULL_ORIGIN", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        ), live;

    /// Name under which the server may be called, without port, such as play.example, besides localhost, addresses in
    /// figures and the hosts of origins; repeatable. Default: none, which allows every name behind a proxy and on an
    /// address that is not loopback.
    hosts: Vec<HostName> = Vec::new(),
        option(long = "host", env = "TICKWIRE_HOSTS", value_name = "NAME", value_delimiter = ','), live;

    /// Path under which the page, the API and the WebSocket are, such as /play. The checks of health stay at the root.
    /// Default: /.
    base_path: BasePath = BasePath::default(),
        option(long, env = "TICKWIRE_BASE_PATH", value_name = "PATH");

    /// Networks of the proxies that are believed when they name a client's address, in X-Forwarded-For, Forwarded,
    /// X-Real-IP or the PROXY protocol, separated by commas; or none. Default: 127.0.0.0/8,::1.
    trusted_proxies: TrustedProxies = TrustedProxies::default(),
        option(long, env = "TICKWIRE_TRUSTED_PROXIES", value_name = "CIDR,..."), live;

    /// Whether every connection of a trusted proxy begins with a header of the PROXY protocol, version 1 or 2, as with
    /// send-proxy of HAProxy. Default: false.
    proxy_protocol: bool = false,
        option(
            long, env = "TICKWIRE_PROXY_PROTOCOL", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        );

    /// File with the certificate of the server's own TLS and those of its authorities, in PEM form, or off. It is read
    /// again when it changes and on SIGHUP. Default: off.
    tls_cert: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_TLS_CERT", value_name = "FILE");

    /// File with the private key of that certificate, in PEM form, or off. Other users may not read it. Default: off.
    tls_key: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_TLS_KEY", value_name = "FILE");

    /// Whether the server makes itself a certificate at each start, which browsers warn of: for trying. Default: false.
    tls_self_signed: bool = false,
        option(
            long, env = "TICKWIRE_TLS_SELF_SIGNED", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        );

    /// Whether a proxy with TLS is in front of the server, so that it may listen without TLS where other machines reach
    /// it. Default: false.
    behind_proxy: bool = false,
        option(
            long, env = "TICKWIRE_BEHIND_PROXY", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        );

    /// Whether the server takes in this machine and private networks only, so that it may listen without TLS where they
    /// reach it. Default: false.
    lan: bool = false,
        option(
            long, env = "TICKWIRE_LAN", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        );

    /// Origins whose pages may show the page in a frame, such as `https://portal.example`, separated by commas; repeatable.
    /// Default: none, which lets all of them.
    frame_ancestors: Vec<PageOrigin> = Vec::new(),
        option(
            long = "frame-ancestor", env = "TICKWIRE_FRAME_ANCESTORS", value_name = "ORIGIN", value_delimiter = ','
        );

    /// Folder of the page that people play on, or built-in for the one in the program. Default: built-in.
    page: PageFolder = PageFolder::BuiltIn,
        option(long, env = "TICKWIRE_PAGE", value_name = "FOLDER");

    /// Folder for autopsies, the reports on clients whose worlds differ from the server's, or off. It has to belong to
    /// the server's user, and nobody else may write to it. Default: tickwire/autopsies among the user's state files.
    autopsies: AutopsyFolder = AutopsyFolder::Default,
        option(long, env = "TICKWIRE_AUTOPSIES", value_name = "FOLDER");

    /// Folder in which rooms outlive the process, or off. A server that starts with it goes on with the rooms in it. It
    /// has to belong to the server's user, and serves one server at a time. Default: off.
    data: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_DATA", value_name = "FOLDER");

    /// Bytes that the journal in the folder of data may take. Default: 4294967296.
    journal_bytes_max: u64 = JOURNAL_BYTES,
        option(long, env = "TICKWIRE_JOURNAL_BYTES_MAX", value_name = "BYTES");

    /// Milliseconds after which the disk has what the journal has written, so that it outlives the machine too. What
    /// outlives the process does not wait for it. Default: 25.
    sync_ms: u32 = SYNC_MS,
        option(long, env = "TICKWIRE_SYNC_MS", value_name = "MS");

    /// Milliseconds that the ticks of a shard since its newest whole worlds may take to be played again after a crash, about,
    /// 100 to 3000: with fewer, rooms are written whole more often. Default: 800.
    journal_replay_ms_max: u32 = REPLAY_MS_MAX,
        option(long, env = "TICKWIRE_JOURNAL_REPLAY_MS_MAX", value_name = "MS");

    /// Seconds of play after which a room is written whole again, about, 5 to 3600. Default: 10.
    journal_world_seconds_max: u32 = WORLD_SECONDS_MAX,
        option(long, env = "TICKWIRE_JOURNAL_WORLD_SECONDS_MAX", value_name = "SECONDS");

    /// What happens when the disk does not take the journal: rooms play on without it, or the server stops. Default:
    /// play.
    on_journal_failure: JournalFailure = JournalFailure::Play,
        option(long, env = "TICKWIRE_ON_JOURNAL_FAILURE", value_name = "play|stop");

    /// Servers of NATS by which several nodes are one service, such as nats://10.0.0.5:4222, with commas between them; or
    /// off. It needs data, peer_listen and peer_key. Default: off.
    nats: NatsSetting = NatsSetting::Off,
        option(long, env = "TICKWIRE_NATS", value_name = "URL,...");

    /// Name of the service whose nodes are to find each other, such as tw-staging: nodes of different names know nothing of
    /// each other. Default: tw.
    service: ServiceName = ServiceName::default(),
        option(long, env = "TICKWIRE_SERVICE", value_name = "NAME");

    /// Address and port at which other nodes of the same service bring players whose rooms are here, or off. It needs
    /// peer_key, and has to be one that the internet does not reach. Default: off.
    peer_listen: OptionalListen = OptionalListen(None),
        option(long, env = "TICKWIRE_PEER_LISTEN", value_name = "ADDRESS:PORT");

    /// Address and port under which other nodes reach peer_listen, or off when they reach it under its own. Default: off.
    peer_address: OptionalListen = OptionalListen(None),
        option(long, env = "TICKWIRE_PEER_ADDRESS", value_name = "ADDRESS:PORT");

    /// File with the key by which nodes of one service know each other, or off: 32 to 128 characters in a line, the same at
    /// all nodes. Other users may not read it. Default: off.
    peer_key: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_PEER_KEY", value_name = "FILE");

    /// File with the token by which services publish to topics and mute players on the operators' port, or off. It has
    /// at least 16 characters, and other users may not read it. Default: off.
    topics_token_file: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_TOPICS_TOKEN_FILE", value_name = "FILE"), live;

    /// File with the operators who may look at the dashboard or act on it, one in a line: ROLE NAME TOKEN, where the role
    /// is look or act; or off. Other users may not read it. It is read again when it changes. Default: off, with which
    /// everybody on this machine may look and nobody may act.
    operators_file: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_OPERATORS_FILE", value_name = "FILE");

    /// Proof of identity that players bring: open for none, under any name; ticket for tickets of your backend, which
    /// need ticket_keys. Default: open.
    auth: Auth = Auth::Open,
        option(long, env = "TICKWIRE_AUTH", value_name = "MODE");

    /// File with the public keys of tickets, one in a line, as `mint --new-key` prints it; or off. It is read again when
    /// it changes and on SIGHUP. Default: off.
    ticket_keys: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_TICKET_KEYS", value_name = "FILE");

    /// File with the addresses that are told about rooms, players and results, one in a line with the secrets that sign
    /// for it, as in `https://studio.example/hook whsec_…`; or off. Other users may not read it. Default: off.
    webhooks_file: FileSetting = FileSetting::Off,
        option(long, env = "TICKWIRE_WEBHOOKS_FILE", value_name = "FILE");

    /// Whether to offer the games that exist to be measured. One room of them can take a whole core. Default: false.
    benchmark_games: bool = false,
        option(
            long, env = "TICKWIRE_BENCHMARK_GAMES", value_name = "BOOL", value_parser = BoolishValueParser::new(),
            num_args = 0..=1, require_equals = true, default_missing_value = "true"
        );

    /// Seats that people from one address may have in a listed room or a quick match, held seats included: 1 to 255, or
    /// all-but-one. Default: 4.
    seats_per_address_listed: SeatLimit = SeatLimit::Seats(SEATS_PER_ADDRESS_LISTED),
        option(long, env = "TICKWIRE_SEATS_PER_ADDRESS_LISTED", value_name = "N"), live;

    /// The same in a room that is entered by an unlisted code: its players were invited, and friends may be behind one
    /// router. Default: all-but-one.
    seats_per_address_unlisted: SeatLimit = SeatLimit::AllButOne,
        option(long, env = "TICKWIRE_SEATS_PER_ADDRESS_UNLISTED", value_name = "N"), live;

    /// Spectators that a room may have, 0 to 1024. Default: 64.
    spectators_max: usize = SPECTATORS_MAX,
        option(long, env = "TICKWIRE_SPECTATORS_MAX", value_name = "N"), live;

    /// Spectators of one room that one address may have, 0 to 1024. Default: 16.
    spectators_per_address: usize = SPECTATORS_PER_ADDRESS_MAX,
        option(long, env = "TICKWIRE_SPECTATORS_PER_ADDRESS", value_name = "N"), live;

    /// Seats that quick matches keep at the same time for one address whose players are on the way, 1 to 1000000.
    /// Default: 4.
    reservations_per_address: usize = RESERVATIONS_PER_ADDRESS_MAX,
        option(long, env = "TICKWIRE_RESERVATIONS_PER_ADDRESS", value_name = "N"), live;

    /// Times per minute that one address may enter one room in the long run, 1 to 1000000. Default: 30.
    joins_per_address_per_minute: u32 = JOINS_PER_MINUTE,
        option(long, env = "TICKWIRE_JOINS_PER_ADDRESS_PER_MINUTE", value_name = "N"), live;

    /// Times that one address may enter one room at once, 1 to 1000000. Default: 24.
    joins_per_address_burst: u32 = JOINS_BURST,
        option(long, env = "TICKWIRE_JOINS_PER_ADDRESS_BURST", value_name = "N"), live;

    /// Times per minute that a player may come back into the seat, 1 to 1000000. Default: 30.
    comebacks_per_seat_per_minute: u32 = COMEBACKS_PER_MINUTE_MAX,
        option(long, env = "TICKWIRE_COMEBACKS_PER_SEAT_PER_MINUTE", value_name = "N"), live;

    /// Rooms that one address may create per hour, 1 to 1000000. Default: 10.
    rooms_per_address_per_hour: u32 = ROOMS_PER_HOUR,
        option(long, env = "TICKWIRE_ROOMS_PER_ADDRESS_PER_HOUR", value_name = "N"), live;

    /// Quick matches that one address may ask for per minute, 1 to 1000000. Default: 20.
    matches_per_address_per_minute: u32 = MATCHES_PER_MINUTE,
        option(long, env = "TICKWIRE_MATCHES_PER_ADDRESS_PER_MINUTE", value_name = "N"), live;

    /// Codes without a room that one address may ask for per minute, in requests and in hellos apart, 1 to 1000000. It
    /// bounds the guessing of codes. Default: 10.
    failed_lookups_per_address_per_minute: u32 = FAILED_LOOKUPS_PER_MINUTE,
        option(long, env = "TICKWIRE_FAILED_LOOKUPS_PER_ADDRESS_PER_MINUTE", value_name = "N"), live;

    /// Minutes for which the input of a player may stay the same while others are in the room, 0 to 1440; then the player
    /// is removed. 0 for no such limit. Default: 10.
    afk_minutes: u32 = AFK_MINUTES,
        option(long, env = "TICKWIRE_AFK_MINUTES", value_name = "MINUTES"), live;

    /// Wrong secrets of private rooms that the server looks at per second, from all addresses, 1 to 1000000.
    /// Default: 10.
    secret_guesses_per_second: u32 = SECRET_GUESSES_PER_SECOND,
        option(long, env = "TICKWIRE_SECRET_GUESSES_PER_SECOND", value_name = "N"), live;

    /// Disputes of one address in one room within five minutes in which the room looks for the difference, 1 to
    /// 1000000; in further ones it sends a keyframe at once. Default: 8.
    examined_disputes_per_address: u32 = ORIGIN_DISPUTES_EXAMINED_MAX,
        option(long, env = "TICKWIRE_EXAMINED_DISPUTES_PER_ADDRESS", value_name = "N"), live;

    /// Disputes of one address in one room within five minutes, 1 to 1000000; with one more the client is closed.
    /// Default: 24.
    disputes_per_address: u32 = ORIGIN_DISPUTES_MAX,
        option(long, env = "TICKWIRE_DISPUTES_PER_ADDRESS", value_name = "N"), live;

    /// The longest time in seconds for which an address may not enter a room again whose clients there keep differing,
    /// 1 to 24. Default: 20.
    diverged_wait_seconds_max: u32 = DIVERGED_WAIT_SECONDS_MAX,
        option(long, env = "TICKWIRE_DIVERGED_WAIT_SECONDS_MAX", value_name = "SECONDS"), live;

    /// Autopsies of clients of one address that the server writes per hour, 1 to 1000000. Default: 16.
    autopsies_per_address_per_hour: u32 = AUTOPSIES_PER_HOUR,
        option(long, env = "TICKWIRE_AUTOPSIES_PER_ADDRESS_PER_HOUR", value_name = "N"), live;

    /// Autopsies that the server writes in all, 1 to 1000000. Default: 1000.
    autopsies_max: usize = AUTOPSIES_MAX,
        option(long, env = "TICKWIRE_AUTOPSIES_MAX", value_name = "N"), live;

    /// Connections in rooms that one address may have, 1 to 1000000. Default: 64.
    seated_connections_per_address: u32 = SEATED_CONNECTIONS_PER_ADDRESS_MAX,
        option(long, env = "TICKWIRE_SEATED_CONNECTIONS_PER_ADDRESS", value_name = "N"), live;

    /// Connections without a request or a hello that one address may have, 1 to 1000000; with one more the oldest makes
    /// room. Default: 20.
    pending_connections_per_address: usize = PENDING_CONNECTIONS_PER_ADDRESS_MAX,
        option(long, env = "TICKWIRE_PENDING_CONNECTIONS_PER_ADDRESS", value_name = "N"), live;

    /// Such connections of all addresses, 16 to 1000000, and at most an eighth of the files that the process may have.
    /// Default: 4096.
    pending_connections_max: usize = PENDING_CONNECTIONS_MAX,
        option(long, env = "TICKWIRE_PENDING_CONNECTIONS_MAX", value_name = "N"), live;

    /// Connections that load pages that one address may have, 1 to 1000000; with one more the oldest makes room.
    /// Default: 256.
    page_connections_per_address: usize = PAGE_CONNECTIONS_PER_ADDRESS_MAX,
        option(long, env = "TICKWIRE_PAGE_CONNECTIONS_PER_ADDRESS", value_name = "N"), live;

    /// Such connections of all addresses, 16 to 1000000, and at most an eighth of the files that the process may have.
    /// Default: 4096.
    page_connections_max: usize = PAGE_CONNECTIONS_MAX,
        option(long, env = "TICKWIRE_PAGE_CONNECTIONS_MAX", value_name = "N"), live;

    /// Addresses whose usage is remembered per limit, 256 to 16777216. It bounds the memory that a flood from many
    /// addresses takes. Default: 65536.
    addresses_max: usize = ADDRESSES_MAX,
        option(long, env = "TICKWIRE_ADDRESSES_MAX", value_name = "N"), live;

    /// Rooms that the server may have, 1 to 65536; requests for a further one are answered with 503. Default: 4096.
    rooms_max: usize = ROOMS_MAX,
        option(long, env = "TICKWIRE_ROOMS_MAX", value_name = "N"), live;

    /// Bytes of memory that the process may use before it makes no further room; requests for one are then answered
    /// with 503. Default: half of the memory of the machine, or of the control group in which the server runs.
    memory_bytes_max: u64 = default_budget_bytes(),
        option(long, env = "TICKWIRE_MEMORY_BYTES_MAX", value_name = "BYTES");

    /// Percent of a core that a shard may use before it takes in no further room, 1 to 100. Default: 80.
    load_percent_max: u32 = LOAD_PERCENT_MAX,
        option(long, env = "TICKWIRE_LOAD_PERCENT_MAX", value_name = "PERCENT");

    /// Headers that a request may have, 32 to 1000; a request with more is answered with 431. Default: 100.
    request_headers_max: usize = 100,
        option(long, env = "TICKWIRE_REQUEST_HEADERS_MAX", value_name = "N"), live;

    /// Bytes that the head of a request may have, 8192 to 1048576; a larger head is answered with 431. A browser may
    /// send the cookies of a whole domain. Default: 32768.
    request_head_bytes_max: usize = 32_768,
        option(long, env = "TICKWIRE_REQUEST_HEAD_BYTES_MAX", value_name = "BYTES"), live;

    /// Connections without a room that the server may have, 16 to 1000000: pages in the lobby, and programs that hear
    /// topics. A further one is closed with 1013. Default: 8192.
    visitors_max: usize = VISITORS_MAX,
        option(long, env = "TICKWIRE_VISITORS_MAX", value_name = "N");

    /// Bytes of all messages of topics that are kept for those who come later, 0 to 1073741824; beyond that new ones
    /// are delivered and not kept. Default: 33554432.
    topic_bytes_max: usize = KEPT_BYTES_MAX,
        option(long, env = "TICKWIRE_TOPIC_BYTES_MAX", value_name = "BYTES");

    /// Players who may share one address when they write: it may publish as often as so many of them, 1 to 1000000.
    /// Default: 5.
    publishers_per_address: u32 = PUBLISHERS_PER_ADDRESS,
        option(long, env = "TICKWIRE_PUBLISHERS_PER_ADDRESS", value_name = "N");

    /// Codes of rooms whose topics one address may try in vain per minute, 1 to 1000000. Default: 20.
    topic_guesses_per_address_per_minute: u32 = TOPIC_GUESSES_PER_MINUTE,
        option(long, env = "TICKWIRE_TOPIC_GUESSES_PER_ADDRESS_PER_MINUTE", value_name = "N");

    /// Seconds for which a quick match waits for people before bots take the free seats, 0 to 600. Default: 2.
    fill_seconds: u32 = FILL_SECONDS,
        option(long, env = "TICKWIRE_FILL_SECONDS", value_name = "SECONDS"), live;

    /// Form of the log: text for people, json for programs, one object in a line. Default: text.
    log_format: LogFormat = LogFormat::Text,
        option(long, env = "TICKWIRE_LOG_FORMAT", value_name = "FORM");

    /// Lines per second that the log may have of each kind, 1 to 1000000; a line says how many more there were.
    /// Default: 50.
    log_lines_per_second: u32 = LOG_LINES_PER_SECOND,
        option(long, env = "TICKWIRE_LOG_LINES_PER_SECOND", value_name = "N"), live;

    /// Filter for the log of the program: error, warn, info, debug, trace or off, or such levels by module, as in
    /// warn,tickwire_server=debug. Default: info.
    log: LogFilter = LogFilter::default(),
        option(long, env = "TICKWIRE_LOG", value_name = "FILTER"), live;
}

impl Config {
    /// Free ports of the loopback address and one shard: for tests and load tests, of which several may run at once.
    /// No autopsies are written.
    #[must_use]
    pub fn on_free_ports() -> Self {
        Self {
            listen: ListenAddress::loopback(0),
            admin_listen: OptionalListen(Some(ListenAddress::loopback(0))),
            shards: 1,
            autopsies: AutopsyFolder::Off,
            ..Self::default()
        }
    }

    /// Whether pages with this `Origin` header may connect from elsewhere.
    pub(crate) fn admits_origin(&self, header: &str) -> bool {
        self.origins.iter().any(|origin| origin.is(header)) || self.allow_null_origin && header == "null"
    }
}

#[cfg(test)]
mod tests;
