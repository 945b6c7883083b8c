//! The operators in their file: a role, a name and a token for each. Tokens are compared in constant time and never
//! shown.
//!
//! The file belongs to the server's user or to root, and users besides them and the file's group may not read it. It is
//! read again when it changes; a file that cannot be used then changes nothing.

use crate::limits::OPERATORS_MAX;
use crate::secret_file::{self, SecretFileError, Stamp, stamp};
use parking_lot::Mutex;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// Characters of a token at the least: fewer could be guessed.
const TOKEN_LEN_MIN: usize = 16;

/// Characters of a token at the most.
const TOKEN_LEN_MAX: usize = 256;

/// Characters of a name at the most.
const NAME_LEN_MAX: usize = 32;

/// The scheme of the header `Authorization` that carries a token.
const SCHEME: &str = "Bearer";

/// Bytes of the file at the most.
const FILE_BYTES_MAX: usize = OPERATORS_MAX * (TOKEN_LEN_MAX + NAME_LEN_MAX + 64);

/// The things that an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// To see everything on the dashboard.
    Look,
    /// To announce, remove players, lock and close rooms, and drain the server, too.
    Act,
}

/// Somebody at the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Operator {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// The reason for which somebody may not even look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Denied {
    /// There is a file, and the token is none of it.
    #[error("the token is missing or wrong")]
    Token,
    /// There is no file, and the listener is not for this machine alone.
    #[error("nobody may look at this server: it has no file of operators")]
    NoFile,
}

impl Denied {
    /// The way on.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Token => "send a token in the file of operators_file",
            Self::NoFile => FILE_HELP,
        }
    }
}

/// The way to set the file.
pub(crate) const FILE_HELP: &str = "name a file with lines such as `act ada TOKEN` with --operators-file, \
                                    TICKWIRE_OPERATORS_FILE or operators_file in the file";

/// The reason for which a file cannot be used as that of operators. No reason has a token in it.
#[derive(Debug, Error)]
pub enum OperatorsFileError {
    /// The file cannot be read, or is open to other users.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// A line is no operator.
    #[error("line {line} of {} is not `ROLE NAME TOKEN`: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// The fault.
        fault: OperatorLineFault,
    },
    /// The file has no operator, or too many.
    #[error("{} names {count} operators; it has to name 1 to {OPERATORS_MAX}", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// The operators in it.
        count: usize,
    },
}

/// The reason for which a line is no operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OperatorLineFault {
    /// It has fewer words, or more.
    #[error("it has to have three words")]
    Words,
    /// A character cannot be typed everywhere.
    #[error("it has other characters than letters, digits and signs of ASCII")]
    Characters,
    /// There is no such role.
    #[error("the role is look or act")]
    Role,
    /// The name is too long.
    #[error("the name has more than {NAME_LEN_MAX} characters")]
    Name,
    /// The token is too short or too long.
    #[error("the token has to have {TOKEN_LEN_MIN} to {TOKEN_LEN_MAX} characters")]
    Token,
    /// Another line has the same name.
    #[error("the name is there twice")]
    SameName,
    /// Another line has the same token.
    #[error("the token is that of another operator")]
    SameToken,
}

/// An operator in the file.
struct Entry {
    operator: Operator,
    token: Vec<u8>,
}

/// The judge of tokens.
pub(crate) struct Access {
    /// The file; `None` when there is none.
    path: Option<PathBuf>,
    /// Whether everybody may look while there is no file.
    is_local: bool,
    state: Mutex<State>,
    /// Grows whenever the file was read again.
    reading: AtomicU64,
}

struct State {
    entries: Vec<Entry>,
    seen: Option<Stamp>,
}

impl fmt::Debug for Access {
    /// Without the operators and their tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the file, if the setting names one. `is_local` says whether the listener is for this machine alone.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(crate) fn open(path: Option<&Path>, is_local: bool) -> Result<Self, OperatorsFileError> {
        let seen = path.and_then(stamp);
        let entries = path.map(read).transpose()?.unwrap_or_default();
        let state = Mutex::new(State { entries, seen });
        Ok(Self { path: path.map(Path::to_owned), is_local, state, reading: AtomicU64::new(0) })
    }

    /// Whether there is a file of operators.
    pub(crate) const fn has_file(&self) -> bool {
        self.path.is_some()
    }

    /// The operator with this token; without a file, anybody on this machine. Every token in the file is looked at, so
    /// that the time tells nothing but lengths.
    ///
    /// # Errors
    /// When somebody with this token, or without one, may not even look.
    pub(crate) fn of_token(&self, token: Option<&[u8]>) -> Result<Operator, Denied> {
        if !self.has_file() {
            let anybody = Operator { name: "anybody".into(), role: Role::Look };
            return match (self.is_local, token) {
                (false, _) => Err(Denied::NoFile),
                (true, None) => Ok(anybody),
                (true, Some(_)) => Err(Denied::Token),
            };
        }
        let token = token.ok_or(Denied::Token)?;
        let state = self.state.lock();
        let mut found = None;
        for entry in &state.entries {
            let is_it: Choice = entry.token.ct_eq(token);
            if bool::from(is_it) {
                found = Some(entry.operator.clone());
            }
        }
        found.ok_or(Denied::Token)
    }

    /// The operator whose token is in a header `Authorization`; `None` stands for a request without one.
    ///
    /// # Errors
    /// When somebody with this header may not even look.
    pub(crate) fn of_header(&self, authorization: Option<&[u8]>) -> Result<Operator, Denied> {
        let Some(value) = authorization else { return self.of_token(None) };
        let (scheme, given) = value.split_at_checked(SCHEME.len()).ok_or(Denied::Token)?;
        if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) || !given.starts_with(b" ") {
            return Err(Denied::Token);
        }
        self.of_token(Some(given.trim_ascii()))
    }

    /// A number that changes whenever the file was read again.
    pub(crate) fn reading(&self) -> u64 {
        self.reading.load(Ordering::Relaxed)
    }

    /// Reads the file again if it has changed, or in any case. A file that cannot be used changes nothing.
    pub(crate) fn reload(&self, in_any_case: bool) {
        let Some(path) = &self.path else { return };
        let found = stamp(path);
        let mut state = self.state.lock();
        if state.seen == found && !in_any_case {
            return;
        }
        state.seen = found;
        match read(path) {
            Ok(entries) => {
                tracing::info!(count = entries.len(), "the file of operators was read again");
                state.entries = entries;
                self.reading.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => tracing::error!(%error, "the operators stay as they were"),
        }
    }
}

fn read(path: &Path) -> Result<Vec<Entry>, OperatorsFileError> {
    let content = secret_file::read(path, FILE_BYTES_MAX)?;
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let entry = parse(line, &entries);
        entries.push(entry.map_err(|fault| OperatorsFileError::Line { path: path.to_owned(), line: number, fault })?);
    }
    if !(1..=OPERATORS_MAX).contains(&entries.len()) {
        return Err(OperatorsFileError::Count { path: path.to_owned(), count: entries.len() });
    }
    Ok(entries)
}

/// The operator of a line; the fault of one that is none, without its words.
fn parse(line: &[u8], known: &[Entry]) -> Result<Entry, OperatorLineFault> {
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let [role, name, token] = *words else { return Err(OperatorLineFault::Words) };
    if !line.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return Err(OperatorLineFault::Characters);
    }
    let role = match role {
        b"look" => Role::Look,
        b"act" => Role::Act,
        _ => return Err(OperatorLineFault::Role),
    };
    if name.len() > NAME_LEN_MAX {
        return Err(OperatorLineFault::Name);
    }
    if !(TOKEN_LEN_MIN..=TOKEN_LEN_MAX).contains(&token.len()) {
        return Err(OperatorLineFault::Token);
    }
    let name = String::from_utf8_lossy(name).into_owned();
    if known.iter().any(|other| other.operator.name == name) {
        return Err(OperatorLineFault::SameName);
    }
    if known.iter().any(|other| other.token == token) {
        return Err(OperatorLineFault::SameToken);
    }
    Ok(Entry { operator: Operator { name, role }, token: token.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    const LOOK: &[u8] = b"looking-0123456789";
    const ACT: &[u8] = b"acting-0123456789";
    const CONTENT: &str = "# who may what\nlook bob looking-0123456789\n\n  act ada   acting-0123456789\r\n";

    /// A file that is removed with the value.
    struct Place(PathBuf);

    impl Place {
        fn with(name: &str, content: &str, mode: u32) -> Self {
            let path = std::env::temp_dir().join(format!("tickwire-operators-{name}-{}", std::process::id()));
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_token_stands_for_its_operator_and_for_nobody_else() {
        let place = Place::with("roles", CONTENT, 0o600);
        for is_local in [true, false] {
            let access = Access::open(Some(&place.0), is_local).unwrap();
            let role = |token| access.of_token(token).map(|operator| (operator.name, operator.role));
            assert_eq!(role(Some(LOOK)), Ok(("bob".into(), Role::Look)));
            assert_eq!(role(Some(ACT)), Ok(("ada".into(), Role::Act)));
            for token in [None, Some(&b""[..]), Some(b"acting-012345678"), Some(b"acting-01234567890")] {
                assert_eq!(role(token), Err(Denied::Token));
            }
            let header = |value: &str| access.of_header(Some(value.as_bytes())).map(|operator| operator.role);
            assert_eq!(header("bearer  acting-0123456789 "), Ok(Role::Act));
            for value in ["acting-0123456789", "Basic acting-0123456789", "Bearer", "Beareracting-0123456789", ""] {
                assert_eq!(header(value), Err(Denied::Token), "{value}");
            }
            assert!(!format!("{access:?}").contains("acting"));
        }
    }

    #[test]
    fn without_a_file_this_machine_may_look_and_nobody_may_act() {
        let local = Access::open(None, true).unwrap();
        assert_eq!(local.of_token(None), Ok(Operator { name: "anybody".into(), role: Role::Look }));
        assert_eq!(local.of_token(Some(ACT)), Err(Denied::Token));
        assert_eq!(Access::open(None, false).unwrap().of_token(None), Err(Denied::NoFile));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused_without_its_tokens() {
        for (name, content, mode, expected) in [
            ("shared", CONTENT, 0o644, "chmod 600"),
            ("empty", "# nobody\n", 0o600, "names 0 operators"),
            ("role", "own ada hidden-0123456789", 0o600, "line 1"),
            ("words", "act ada\n", 0o600, "three words"),
            ("short", "act ada hidden-of-fifte", 0o600, "16 to 256"),
            ("name", "act ada hidden-0123456789\nlook ada hidden-0123456780", 0o600, "name is there twice"),
            ("token", "act ada hidden-0123456789\nlook bob hidden-0123456789", 0o600, "another operator"),
            ("accent", "act ada hiddén-0123456789", 0o600, "other characters"),
        ] {
            let place = Place::with(name, content, mode);
            let error = Access::open(Some(&place.0), true).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hidd"), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_a_bad_one_changes_nothing() {
        let place = Place::with("reload", CONTENT, 0o600);
        let access = Access::open(Some(&place.0), true).unwrap();
        access.reload(false);
        assert_eq!(access.reading(), 0, "nothing has changed");
        fs::write(&place.0, "act eve another-0123456789-longer").unwrap();
        access.reload(false);
        assert_eq!(access.reading(), 1);
        assert_eq!(access.of_token(Some(ACT)), Err(Denied::Token));
        fs::write(&place.0, "nonsense").unwrap();
        access.reload(false);
        assert!(access.reading() == 1 && access.of_token(Some(b"another-0123456789-longer")).is_ok());
    }
}
