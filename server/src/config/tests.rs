//! The list of settings, and the words that an operator may write.

use super::*;
use clap::{Command, CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

fn file(text: &str) -> Result<Settings, Faults<FileFault>> {
    let (settings, faults) = Settings::parse(Path::new("tickwire.toml"), text);
    Faults::check(faults).map(|()| settings)
}

/// The words for an error, those of its source included.
fn words(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn command_line(words: &[&str]) -> Result<Settings, String> {
    let words = ["tickwire"].iter().chain(words);
    let matches = Line::command().try_get_matches_from(words).map_err(|error| error.to_string())?;
    Line::from_arg_matches(&matches).map(|line| line.settings).map_err(|error| error.to_string())
}

fn variables(pairs: &[(&str, &str)]) -> Result<(), VariableError> {
    check_variables(pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

#[test]
fn every_setting_is_an_option_a_variable_and_a_key() {
    let command: Command = Line::command();
    let options: Vec<_> = command.get_arguments().collect();
    assert_eq!(options.len(), Settings::NAMES.len(), "no option is outside of the list");
    let defaults: toml::Table = toml::from_str(&Config::default().to_toml()).unwrap();
    assert_eq!(defaults.len(), Settings::NAMES.len());
    for (name, option) in Settings::NAMES.iter().zip(options) {
        assert_eq!(option.get_id(), name);
        let dashed = name.replace('_', "-");
        assert!(option.get_long().is_some_and(|long| dashed == long || dashed == format!("{long}s")), "{name}");
        let variable = format!("TICKWIRE_{}", name.to_uppercase());
        assert_eq!(option.get_env(), Some(OsString::from(&variable).as_os_str()));
        assert_eq!(variables(&[(&variable, "")]), Ok(()));
        assert!(option.get_help().is_some_and(|help| help.to_string().contains("Default:")), "{name}");
        assert!(defaults.contains_key(*name), "{name}");
    }
}

#[test]
fn a_printed_configuration_is_read_again_as_the_same() {
    let changed = file(
        "listen = \"localhost:80\"\nadmin_listen = \"off\"\nshards = 3\norigins = [\"https://a\"]\nbase_path = \"/a/\"\nautopsies = \"/x\"\ntopics_token_file = \"/y\"\noperators_file = \"/z\"\n\
         benchmark_games = true\ntrusted_proxies = []\nallow_null_origin = true\nlog = \"warn,tickwire_server=debug\"",
    );
    for config in [Config::default(), changed.unwrap().into_config()] {
        assert_eq!(file(&config.to_toml()).unwrap().into_config(), config);
    }
}

#[test]
fn a_setting_of_the_command_line_wins_over_the_file() {
    let file = file("listen = \"0.0.0.0:80\"\nadmin_listen = \"off\"\nshards = 3").unwrap();
    let config = command_line(&["--shards", "1"]).unwrap().or(file).into_config();
    assert_eq!(config.listen.resolve().unwrap(), [SocketAddr::from(([0, 0, 0, 0], 80))]);
    assert_eq!((config.admin_listen, config.shards), (OptionalListen(None), 1));
}

#[test]
fn the_limits_of_a_request_head_are_settings_with_defaults() {
    let config = Settings::default().into_config();
    assert_eq!((config.request_headers_max, config.request_head_bytes_max), (100, 32_768));
    let file = file("request_headers_max = 40\nrequest_head_bytes_max = 9000").unwrap();
    let config = command_line(&["--request-headers-max", "50"]).unwrap().or(file).into_config();
    assert_eq!((config.request_headers_max, config.request_head_bytes_max), (50, 9_000));
}

#[test]
fn a_number_out_of_its_range_is_named_with_its_range() {
    for (text, expected) in [
        ("shards = 0", "shards has to be 1 to 256, not 0"),
        ("request_headers_max = 5", "request_headers_max has to be 32 to 1000, not 5"),
        ("rooms_max = 65537", "rooms_max has to be 1 to 65536, not 65537"),
        ("spectators_max = 1025", "spectators_max has to be 0 to 1024, not 1025"),
        ("pending_connections_max = 15", "pending_connections_max has to be 16 to 1000000, not 15"),
        ("addresses_max = 255", "addresses_max has to be 256 to 16777216, not 255"),
        ("diverged_wait_seconds_max = 25", "diverged_wait_seconds_max has to be 1 to 24, not 25"),
        ("request_head_bytes_max = 8191", "request_head_bytes_max has to be 8192 to 1048576, not 8191"),
    ] {
        let refused = file(text).unwrap().into_config().check();
        assert_eq!(refused.map_err(|error| error.to_string()), Err(expected.into()));
    }
    assert_eq!(Config::default().check(), Ok(()));
}

#[test]
fn every_limit_per_address_is_at_least_one() {
    let limits = Settings::NAMES.iter().filter(|name| name.contains("_per_address") || name.contains("_per_seat"));
    // Of spectators there may be none, and a limit of seats has its own words.
    let limits: Vec<_> = limits.filter(|name| !name.starts_with("seats_") && !name.starts_with("spectators")).collect();
    assert_eq!(limits.len(), 15, "{limits:?}");
    for name in limits {
        for (value, is_fine) in [(0, false), (1, true), (1_000_000, true), (1_000_001, false)] {
            let checked = file(&format!("{name} = {value}")).unwrap().into_config().check();
            assert_eq!(checked.is_ok(), is_fine, "{name} = {value}");
            assert!(checked.is_ok() || checked.is_err_and(|error| error.to_string().starts_with(name)));
        }
    }
}

#[test]
fn proxies_may_be_a_list_or_words_or_none() {
    let expected: TrustedProxies = "10.0.0.0/8,::1".parse().unwrap();
    for text in ["trusted_proxies = [\"10.0.0.0/8\", \"::1\"]", "trusted_proxies = \"10.0.0.0/8, ::1\""] {
        assert_eq!(file(text).unwrap().trusted_proxies, Some(expected.clone()), "{text}");
    }
    assert_eq!(command_line(&["--trusted-proxies", "10.0.0.0/8,::1"]).unwrap().trusted_proxies, Some(expected));
    let none = "none".parse().ok();
    assert_eq!(file("trusted_proxies = []").unwrap().trusted_proxies, none);
    assert_eq!(command_line(&["--trusted-proxies", "none"]).unwrap().trusted_proxies, none);
    for text in ["trusted_proxies = [\"proxy\"]", "trusted_proxies = \"\"", "trusted_proxies = 10"] {
        assert!(file(text).is_err(), "{text}");
    }
}

#[test]
fn an_origin_of_another_form_is_refused_everywhere() {
    for text in ["*", "play.example", "https://play.example/", "https://play.example/game"] {
        let refused = command_line(&["--origin", text]);
        assert!(refused.is_err_and(|error| error.contains("such as https://play.example")), "{text}");
        let refused = file(&format!("origins = [\"{text}\"]")).unwrap_err();
        assert!(words(&refused).contains("such as https://play.example"), "{text}: {}", words(&refused));
    }
    assert!(command_line(&["--origin", "null"]).is_err_and(|error| error.contains("--allow-null-origin")));
    let origins = command_line(&["--origin", "https://a,https://b:443"]).unwrap().origins.unwrap();
    assert_eq!(origins.iter().map(ToString::to_string).collect::<Vec<_>>(), ["https://a", "https://b"]);
}

#[test]
fn a_misspelt_key_is_named_with_the_nearest_one_and_a_bad_value_with_its_line() {
    for (text, expected) in [
        ("lissten = \"0.0.0.0:80\"", "did you mean listen?"),
        ("admin-listen = \"off\"", "did you mean admin_listen?"),
        ("origin = []", "did you mean origins?"),
        ("colour = 1", "--help lists them all"),
    ] {
        let refused = file(text).unwrap_err();
        assert!(words(&refused).contains(expected), "{text}: {}", words(&refused));
    }
    for text in ["shards = 2\nlisten = \"somewhere\"", "shards = 2\nlog = \"loud\"", "shards = 2\nlisten"] {
        let refused = file(text).unwrap_err();
        assert!(words(&refused).contains("line 2"), "{text}: {}", words(&refused));
    }
}

#[test]
fn a_misspelt_variable_is_named_with_the_nearest_one() {
    for (name, expected) in [
        ("TICKWIRE_LISTN", "TICKWIRE_LISTN, which is no setting: did you mean TICKWIRE_LISTEN?"),
        ("TICKWIRE_ORIGIN", "did you mean TICKWIRE_ORIGINS?"),
        ("TICKWIRE_CONFG", "did you mean TICKWIRE_CONFIG?"),
        ("TICKWIRE_PORT", "TICKWIRE_PORT, which is no setting"),
    ] {
        let refused = variables(&[("PATH", "/bin"), (name, "8080")]).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

#[test]
fn variables_of_tests_and_of_services_in_a_cluster_are_left_alone() {
    let others = [
        ("TICKWIRE_CONFIG", "tickwire.toml"),
        ("TICKWIRE_ENGINE", "firefox"),
        ("TICKWIRE_NATS_SERVER", "nats-server"),
        ("TICKWIRE_PYTHON", "python3"),
        ("TICKWIRE_SEEDS", "5"),
        ("TICKWIRE_SCREENSHOTS", "pictures"),
        ("MY_TICKWIRE_LISTN", "x"),
        ("TICKWIRE_PORT", "tcp://10.0.0.7:8080"),
        ("TICKWIRE_PORT_8080_TCP", "tcp://10.0.0.7:8080"),
        ("TICKWIRE_PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("TICKWIRE_SERVICE_HOST", "10.0.0.7"),
        ("TICKWIRE_SERVICE_PORT_HTTP", "8080"),
    ];
    assert_eq!(variables(&others), Ok(()));
}

#[test]
fn an_address_may_have_the_name_of_a_host() {
    for text in ["127.0.0.1:8080", "[::1]:8080"] {
        assert_eq!(text.parse::<ListenAddress>().unwrap().resolve().ok(), address(text).map(|address| vec![address]));
    }
    let local: ListenAddress = "localhost:8080".parse().unwrap();
    assert_eq!(local.to_string(), "localhost:8080");
    let found = local.resolve().unwrap();
    assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback() && address.port() == 8080));
    for text in ["8080", "localhost", ":8080", "localhost:", "localhost:http", "a b:1", "1.2.3:80", "localhost:70000"] {
        assert!(text.parse::<ListenAddress>().is_err(), "{text}");
    }
}

#[test]
fn the_admin_listener_can_be_off_in_each_place() {
    for text in ["admin_listen = 0", "admin_listen = \"0\"", "admin_listen = \"off\""] {
        assert_eq!(file(text).unwrap().admin_listen, Some(OptionalListen(None)), "{text}");
    }
    for text in ["0", "off"] {
        assert_eq!(command_line(&["--admin-listen", text]).unwrap().admin_listen, Some(OptionalListen(None)), "{text}");
    }
    assert!(file("admin_listen = \"localhost:0\"").is_ok_and(|settings| settings.admin_listen.unwrap().0.is_some()));
    assert!(file("admin_listen = 9090").is_err_and(|error| words(&error).contains("9090")));
    assert!(command_line(&["--admin-listen", "9090"]).is_err());
}

#[test]
fn an_unknown_level_of_the_log_is_refused_with_the_known_ones() {
    for text in ["loud", "tickwire_server", "info,loud", "tickwire_server=loud", "", "info,,warn", "a=b=c"] {
        let refused = text.parse::<LogFilter>().map_err(|error| error.to_string());
        assert!(
            refused.as_ref().is_err_and(|error| error.contains("error, warn, info, debug, trace or off")),
            "{text}"
        );
    }
    for text in ["info", "WARN", "off", "3", "warn,tickwire_server=debug", "warn, hyper=trace", "[request{id=1}]=debug"]
    {
        assert!(text.parse::<LogFilter>().is_ok(), "{text}");
    }
    assert!(command_line(&["--log", "loud"]).is_err_and(|error| error.contains("debug")));
    assert_eq!(file("log = \"debug\"").unwrap().log, "debug".parse().ok());
}

#[test]
fn benchmark_games_are_off_unless_asked_for() {
    assert!(!Config::default().benchmark_games);
    for words in [&["--benchmark-games"][..], &["--benchmark-games=true"], &["--benchmark-games=1"]] {
        assert_eq!(command_line(words).unwrap().benchmark_games, Some(true), "{words:?}");
    }
    assert_eq!(command_line(&["--benchmark-games=off"]).unwrap().benchmark_games, Some(false));
    assert_eq!(file("benchmark_games = true").unwrap().benchmark_games, Some(true));
}

#[test]
fn services_have_no_token_unless_its_file_is_named() {
    assert_eq!(Config::default().topics_token_file, FileSetting::Off);
    let named = command_line(&["--topics-token-file", "/run/token"]).unwrap().topics_token_file.unwrap();
    assert_eq!(named.path(), Some(Path::new("/run/token")));
    assert_eq!(file("topics_token_file = \"/run/token\"").unwrap().topics_token_file, Some(named));
    assert_eq!(file("topics_token_file = \"off\"").unwrap().topics_token_file.unwrap().path(), None);
}

#[test]
fn autopsies_go_to_a_folder_of_the_user_unless_another_one_is_named() {
    assert_eq!(file("autopsies = \"off\"").unwrap().autopsies.unwrap().path(), None);
    let named = command_line(&["--autopsies", "reports"]).unwrap().autopsies;
    assert_eq!(named.unwrap().path(), Some(PathBuf::from("reports")));
    let path = AutopsyFolder::default().path().unwrap();
    assert!(path.is_absolute(), "{}", path.display());
    assert_ne!(path, std::env::temp_dir().join("tickwire-autopsies"), "that folder is everyone's");
}

#[test]
fn all_faults_of_a_file_are_told_at_once_with_their_lines() {
    let text =
        "shards = 0\nlissten = 1\nlog = \"loud\"\nproxy_protocol = true\ntrusted_proxies = []\nrooms_max = \"many\"";
    let (settings, faults) = Settings::parse(Path::new("t.toml"), text);
    let mut told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.extend(settings.into_config().faults().iter().map(ToString::to_string));
    let expected = [
        "t.toml, line 2: lissten is no setting: did you mean listen?",
        "t.toml, line 3: log: \"loud\" is not a level",
        "t.toml, line 6: rooms_max: invalid type: string \"many\"",
        "shards has to be 1 to 256, not 0",
        "proxy_protocol is on and trusted_proxies is none",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert!(told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected)), "{told:?}");
    let one = Faults::check(vec![ConfigFault::SameAddress]).unwrap_err();
    assert_eq!(one.to_string(), ConfigFault::SameAddress.to_string(), "one fault is not numbered");
}

#[test]
fn players_and_operators_need_two_addresses() {
    let same = |text: &str| file(text).unwrap().into_config().faults().contains(&ConfigFault::SameAddress);
    assert!(same("listen = \"127.0.0.1:9090\""));
    assert!(same("listen = \"localhost:80\"\nadmin_listen = \"localhost:80\""));
    assert!(!same("listen = \"localhost:0\"\nadmin_listen = \"localhost:0\""), "each gets a free port");
    assert!(!same("listen = \"localhost:80\"\nadmin_listen = \"off\""));
}

#[test]
fn each_printed_setting_says_where_it_is_from_and_the_text_is_a_file_all_the_same() {
    let path = std::env::temp_dir().join(format!("tickwire-config-print-{}.toml", std::process::id()));
    std::fs::write(&path, "shards = 3\nlog = \"warn\"\norigins = [\"https://a\", \"https://b\"]").unwrap();
    let given = command_line(&["--shards", "2", "--rooms-max", "7"]).unwrap();
    let source = SettingsSource::new(given, vec!["rooms_max"], Some(path.clone()));
    let printed = source.print().unwrap();
    let config = source.read().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(file(&printed).unwrap().into_config(), config);
    let path = path.display();
    for line in [
        "shards = 2 # command line",
        "rooms_max = 7 # environment variable TICKWIRE_ROOMS_MAX",
        &format!("log = \"warn\" # file {path}"),
        &format!("origins = [\"https://a\", \"https://b\"] # file {path}"),
        "spectators_max = 64 # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
    assert_eq!(printed.lines().count(), Settings::NAMES.len());
    let odd = SettingOrigin::File(PathBuf::from("a\nshards = 9"));
    assert_eq!(odd.to_string().lines().count(), 1, "a path cannot add a line");
}

#[test]
fn a_running_server_takes_over_live_settings_and_names_those_that_need_a_restart() {
    let old = Config::default();
    let new = file("shards = 250\nlog = \"warn\"\nrooms_max = 9\nbase_path = \"/a\"").unwrap().into_config();
    let (config, changes) = old.reloaded(&new);
    let told: Vec<_> = changes.iter().map(|change| (change.name, change.new.as_str(), change.is_live)).collect();
    let expected =
        [("shards", "250", false), ("base_path", "\"/a\"", false), ("rooms_max", "9", true), ("log", "\"warn\"", true)];
    assert_eq!(told, expected);
    assert_eq!((changes[2].old.as_str(), config.shards, config.rooms_max), ("4096", old.shards, 9));
    assert_eq!((config.base_path.clone(), config.log.clone()), (old.base_path.clone(), new.log.clone()));
    let (again, changes) = config.reloaded(&new);
    assert_eq!((again, changes.len()), (config, 2), "what needs a restart is told each time");
    assert_eq!(old.reloaded(&old), (old.clone(), Vec::new()));
}

#[test]
fn settings_that_a_thread_takes_at_its_start_are_not_called_live() {
    let fixed: Vec<_> = Settings::NAMES.iter().filter(|name| !Settings::LIVE.contains(name)).copied().collect();
    let expected = [
        "listen",
        "admin_listen",
        "shards",
        "base_path",
        "proxy_protocol",
        "tls_cert",
        "tls_key",
        "tls_self_signed",
        "behind_proxy",
        "lan",
        "frame_ancestors",
        "page",
        "autopsies",
        "data",
        "journal_bytes_max",
        "sync_ms",
        "journal_replay_ms_max",
        "journal_world_seconds_max",
        "on_journal_failure",
        "nats",
        "service",
        "peer_listen",
        "peer_address",
        "peer_key",
        "operators_file",
        "auth",
        "ticket_keys",
        "webhooks_file",
        "benchmark_games",
        "memory_bytes_max",
        "load_percent_max",
        "visitors_max",
        "topic_bytes_max",
        "publishers_per_address",
        "topic_guesses_per_address_per_minute",
        "log_format",
    ];
    assert_eq!(fixed, expected);
}
