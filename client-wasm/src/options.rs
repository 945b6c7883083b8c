//! The options with which the page joins a room, as the text of a form: `code=C4FK9T&name=Ada`.
//!
//! JavaScript writes that form by itself (`URLSearchParams`), and reading it takes a fraction of the code for JSON.

use tickwire::link::LinkProfile;
use tickwire::message::control::{ResumeToken, SecretText};
use tickwire::message::topics::PlayerKey;

/// The slowest imitated link, in milliseconds: no game can be played over a slower one.
const LINK_MS_MAX: f64 = 10_000.0;

/// `code`, `name`, and what may be left out: `resume`, `latency_ms`, `jitter_ms`, `stall_percent`, `profile`, `watch`,
/// `seed`, `build`, `key`, `seq`, `ticket` and `secret`; other fields are ignored. A `profile` that names one of `tickwire::link::PROFILES` replaces the three
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
    /// A field is missing, or a number is none.
    Malformed,
    /// The module has no game.
    NoGame,
}

impl OptionsError {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Malformed => {
                "the client's options are a form with code and name, and its numbers are whole or decimal"
            }
            Self::NoGame => "this module exports no game",
        }
    }
}

impl Options {
    pub(crate) fn parse(form: &str) -> Result<Self, OptionsError> {
        let form = Form(form);
        Ok(Self {
            code: form.text("code").ok_or(OptionsError::Malformed)?,
            name: form.text("name").ok_or(OptionsError::Malformed)?,
            resume: form.token("resume"),
            link: match form.text("profile").and_then(|name| LinkProfile::named(&name)) {
                Some(link) => link,
                None => {
                    let number = |name| form.number(name).map(|number| number as f64);
                    link_profile(number("latency_ms")?, number("jitter_ms")?, number("stall_percent")?)
                }
            },
            watch: form.text("watch").is_some_and(|watch| watch == "true"),
            seed: form.number("seed")?,
            build: form.text("build").and_then(|build| u64::from_str_radix(&build, 16).ok()).unwrap_or(0),
            key: form.token("key").map(PlayerKey),
            seq: form.number("seq")?,
            ticket: form.text("ticket"),
            secret: form.text("secret").map(SecretText),
        })
    }
}

/// The text of a form. Nothing here is inlined: there are a dozen fields.
struct Form<'a>(&'a str);

impl Form<'_> {
    #[inline(never)]
    fn text(&self, name: &str) -> Option<String> {
        let mut fields = self.0.split('&').filter_map(|field| field.split_once('='));
        fields.find(|(known, _)| *known == name).map(|(_, value)| decoded(value))
    }

    /// The whole part of a number. It is 0 for a negative one, since no option is below that, and where there is none.
    #[inline(never)]
    fn number(&self, name: &str) -> Result<u64, OptionsError> {
        let Some(number) = self.text(name) else { return Ok(0) };
        let size = number.strip_prefix('-').unwrap_or(&number);
        let (whole, _) = size.split_once('.').unwrap_or((size, ""));
        let whole = whole.parse().map_err(|_| OptionsError::Malformed)?;
        Ok(if size == number { whole } else { 0 })
    }

    fn token(&self, name: &str) -> Option<ResumeToken> {
        self.text(name).as_deref().and_then(token)
    }
}

/// A value of a form without its escapes.
fn decoded(value: &str) -> String {
    let mut bytes = value.bytes();
    let mut decoded = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16)).unwrap_or(0) as u8;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit() << 4 | digit(),
            byte => byte,
        });
    }
    // A browser escapes nothing but UTF-8.
    String::from_utf8(decoded).unwrap_or_default()
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
        // As `URLSearchParams` writes it.
        let form = "game=any&code=C4FK9T&name=Ada+%22%C3%84%22+%26+%2B%3D%25&resume=000102030405060708090a0b0c0d0eff\
            &latency_ms=100&jitter_ms=30.5&stall_percent=2&seed=4294967295\
            &key=07070707070707070707070707070707&seq=9007199254740991&ticket=v4.public.x&secret=&watch=false";
        let options = Options::parse(form).unwrap();
        assert_eq!((options.code.as_str(), options.name.as_str()), ("C4FK9T", "Ada \"Ä\" & +=%"));
        assert_eq!(options.seed, u64::from(u32::MAX));
        assert_eq!((options.key, options.seq), (Some(PlayerKey([7; 16])), (1 << 53) - 1));
        assert_eq!(options.link, link_profile(100.0, 30.0, 2.0));
        let token = options.resume.unwrap();
        assert_eq!(token, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(token_hex(&token), "000102030405060708090a0b0c0d0eff");
        assert_eq!((options.ticket.as_deref(), options.secret.is_some()), (Some("v4.public.x"), true));
        assert!(!options.watch && Options::parse("watch=true&code=&name=").unwrap().watch);
    }

    #[test]
    fn a_network_is_imitated_by_its_name() {
        let link = |name: &str| Options::parse(&format!("code=&name=&latency_ms=7&profile={name}")).unwrap().link;
        assert_eq!(Some(link("4g-train")), LinkProfile::named("4g-train"));
        assert_eq!(link("nonsense").latency_ms, 7);
        assert_eq!(link("").latency_ms, 7);
    }

    #[test]
    fn optional_fields_have_neutral_defaults() {
        let options = Options::parse("code=C4FK9T&name=Ada").unwrap();
        assert_eq!((options.resume, options.link, options.seed), (None, LinkProfile::default(), 0));
        assert_eq!((options.key, options.seq), (None, 0));
        assert!(options.ticket.is_none() && options.secret.is_none() && !options.watch);
    }

    #[test]
    fn a_build_is_known_by_its_id_alone() {
        let build = |field: &str| Options::parse(&format!("code=&name={field}")).unwrap().build;
        assert_eq!(build("&build=fedcba9876543210"), 0xfedc_ba98_7654_3210);
        for unknown in ["", "&build=", "&build=newest", "&build=10000000000000000"] {
            assert_eq!(build(unknown), 0, "{unknown}");
        }
    }

    #[test]
    fn nonsense_is_an_error_and_a_broken_token_is_none() {
        for form in
            ["", "{}", "code=", "code&name", "code=&name=&seed=x", "code=&name=&latency_ms=-", "code=&name=&seq="]
        {
            assert_eq!(Options::parse(form).unwrap_err(), OptionsError::Malformed, "{form}");
        }
        for hex in
            ["", "00", "0x0102030405060708090a0b0c0d0eff0", "+00102030405060708090a0b0c0d0eff", "ä01020304050607"]
        {
            assert_eq!(token(hex), None, "{hex}");
        }
    }

    #[test]
    fn broken_escapes_end_nothing() {
        for form in ["%", "%4", "%zz", "%ff", "%e2%82"] {
            Options::parse(&format!("code={form}&name={form}")).unwrap();
        }
    }

    #[test]
    fn a_link_out_of_range_is_cut_to_the_range() {
        let perfect = LinkProfile::default();
        let worst = LinkProfile { latency_ms: 10_000, jitter_ms: 10_000, stall_percent: 100, ..perfect };
        assert_eq!(link_profile(1e12, f64::INFINITY, 101.0), worst);
        assert_eq!(link_profile(-1.0, f64::NAN, -0.0), perfect);
        let options = |link: &str| Options::parse(&format!("code=&name={link}")).unwrap().link;
        assert_eq!(options("&latency_ms=1000000000&jitter_ms=10000.5&stall_percent=101"), worst);
        assert_eq!(options("&latency_ms=-1&jitter_ms=-0.5&stall_percent=-0"), perfect);
    }
}
