//! Words typed with the other keyboard layout.

use super::{bigrams, english};
use crate::words::is_cyrillic;

/// The same keys, ЙЦУКЕН under QWERTY.
const LATIN_KEYS: &str = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./~QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>?&^@";
const CYRILLIC_KEYS: &str = "ёйцукенгшщзхъфывапролджэячсмитьбю.ЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,?:\"";
/// How much better the switched word must look, in hundredths of its pairs.
const MARGIN: usize = 25;
/// The text with every word switched that looks typed in the wrong layout; `None` when none does.
pub(super) fn switch(text: &str) -> Option<String> {
    let mut switched = 0;
    let words: Vec<String> = text
        .split(' ')
        .map(|word| match switch_word(word) {
            Some(other) => {
                switched += 1;
                other
            }
            None => word.to_owned(),
        })
        .collect();
    if switched == 0 {
        return None;
    }
    // Short words and lucky ones say too little by themselves: they follow the others, all in one direction.
    let to_russian = words.iter().any(|word| word.chars().any(is_cyrillic) && !text.contains(word.as_str()));
    let words: Vec<String> = words.into_iter().map(|word| follow(word, text, to_russian)).collect();
    Some(words.join(" "))
}

/// A word that did not convince alone, in a text of which other words were switched.
fn follow(word: String, text: &str, to_russian: bool) -> String {
    let is_latin = word.chars().any(|symbol| symbol.is_ascii_alphabetic());
    let is_russian = word.chars().any(is_cyrillic);
    if is_latin == is_russian || is_latin != to_russian || !text.split(' ').any(|own| own == word) {
        return word;
    }
    if to_russian {
        let other = map(&word, LATIN_KEYS, CYRILLIC_KEYS);
        let is_short = word.chars().count() <= 3;
        let fits = is_short || bigrams::russian(&other) + MARGIN >= bigrams::english(&word);
        return if fits && !english::is_common(&word) { other } else { word };
    }
    let other = map(&word, CYRILLIC_KEYS, LATIN_KEYS);
    let fits = other.chars().all(|symbol| symbol.is_ascii_alphabetic());
    if fits && bigrams::english(&other) >= bigrams::russian(&word) { other } else { word }
}

fn switch_word(word: &str) -> Option<String> {
    let latin = word.chars().filter(char::is_ascii_alphabetic).count();
    let cyrillic = word.chars().filter(|symbol| is_cyrillic(*symbol)).count();
    if word.chars().any(|symbol| symbol.is_ascii_digit()) || english::is_common(word) {
        return None;
    }
    if latin >= 3 && cyrillic == 0 {
        // A point or a comma at the end may be either a mark or the letter ю or б.
        let bare = word.trim_end_matches(['.', ',', '?', '!', ':', ';']);
        let marks = word.get(bare.len()..).unwrap_or_default();
        let whole = map(word, LATIN_KEYS, CYRILLIC_KEYS);
        let without = format!("{}{marks}", map(bare, LATIN_KEYS, CYRILLIC_KEYS));
        let best = if marks.starts_with(['.', ',', ';']) && bigrams::russian(&whole) > bigrams::russian(&without) {
            whole
        } else {
            without
        };
        let plausible = bigrams::russian(&best) >= bigrams::english(word) + MARGIN && has_russian_vowel(&best);
        return plausible.then_some(best);
    }
    if cyrillic >= 4 && latin == 0 {
        let other = map(word, CYRILLIC_KEYS, LATIN_KEYS);
        // Only letters of the other alphabet make a word: «;» in the middle is none.
        let bare = other.trim_end_matches(|symbol: char| !symbol.is_alphabetic());
        let plausible = bare.chars().all(|symbol| symbol.is_ascii_alphabetic())
            && bigrams::english(bare) >= bigrams::russian(word) + MARGIN
            && bare.contains(['a', 'e', 'i', 'o', 'u', 'y', 'A', 'E', 'I', 'O', 'U', 'Y']);
        return plausible.then_some(other);
    }
    None
}

fn has_russian_vowel(word: &str) -> bool {
    word.to_lowercase().contains(['а', 'е', 'ё', 'и', 'о', 'у', 'ы', 'э', 'ю', 'я'])
}

fn map(word: &str, from: &str, to: &str) -> String {
    word.chars()
        .map(|symbol| from.chars().zip(to.chars()).find(|(key, _)| *key == symbol).map_or(symbol, |(_, other)| other))
        .collect()
}
