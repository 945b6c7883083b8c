//! The news about matches that wait to be written to a visitor: the newest of each kind.

use crate::topics::json::{News, NewsKind};
use std::collections::VecDeque;

/// The news that wait, the oldest first. There is one of each kind at the most, because an older one is of no use.
#[derive(Debug, Default)]
pub(super) struct NewsBox(VecDeque<(NewsKind, String)>);

impl NewsBox {
    pub(super) fn put(&mut self, news: &News) {
        let kind = news.kind();
        self.0.retain(|(waiting, _)| *waiting != kind);
        self.0.push_back((kind, news.to_text()));
    }

    /// The next text to write.
    pub(super) fn take(&mut self) -> Option<String> {
        self.0.pop_front().map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::json::{NotQueued, Unqueued};

    #[test]
    fn the_newest_of_each_kind_is_kept() {
        let mut news = NewsBox::default();
        news.put(&News::Unqueued { why: Unqueued::Asked, player: None });
        news.put(&News::NotQueued { why: NotQueued::NoQueue });
        news.put(&News::Unqueued { why: Unqueued::NoRoom, player: None });
        assert_eq!(news.take().as_deref(), Some(r#"{"op":"not_queued","why":"no_queue"}"#));
        assert_eq!(news.take().as_deref(), Some(r#"{"op":"unqueued","why":"no_room"}"#));
        assert_eq!(news.take(), None);
    }
}
