//! Times in tickets: RFC 3339 in a token, unix seconds in the server.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Unix seconds of a time such as `2026-11-29T12:00:00Z` or `2026-11-29T13:00:00.5+01:00`; a fraction of a second is
/// dropped. `None` for any other text and for times before 1970.
pub(super) fn parse(text: &str) -> Option<u64> {
    OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp().try_into().ok()
}

/// The text of a time, in UTC; `None` from the year 10000 on.
pub(super) fn format(unix_s: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix_s.try_into().ok()?).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_any_offset_and_written_in_utc() {
        for text in ["2026-11-29T12:00:00Z", "2026-11-29T13:00:00+01:00", "2026-11-29T12:00:00.999Z"] {
            assert_eq!(parse(text), Some(1_795_953_600), "{text}");
        }
        assert_eq!(format(1_795_953_600).as_deref(), Some("2026-11-29T12:00:00Z"));
        for unix_s in [0, 1, 951_782_400, 253_402_300_799] {
            assert_eq!(parse(&format(unix_s).unwrap()), Some(unix_s));
        }
    }

    #[test]
    fn other_texts_and_years_are_no_times() {
        for text in [
            "",
            "1795953600",
            "2026-11-29",
            "2026-11-29T12:00:00",
            "2026-13-29T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-29T12:00:00Z ",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        for unix_s in [253_402_300_800, u64::MAX] {
            assert_eq!(format(unix_s), None);
        }
    }
}
