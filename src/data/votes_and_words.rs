//! Readers' votes beside labels or folders that say the same in words: the two may not contradict each other.

use std::collections::BTreeSet;
use std::path::Path;

use super::near_names::near_key;
use super::prepare_config::PrepareConfig;
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Holds the votes of both readers to the word of each image, where one of the words is that of the class of interest.
///
/// # Errors
/// The first image on which both readers agree, but not with its word.
pub(super) fn require_votes_fit(
    path: &Path,
    names: &[String],
    words: &[String],
    votes: &[(bool, bool)],
    config: &PrepareConfig,
) -> Result<()> {
    let known: BTreeSet<String> = words.iter().map(|word| near_key(word)).collect();
    let binary = known.iter().eq(["0", "1"]).then_some("1");
    let interest = config
        .rim_label
        .as_deref()
        .map(near_key)
        .or_else(|| ["rim", "prl"].into_iter().find(|word| known.contains(*word)).or(binary).map(str::to_owned));
    let Some(interest) = interest.filter(|interest| known.contains(interest) && known.len() > 1) else {
        return Ok(());
    };
    let doubtful = near_key(config.ambiguous_label.as_deref().unwrap_or("ambiguous"));
    for ((name, word), &(first, second)) in names.iter().zip(words).zip(votes) {
        let key = near_key(word);
        if first == second && key != doubtful && (key == interest) != first {
            return Err(Problem::input(
                path,
                format!("both readers say {} of {}, which is called {}", u8::from(first), shown(name), shown(word)),
            )
            .expected("votes that fit the labels or folders")
            .advice("correct the one that does not hold, or leave the labels out: votes outrank them"));
        }
    }
    Ok(())
}
