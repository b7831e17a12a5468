//! Other ways in which a question may have been meant, for the search: never instead of the question itself.

use neipix_proto::assistants::v1::QuestionReading;
use unicode_normalization::UnicodeNormalization;

mod bigrams;
mod english;
mod layout;
mod translit;

use crate::words::is_cyrillic;

/// Variants of one question, the question itself included.
pub const VARIANTS_MAX: usize = 6;
/// Characters of a question that are looked at for variants; the question itself is kept whole.
const LOOKED_AT_CHARS_MAX: usize = 1_000;

/// How a variant came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariantKind {
    /// The question as it was written.
    Original,
    /// Without invisible characters, double spaces and letters that only look like others.
    Normalised,
    /// Typed with the other keyboard layout: ghbdtn → привет.
    Layout,
    /// Russian in Latin letters: dostavka → доставка.
    Translit,
    /// Е for ё, or ё where е was written: счёт, счет.
    Yo,
    /// An abbreviation written out: ЛК → личный кабинет.
    Abbreviation,
}

impl VariantKind {
    /// As callers see it.
    #[must_use]
    pub fn to_wire(self) -> QuestionReading {
        match self {
            Self::Original => QuestionReading::Original,
            Self::Normalised => QuestionReading::Normalised,
            Self::Layout => QuestionReading::Layout,
            Self::Translit => QuestionReading::Translit,
            Self::Yo => QuestionReading::Yo,
            Self::Abbreviation => QuestionReading::Abbreviation,
        }
    }
}

/// A way to read the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// What to search for.
    pub text: String,
    /// How it came about.
    pub kind: VariantKind,
}

/// The question first, then at most five other readings, all different.
pub fn variants(question: &str) -> Vec<Variant> {
    let mut found = vec![Variant { text: question.to_owned(), kind: VariantKind::Original }];
    let looked_at: String = question.chars().take(LOOKED_AT_CHARS_MAX).collect();
    let normalised = normalise(&looked_at);
    if looked_at.len() == question.len() {
        add(&mut found, VariantKind::Normalised, normalised.clone());
    }
    // A question in the wrong layout is in no language at all, so the further readings start from the right one.
    let switched = layout::switch(&normalised);
    let latin = switched.is_none().then(|| translit::to_russian(&normalised)).flatten();
    let meant = switched.clone().or_else(|| latin.clone()).unwrap_or(normalised);
    for (kind, text) in [
        (VariantKind::Layout, switched),
        (VariantKind::Translit, latin),
        (VariantKind::Abbreviation, expand_abbreviations(&meant)),
        (VariantKind::Yo, swap_yo(&meant)),
    ] {
        if let Some(text) = text {
            add(&mut found, kind, text);
        }
    }
    found
}

fn add(found: &mut Vec<Variant>, kind: VariantKind, text: String) {
    let is_new = found.iter().all(|variant| variant.text != text);
    if is_new && !text.trim().is_empty() && found.len() < VARIANTS_MAX {
        found.push(Variant { text, kind });
    }
}

/// NFKC, single spaces, nothing invisible, and one alphabet per word.
fn normalise(text: &str) -> String {
    let visible: String = text
        .nfkc()
        .filter(|symbol| !matches!(symbol, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'))
        .map(|symbol| if symbol.is_control() { ' ' } else { symbol })
        .collect();
    let words: Vec<String> = visible.split_whitespace().map(one_alphabet).collect();
    words.join(" ")
}

/// Latin letters and the Cyrillic ones that look the same, at the same places.
const LATIN_LOOKS: &str = "aceopxyABCEHKMOPTXy";
const CYRILLIC_LOOKS: &str = "асеорхуАВСЕНКМОРТХу";

/// A word of two alphabets is written in that of its letters that have no look-alike, or of most.
fn one_alphabet(word: &str) -> String {
    let cyrillic = word.chars().filter(|symbol| is_cyrillic(*symbol)).count();
    let latin = word.chars().filter(char::is_ascii_alphabetic).count();
    if cyrillic == 0 || latin == 0 {
        return word.to_owned();
    }
    let sure_cyrillic = word.chars().any(|symbol| is_cyrillic(symbol) && !CYRILLIC_LOOKS.contains(symbol));
    let sure_latin = word.chars().any(|symbol| symbol.is_ascii_alphabetic() && !LATIN_LOOKS.contains(symbol));
    let (from, to) = match (sure_cyrillic, sure_latin) {
        // «SIM-карта» is two words in one and rightly so.
        (true, true) => return word.to_owned(),
        (true, false) => (LATIN_LOOKS, CYRILLIC_LOOKS),
        (false, true) => (CYRILLIC_LOOKS, LATIN_LOOKS),
        (false, false) if cyrillic >= latin => (LATIN_LOOKS, CYRILLIC_LOOKS),
        (false, false) => (CYRILLIC_LOOKS, LATIN_LOOKS),
    };
    word.chars()
        .map(|symbol| {
            from.chars().zip(to.chars()).find(|(other, _)| *other == symbol).map_or(symbol, |(_, looks)| looks)
        })
        .collect()
}

/// Stems in which people leave the dots out; the search knows both forms by this.
const YO_STEMS: [(&str, &str); 14] = [
    ("счет", "счёт"),
    ("расчет", "расчёт"),
    ("отчет", "отчёт"),
    ("учет", "учёт"),
    ("зачет", "зачёт"),
    ("платеж", "платёж"),
    ("прием", "приём"),
    ("объем", "объём"),
    ("заем", "заём"),
    ("еще", "ещё"),
    ("надежн", "надёжн"),
    ("тверд", "твёрд"),
    ("партнер", "партнёр"),
    ("самолет", "самолёт"),
];

fn swap_yo(text: &str) -> Option<String> {
    if text.contains(['ё', 'Ё']) {
        return Some(text.replace('ё', "е").replace('Ё', "Е"));
    }
    let dotted: Vec<String> = text
        .split(' ')
        .map(|word| {
            let lower = word.to_lowercase();
            YO_STEMS
                .iter()
                .find(|(plain, _)| lower.starts_with(plain))
                .map_or_else(|| word.to_owned(), |(plain, dotted)| lower.replacen(plain, dotted, 1))
        })
        .collect();
    let dotted = dotted.join(" ");
    (dotted != text).then_some(dotted)
}

const ABBREVIATIONS: [(&str, &str); 26] = [
    ("лк", "личный кабинет"),
    ("з/п", "зарплата"),
    ("зп", "зарплата"),
    ("тк", "транспортная компания"),
    ("пвз", "пункт выдачи заказов"),
    ("ип", "индивидуальный предприниматель"),
    ("б/у", "бывший в употреблении"),
    ("эцп", "электронная подпись"),
    ("эдо", "электронный документооборот"),
    ("дз", "домашнее задание"),
    ("д/з", "домашнее задание"),
    ("мск", "москва"),
    ("спб", "санкт-петербург"),
    ("питер", "санкт-петербург"),
    ("тел", "телефон"),
    ("инет", "интернет"),
    ("оф", "офис"),
    ("др", "день рождения"),
    ("вк", "вконтакте"),
    ("тг", "телеграм"),
    ("руб", "рублей"),
    ("пн", "понедельник"),
    ("сб", "суббота"),
    ("вс", "воскресенье"),
    ("кп", "коммерческое предложение"),
    ("ндс", "налог на добавленную стоимость"),
];

fn expand_abbreviations(text: &str) -> Option<String> {
    let expanded: Vec<String> = text
        .split(' ')
        .map(|word| {
            let core = word.trim_matches(|symbol: char| !symbol.is_alphanumeric());
            let lower = core.to_lowercase();
            ABBREVIATIONS
                .iter()
                .find(|(short, _)| *short == lower)
                .map_or_else(|| word.to_owned(), |(_, full)| word.replacen(core, full, 1))
        })
        .collect();
    let expanded = expanded.join(" ");
    (expanded != text).then_some(expanded)
}

#[cfg(test)]
#[path = "variants/tests.rs"]
mod tests;
