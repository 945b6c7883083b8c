//! The options with which the page joins a room, in JSON.

use crate::json::{Json, read_flat};
use tickwire::link::LinkProfile;
use tickwire::message::control::{ResumeToken, SecretText};
use tickwire::message::topics::PlayerKey;

/// The slowest imitated link, in milliseconds: no game can be played over a slower one.
const LINK_MS_MAX: f64 = 10_000.0;

/// `{code, name, resume?, latency_ms?, jitter_ms?, stall_percent?, profile?, watch?, seed?, build?, key?, seq?, ticket?,
/// secret?}`; other fields are ignored. A `profile` that names one of `tickwire::link::PROFILES` replaces the three
/// numbers before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// The room's code.
    pub(crate) code: String,
    /// The player's name.
    pub(crate) name: String,
    /// The token of an earlier session; a text that is no token counts as none.
    pub(crate) resume: Option<ResumeToken>,
    /// The network to imitate.
    pub(crate) link: LinkProfile,
    /// Whether the player only watches, without a seat.
    pub(crate) watch: bool,
    /// Seed that spreads retries and drives the imitated network.
    pub(crate) seed: u64,
    /// The id of the sources that the module was built from, in 16 hexadecimal digits; 0 when it is not known, and for
    /// a text that is no id.
    pub(crate) build: u64,
    /// The secret of the player, in 32 hexadecimal digits; a text that is no key counts as none.
    pub(crate) key: Option<PlayerKey>,
    /// The number of the first message that the player says in a topic.
    pub(crate) seq: u64,
    /// The ticket of the player, where the server asks for tickets.
    pub(crate) ticket: Option<String>,
    /// The secret of a private room.
    pub(crate) secret: Option<SecretText>,
}

/// The reason why there is no client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionsError {
    /// The options are not the expected JSON.
    Malformed,
    /// The module has no game.
    NoGame,
}

impl OptionsError {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Malformed => "the client's options are {code, name, ..} in JSON",
            Self::NoGame => "this module exports no game",
        }
    }
}

impl Options {
    pub(crate) fn parse(json: &str) -> Result<Self, OptionsError> {
        let fields = read_flat(json).ok_or(OptionsError::Malformed)?;
        let find = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let text = |name: &str| match find(name) {
            Some(Json::Text(text)) => Ok(text.clone()),
            _ => Err(OptionsError::Malformed),
        };
        let number = |name: &str| match find(name) {
            Some(Json::Decimal(value)) => Ok(*value),
            None | Some(Json::Null) => Ok(0.0),
            Some(_) => Err(OptionsError::Malformed),
        };
        Ok(Self {
            code: text("code")?,
            name: text("name")?,
            resume: text("resume").ok().as_deref().and_then(token),
            link: match text("profile").ok().and_then(|name| LinkProfile::named(&name)) {
                Some(link) => link,
                None => link_profile(number("latency_ms")?, number("jitter_ms")?, number("stall_percent")?),
            },
            watch: matches!(find("watch"), Some(Json::Bool(true))),
            // The cast saturates; any number is a seed.
            seed: number("seed")? as u64,
            build: text("build").ok().and_then(|build| u64::from_str_radix(&build, 16).ok()).unwrap_or(0),
            key: text("key").ok().as_deref().and_then(token).map(PlayerKey),
            seq: number("seq")? as u64,
            ticket: text("ticket").ok(),
            secret: text("secret").ok().map(SecretText),
        })
    }
}

/// A link as sliders and addresses describe it: values out of range are cut to the range.
pub(crate) fn link_profile(latency_ms: f64, jitter_ms: f64, stall_percent: f64) -> LinkProfile {
    // Both ends are within `u32`, and NaN becomes 0.
    let whole = |value: f64, max: f64| value.clamp(0.0, max) as u32;
    LinkProfile {
        latency_ms: whole(latency_ms, LINK_MS_MAX),
        jitter_ms: whole(jitter_ms, LINK_MS_MAX),
        stall_percent: whole(stall_percent, 100.0),
        ..LinkProfile::default()
    }
}

#[inline(never)]
fn token(hex: &str) -> Option<ResumeToken> {
    let mut token = ResumeToken::default();
    if hex.len() != token.len() * 2 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in token.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(token)
}

/// A token in hexadecimal, in the form that [`Options`] takes.
pub(crate) fn token_hex(token: &ResumeToken) -> String {
    token
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_s_options_are_understood() {
        let json = r#"{"game":"any","code":"C4FK9T","name":"Ada \"A\"","resume":"000102030405060708090a0b0c0d0eff",
            "latency_ms":100,"jitter_ms":30.5,"stall_percent":2,"seed":4294967295,
            "key":"07070707070707070707070707070707","seq":9007199254740991}"#;
        let options = Options::parse(json).unwrap();
        assert_eq!((options.code.as_str(), options.name.as_str()), ("C4FK9T", "Ada \"A\""));
        assert_eq!(options.seed, u64::from(u32::MAX));
        assert_eq!((options.key, options.seq), (Some(PlayerKey([7; 16])), (1 << 53) - 1));
        assert_eq!(options.link, link_profile(100.0, 30.0, 2.0));
        let token = options.resume.unwrap();
        assert_eq!(token, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(token_hex(&token), "000102030405060708090a0b0c0d0eff");
    }

    #[test]
    fn a_network_is_imitated_by_its_name() {
        let link = |name: &str| {
            let json = format!(r#"{{"code":"","name":"","latency_ms":7,"profile":"{name}"}}"#);
            Options::parse(&json).unwrap().link
        };
        assert_eq!(Some(link("4g-train")), LinkProfile::named("4g-train"));
        assert_eq!(link("nonsense").latency_ms, 7);
        assert_eq!(link("").latency_ms, 7);
    }

    #[test]
    fn optional_fields_have_neutral_defaults() {
        let options = Options::parse(r#"{"code":"C4FK9T","name":"Ada","resume":null}"#).unwrap();
        assert_eq!((options.resume, options.link, options.seed), (None, LinkProfile::default(), 0));
        assert_eq!((options.key, options.seq), (None, 0));
    }

    #[test]
    fn a_build_is_known_by_its_id_alone() {
        let build = |json: &str| Options::parse(&format!(r#"{{"code":"","name":""{json}}}"#)).unwrap().build;
        assert_eq!(build(r#","build":"fedcba9876543210""#), 0xfedc_ba98_7654_3210);
        for unknown in
            ["", r#","build":null"#, r#","build":7"#, r#","build":"newest""#, r#","build":"10000000000000000""#]
        {
            assert_eq!(build(unknown), 0, "{unknown}");
        }
    }

    #[test]
    fn nonsense_is_an_error_and_a_broken_token_is_none() {
        let wrong_seed = r#"{"code":"","name":"","seed":"x"}"#;
        for json in ["", "{}", "[1]", r#"{"code":1,"name":""}"#, wrong_seed] {
            assert_eq!(Options::parse(json).unwrap_err(), OptionsError::Malformed);
        }
        for hex in
            ["", "00", "0x0102030405060708090a0b0c0d0eff0", "+00102030405060708090a0b0c0d0eff", "ä01020304050607"]
        {
            assert_eq!(token(hex), None, "{hex}");
        }
    }

    #[test]
    fn a_link_out_of_range_is_cut_to_the_range() {
        let perfect = LinkProfile::default();
        let worst = LinkProfile { latency_ms: 10_000, jitter_ms: 10_000, stall_percent: 100, ..perfect };
        assert_eq!(link_profile(1e12, f64::INFINITY, 101.0), worst);
        assert_eq!(link_profile(-1.0, f64::NAN, -0.0), perfect);
    }
}
