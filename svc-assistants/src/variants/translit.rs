//! Russian in Latin letters.

use super::{bigrams, english};
use crate::words::is_cyrillic;

/// Longest first: the first that fits is taken.
const LETTERS: [(&str, &str); 49] = [
    // Where the soft sign is left out and a common word hangs on it.
    ("olko", "олько"),
    ("bolsh", "больш"),
    ("nelz", "нельз"),
    ("polz", "польз"),
    ("iya", "ия"),
    ("iyu", "ию"),
    ("iye", "ие"),
    ("shch", "щ"),
    ("sch", "щ"),
    ("iy", "ий"),
    ("yy", "ый"),
    ("ya", "я"),
    ("ja", "я"),
    ("yu", "ю"),
    ("ju", "ю"),
    ("yo", "ё"),
    ("jo", "ё"),
    ("ye", "е"),
    ("zh", "ж"),
    ("kh", "х"),
    ("ts", "ц"),
    ("ch", "ч"),
    ("sh", "ш"),
    ("a", "а"),
    ("b", "б"),
    ("v", "в"),
    ("w", "в"),
    ("g", "г"),
    ("d", "д"),
    ("e", "е"),
    ("z", "з"),
    ("i", "и"),
    ("j", "й"),
    ("k", "к"),
    ("l", "л"),
    ("m", "м"),
    ("n", "н"),
    ("o", "о"),
    ("p", "п"),
    ("r", "р"),
    ("s", "с"),
    ("t", "т"),
    ("u", "у"),
    ("f", "ф"),
    ("h", "х"),
    ("x", "кс"),
    ("c", "ц"),
    ("q", "к"),
    ("'", "ь"),
];
/// How well the Russian reading must do, in hundredths of its pairs.
const ENOUGH: usize = 70;

/// The text with its Latin words in Cyrillic letters; `None` when they do not read as Russian.
pub(super) fn to_russian(text: &str) -> Option<String> {
    let common = text.split(' ').filter(|word| english::is_common(word)).count();
    // One English word is a brand or a loan; most of them are an English question.
    if text.chars().any(is_cyrillic) || common * 2 > text.split(' ').count() {
        return None;
    }
    let mut changed = false;
    let words: Vec<String> = text
        .split(' ')
        .map(|word| match word_to_russian(word) {
            Some(russian) => {
                changed = true;
                russian
            }
            None => word.to_owned(),
        })
        .collect();
    changed.then(|| words.join(" "))
}

fn word_to_russian(word: &str) -> Option<String> {
    let letters = word.chars().filter(|symbol| symbol.is_ascii_alphabetic()).count();
    if english::is_common(word) || letters < 2 || word.contains(['@', '/', '.', '_']) && !word.ends_with('.') {
        return None;
    }
    let lower = word.to_lowercase();
    let mut russian = String::new();
    let mut rest = lower.as_str();
    while let Some(symbol) = rest.chars().next() {
        if let Some((latin, cyrillic)) = LETTERS.iter().find(|(latin, _)| rest.starts_with(latin)) {
            russian.push_str(cyrillic);
            rest = rest.get(latin.len()..).unwrap_or_default();
            continue;
        }
        match symbol {
            // After a vowel y is a consonant.
            'y' if russian.ends_with(['а', 'е', 'ё', 'и', 'о', 'у', 'ы', 'э', 'ю', 'я']) => russian.push('й'),
            'y' => russian.push('ы'),
            other => russian.push(other),
        }
        rest = rest.get(symbol.len_utf8()..).unwrap_or_default();
    }
    let score = bigrams::russian(&russian);
    (score >= ENOUGH && score + 10 >= bigrams::english(&lower)).then_some(russian)
}
