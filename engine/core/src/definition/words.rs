//! Words of Kiket's files that stand for one of a few things.
//!
//! Kiket's dialects know more words than this version acts on. One that it does not know is no error: a warning says
//! what it counts as.

use crate::decode::scalar;
use crate::diagnostic::{Code, Problems};
use crate::yaml::Node;

/// The words for one thing: a type of state, a level of a notice.
pub(super) struct Words<T: 'static> {
    /// What one of them is, with its article: `a type of state`.
    pub(super) what: &'static str,
    /// The words and what they stand for; the first one is what an unknown word counts as.
    pub(super) words: &'static [(&'static str, T)],
}

impl<T: Copy> Words<T> {
    /// Returns what a word stands for.
    fn find(&self, word: &str) -> Option<T> {
        self.words.iter().find(|(known, _)| *known == word.trim()).map(|(_, meaning)| *meaning)
    }

    /// Reads a word; an unknown one is warned of and counts as the first. `None` where there is no word.
    pub(super) fn read(&self, node: Option<&Node>, problems: &mut Problems<'_>) -> Option<T> {
        let node = node?;
        let word = scalar(node)?;
        self.find(&word).or_else(|| {
            let (first, meaning) = self.words.first()?;
            let what = self.what;
            let message = format!("\"{word:.40}\" is not {what} that this version acts on; it counts as \"{first}\"");
            let known = self.words.iter().map(|(known, _)| *known);
            problems.report_unknown(Code::NotActedOnYet, node.span, message, &word, known);
            Some(*meaning)
        })
    }
}
