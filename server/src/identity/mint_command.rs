//! The subcommand `mint`: a ticket or a new pair of keys, for trying a server out and for its operator.

use super::claims::{TicketClaims, TicketRole};
use super::mint::{MintError, SecretKey, SecretKeyError, TICKET_LIFETIME_S_DEFAULT, mint, new_key};
use super::ticket::TICKET_LIFETIME_S_MAX;
use clap::Args;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Random bytes of the id of a ticket or a key.
const RANDOM_LEN: usize = 16;

/// Hexadecimal digits of the id that a key has when the operator names none.
const KEY_ID_DIGITS: usize = 8;

const _: () = assert!(TICKET_LIFETIME_S_MAX == 600, "the help of --seconds names the limit");

/// The word is no role.
#[derive(Debug, Clone, Copy, Error)]
#[error("a role is player, spectator or host")]
struct RoleError;

/// Makes a ticket, or with --new-key a pair of keys.
#[derive(Debug, Args)]
pub struct Mint {
    /// File with the secret key that signs the ticket.
    #[arg(long, value_name = "FILE", required_unless_present = "new_key", requires = "identity")]
    key: Option<PathBuf>,
    /// Makes a pair of keys instead: writes the secret one into this new file, and prints the line for the key ring.
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["key", "identity", "name", "room", "role", "rating", "seconds"])]
    new_key: Option<PathBuf>,
    /// Id of the new key; a random one by default.
    #[arg(long, value_name = "ID", requires = "new_key", conflicts_with = "key")]
    kid: Option<String>,
    /// The player: printable characters, 1 to 64 bytes.
    #[arg(long, value_name = "ID")]
    identity: Option<String>,
    /// Name that others see: 1 to 96 bytes, no control characters.
    #[arg(long)]
    name: Option<String>,
    /// Code of the only room that the ticket is for: 6 characters of A to Z and 2 to 9.
    #[arg(long, value_name = "CODE")]
    room: Option<String>,
    /// Part in the room: player, spectator or host.
    #[arg(long, value_parser = role, default_value = "player")]
    role: TicketRole,
    /// Points by which queues compare players, 0 to 65,535.
    #[arg(long, value_name = "POINTS")]
    rating: Option<u16>,
    /// Seconds for which the ticket is valid, 1 to 600.
    #[arg(
        long,
        default_value_t = TICKET_LIFETIME_S_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..=TICKET_LIFETIME_S_MAX)
    )]
    seconds: u64,
}

/// The reason for which nothing was made.
#[derive(Debug, Error)]
pub enum MintCommandError {
    /// The file has no key that can be used.
    #[error("no ticket can be signed with the key in {} (`mint --new-key FILE` makes a new one)", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: SecretKeyError,
    },
    /// The server would refuse the ticket.
    #[error("the server would refuse this ticket: {0}; `mint --help` has the rules")]
    Ticket(#[from] MintError),
    /// The id cannot be that of a key.
    #[error("a --kid has 1 to 64 characters of a to z, A to Z, 0 to 9, `-`, `_` and `.`")]
    KeyId,
    /// The file for the new key is there already.
    #[error(
        "{} is there already, and the key in it might be in use; name a new file, or move the old one away",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file for the new key cannot be written.
    #[error("the new key cannot be written into {}; name a file in a folder where you may write", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason that the system gave.
        source: io::Error,
    },
    /// The outcome could not be printed.
    #[error("the outcome could not be printed")]
    Print(#[from] io::Error),
}

impl Mint {
    /// Prints a ticket from the unix time `now_s` on, or makes a pair of keys and prints the line for the key ring.
    ///
    /// # Errors
    /// When a file cannot be used, a claim breaks its rule, or nothing can be printed.
    ///
    /// # Panics
    /// When the operating system has no random numbers: nothing secret could be made then.
    pub fn run(&self, now_s: u64, out: &mut impl Write) -> Result<(), MintCommandError> {
        let line = if let Some(path) = &self.new_key {
            self.make_key(path)?
        } else {
            let path = self.key.as_ref().expect("a command line without --new-key has --key");
            self.mint_ticket(path, now_s)?
        };
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// A ticket that is signed with the key in this file.
    fn mint_ticket(&self, path: &Path, now_s: u64) -> Result<String, MintCommandError> {
        let unusable = |source| MintCommandError::Key { path: path.to_owned(), source };
        let secret = SecretKey::read(path).map_err(unusable)?;
        let claims = TicketClaims {
            identity: self.identity.clone().unwrap_or_default(),
            name: self.name.clone(),
            room: self.room.clone(),
            role: self.role,
            rating: self.rating,
        };
        Ok(mint(&secret, &claims, self.seconds, now_s, &random_digits())?)
    }

    /// Writes a new secret key into this file. The line of the public key is the outcome.
    fn make_key(&self, path: &Path) -> Result<String, MintCommandError> {
        let id = self.kid.clone().unwrap_or_else(|| format!("key-{}", &random_digits()[..KEY_ID_DIGITS]));
        let minted = new_key(&id).ok_or(MintCommandError::KeyId)?;
        let unwritten = |source| MintCommandError::Write { path: path.to_owned(), source };
        // The file is made with its permissions and never opened when it is there: not for an instant may others read.
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(MintCommandError::Exists { path: path.to_owned() });
            }
            opened => opened.map_err(unwritten)?,
        };
        let written =
            file.write_all(format!("{}\n", minted.secret.to_line()).as_bytes()).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // Half a key would be in the way of the next try.
            drop(fs::remove_file(path));
            return Err(unwritten(source));
        }
        Ok(minted.public_line)
    }
}

/// The role of this name.
fn role(name: &str) -> Result<TicketRole, RoleError> {
    TicketRole::parse(name).ok_or(RoleError)
}

/// A text that nobody else has.
fn random_digits() -> String {
    let mut random = [0; RANDOM_LEN];
    getrandom::fill(&mut random).expect("the operating system has random numbers");
    format!("{:032x}", u128::from_be_bytes(random))
}

#[cfg(test)]
mod tests {
    use super::super::{KeyRing, UsedTickets, check};
    use super::*;
    use clap::Parser;
    use std::os::unix::fs::PermissionsExt;

    const NOW_S: u64 = 1_795_953_600;

    #[derive(Debug, Parser)]
    struct CommandLine {
        #[command(flatten)]
        mint: Mint,
    }

    /// A path that is removed at the end of its test.
    struct Path(PathBuf);

    impl Path {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("tickwire-mint-{name}-{}", std::process::id())))
        }

        fn as_str(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            drop(fs::remove_file(&self.0));
        }
    }

    /// The line that the command prints, or the reason for which it fails.
    fn run(arguments: &[&str]) -> Result<String, String> {
        let command = ["mint"].iter().chain(arguments);
        let CommandLine { mint } = CommandLine::try_parse_from(command).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        mint.run(NOW_S, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_new_key_mints_tickets_that_its_public_line_checks() {
        let path = Path::new("key");
        let public = run(&["--new-key", path.as_str(), "--kid", "login-1"]).unwrap();
        assert_eq!(fs::metadata(&path.0).unwrap().permissions().mode() & 0o7777, 0o600);
        let ring = KeyRing::parse(&public).unwrap();
        let mut used = UsedTickets::new();
        let all = ["--name", "Ada", "--room", "CDF234", "--role", "host", "--rating", "1650"];
        let key = ["--key", path.as_str(), "--identity", "ada"];
        let ticket = check(run(&[&key[..], &all].concat()).unwrap().trim_end(), &ring, &mut used, NOW_S).unwrap();
        assert_eq!((ticket.identity(), ticket.name(), ticket.room()), ("ada", Some("Ada"), Some("CDF234")));
        assert_eq!((ticket.role(), ticket.rating()), (TicketRole::Host, Some(1_650)));
        assert_eq!(ticket.expires_at_s(), NOW_S + 60);
        let second = run(&[&key[..], &["--seconds", "5"]].concat()).unwrap();
        let second = check(second.trim_end(), &ring, &mut used, NOW_S).unwrap();
        assert_eq!((second.expires_at_s(), second.role()), (NOW_S + 5, TicketRole::Player));
        // An old file is not touched.
        let content = fs::read_to_string(&path.0).unwrap();
        assert!(run(&["--new-key", path.as_str()]).unwrap_err().contains("is there already"));
        assert_eq!(fs::read_to_string(&path.0).unwrap(), content);
    }

    #[test]
    fn a_key_that_others_may_read_signs_nothing() {
        let path = Path::new("shared");
        run(&["--new-key", path.as_str()]).unwrap();
        fs::set_permissions(&path.0, fs::Permissions::from_mode(0o644)).unwrap();
        let CommandLine { mint } =
            CommandLine::try_parse_from(["mint", "--key", path.as_str(), "--identity", "ada"]).unwrap();
        let error = mint.run(NOW_S, &mut Vec::new()).unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(reason.contains("chmod 600"), "{reason}");
    }

    #[test]
    fn a_command_line_that_asks_for_nothing_or_for_too_much_is_refused() {
        let path = Path::new("refused");
        let file = path.as_str();
        for (arguments, expected) in [
            (vec![], "--key"),
            (vec!["--key", file], "--identity"),
            (vec!["--identity", "ada"], "--key"),
            (vec!["--key", file, "--new-key", file, "--identity", "ada"], "cannot be used with"),
            (vec!["--new-key", file, "--identity", "ada"], "cannot be used with"),
            (vec!["--new-key", file, "--seconds", "5"], "cannot be used with"),
            (vec!["--key", file, "--identity", "ada", "--kid", "k"], "cannot be used with"),
            (vec!["--key", file, "--identity", "ada", "--seconds", "601"], "601"),
            (vec!["--key", file, "--identity", "ada", "--seconds", "0"], "0"),
            (vec!["--key", file, "--identity", "ada", "--role", "admin"], "player, spectator or host"),
            (vec!["--key", file, "--identity", "ada"], "mint --new-key"),
            (vec!["--new-key", file, "--kid", "a b"], "--kid"),
            (vec!["--new-key", "/no/such/folder/key"], "name a file in a folder"),
        ] {
            let error = run(&arguments).unwrap_err();
            assert!(error.contains(expected), "{arguments:?}: {error}");
            assert!(!path.0.exists());
        }
        run(&["--new-key", file]).unwrap();
        let error = run(&["--key", file, "--identity", "ada", "--room", "abc"]).unwrap_err();
        assert!(error.contains("`room`"), "{error}");
    }
}
