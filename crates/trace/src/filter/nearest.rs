//! What somebody may have meant who wrote a name that does not exist.

/// A word longer than this is no slip of the finger.
const LONGEST: usize = 32;

/// The one of `known` that is nearest to `word`, if any is near: a third of its letters may be wrong, or one of a short word, but never all.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    if word.len() > LONGEST {
        return None;
    }
    let near = known.into_iter().map(|name| (slips(&word, &name.to_lowercase().chars().collect::<Vec<_>>()), name));
    // Of several, the first: tables list the usual before the unusual.
    near.filter(|(slips, _)| *slips < word.len() && *slips <= (word.len() / 3).max(1)).min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour (optimal string alignment).
fn slips(from: &[char], to: &[char]) -> usize {
    let mut before_last = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1; to.len() + 1];
        for (j, b) in to.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_left_out_added_changed_or_swapped_are_counted() {
        let slips = |a: &str, b: &str| slips(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!([slips("snt", "sent"), slips("tpye", "type"), slips("peeer", "peer"), slips("seqq", "time"), slips("", "why")], [1, 1, 1, 4, 3]);
    }

    #[test]
    fn only_what_is_near_is_offered() {
        let known = ["sent", "received", "dropped"];
        assert_eq!(nearest("SNET", known), Some("sent"));
        assert_eq!(nearest("recieved", known), Some("received"));
        assert_eq!(nearest("timer", known), None);
        assert_eq!((nearest("x", ["s", "h"]), nearest("S", ["s", "h"])), (None, Some("s")));
        assert_eq!(nearest(&"sent".repeat(100), known), None);
    }
}
