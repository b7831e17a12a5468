//! Where sentences begin and end, as byte ranges.

use std::ops::Range;

/// Short forms whose point ends no sentence.
const SHORT_FORMS: [&str; 34] = [
    "г", "гг", "ул", "д", "стр", "корп", "кв", "оф", "р", "руб", "коп", "тыс", "млн", "млрд", "т", "е", "к", "п", "пр",
    "др", "см", "рис", "тел", "им", "обл", "мин", "ч", "шт", "etc", "mr", "mrs", "dr", "no", "vs",
];

/// The sentences of `text` in order, without the white space between them. Line ends alone do not part
/// sentences: lines are cut by paper, empty lines and list marks by meaning; pass one paragraph at a time.
pub(crate) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut symbols = text.char_indices().peekable();
    while let Some((at, symbol)) = symbols.next() {
        if !matches!(symbol, '.' | '!' | '?' | '…') {
            continue;
        }
        let mut end = at + symbol.len_utf8();
        // Closing quotes and further marks belong to the sentence.
        while let Some((next_at, next)) = symbols.peek().copied() {
            if !matches!(next, '.' | '!' | '?' | '…' | '»' | '"' | '”' | ')') {
                break;
            }
            end = next_at + next.len_utf8();
            symbols.next();
        }
        let rest = text.get(end..).unwrap_or_default();
        if ends_here(text.get(start..at).unwrap_or_default(), symbol, rest) {
            push(&mut found, text, start..end);
            start = end;
        }
    }
    push(&mut found, text, start..text.len());
    found
}

/// White space must follow, and after a point also something that can begin a sentence.
fn ends_here(before: &str, mark: char, rest: &str) -> bool {
    if !rest.starts_with(char::is_whitespace) {
        return false;
    }
    if mark != '.' {
        return true;
    }
    let word = before.rsplit(|symbol: char| !symbol.is_alphanumeric()).next().unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let ordinal = !word.is_empty()
        && word.chars().all(|symbol| symbol.is_ascii_digit())
        && before.trim_start().len() == word.len();
    let next = rest.trim_start().chars().next();
    let short = SHORT_FORMS.contains(&word.to_lowercase().as_str());
    !initial && !ordinal && !short && next.is_none_or(|next| !next.is_lowercase())
}

fn push(found: &mut Vec<Range<usize>>, text: &str, range: Range<usize>) {
    let part = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    if start < end {
        found.push(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        ranges(text).into_iter().filter_map(|range| text.get(range)).collect()
    }

    #[test]
    fn short_forms_numbers_and_initials_end_nothing() {
        assert_eq!(
            split("Офис: г. Москва, ул. Ленина, д. 5. Работаем с 9.00 до 18.00! А. С. Пушкин придёт? Да… "),
            ["Офис: г. Москва, ул. Ленина, д. 5.", "Работаем с 9.00 до 18.00!", "А. С. Пушкин придёт?", "Да…"]
        );
        assert_eq!(split("1. Первый пункт. Второе предложение"), ["1. Первый пункт.", "Второе предложение"]);
        assert_eq!(split("  "), Vec::<&str>::new());
    }
}
