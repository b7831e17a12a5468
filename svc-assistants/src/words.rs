//! Words as the search and the answerer compare them: lower case, ё as е, cut to the stem, without the words
//! that every sentence has.

use std::{collections::HashSet, sync::LazyLock};

use rust_stemmers::{Algorithm, Stemmer};

/// Whether a text is in Russian: more Cyrillic letters than Latin ones.
pub(crate) fn is_russian(text: &str) -> bool {
    let cyrillic = text.chars().filter(|symbol| is_cyrillic(*symbol)).count();
    let latin = text.chars().filter(char::is_ascii_alphabetic).count();
    cyrillic > latin
}

/// А to я and ё in both cases.
pub(crate) fn is_cyrillic(symbol: char) -> bool {
    matches!(symbol, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё')
}

/// Cuts words to their stems. Making one is cheap, but not for each word.
pub(crate) struct Stems {
    russian: Stemmer,
    english: Stemmer,
}

impl Default for Stems {
    fn default() -> Self {
        Self { russian: Stemmer::create(Algorithm::Russian), english: Stemmer::create(Algorithm::English) }
    }
}

impl Stems {
    /// The stems of the words of a text that carry meaning, in order, repeats included.
    pub(crate) fn of(&self, text: &str) -> Vec<String> {
        text.split(|symbol: char| !symbol.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(|word| word.to_lowercase().replace('ё', "е"))
            .filter(|word| !is_stop_word(word))
            .map(|word| self.stem(&word))
            .collect()
    }

    fn stem(&self, word: &str) -> String {
        let stemmer = if word.chars().any(is_cyrillic) { &self.russian } else { &self.english };
        let stem = stemmer.stem(word).into_owned();
        // Snowball leaves the fleeting vowel: «посылок» and «посылка» should still meet.
        match stem.strip_suffix("ок").or_else(|| stem.strip_suffix("ек")) {
            Some(root) if root.chars().count() >= 4 => format!("{root}к"),
            _ => stem,
        }
    }
}

/// Whether a word, in lower case and with е for ё, is one that every sentence has. Words of a single letter count too, unless
/// they are digits.
pub(crate) fn is_stop_word(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_ascii_whitespace().collect());
    let single = word.chars().count() == 1 && !word.chars().all(|symbol| symbol.is_ascii_digit());
    single || WORDS.contains(word)
}

/// Ordered by language and by kind, not by letter: it is read by people.
const STOP_WORDS: &str = "\
    и а но или да же ли бы не ни то что чтобы как так это этот эта эти того этого \
    в во на с со к ко у о об от до по за из под над при для без про через между \
    я ты он она оно мы вы они меня тебя его ее нас вас их мне тебе ему ей нам вам им мой моя мое мои ваш ваша \
    ваше ваши наш наша наше наши свой себя \
    есть быть был была было были будет будут можно ли можете могу нужно надо \
    где когда куда откуда почему зачем кто какой какая какие какое каких каком какую чем \
    все всё еще уже только очень там тут здесь вот ну если \
    подскажите скажите пожалуйста здравствуйте привет добрый день хочу узнать интересует \
    the an and or but of in on at to for from by with about as is are was were be been do does did can could \
    would should will shall may i you he she it we they me my your his her its our their this that these those \
    what which who whom where when why how please tell there here if not no yes any some have has had hello hi";

/// What a question asks for in words that the answer seldom repeats: «сколько стоит» and «300 руб.» share one.
///
/// The groups are beginnings of words, all lower case, ё as е.
const CONCEPTS: [&[&str]; 7] = [
    &["стоит", "стои", "цен", "почем", "прайс", "тариф", "руб", "price", "cost", "fee"],
    &["адрес", "ул", "улиц", "просп", "находит", "располож", "address", "located", "street"],
    &["режим", "график", "час", "работает", "работаете", "открыт", "open", "hours", "schedule"],
    &["воскресен", "вс", "суббот", "сб", "выходн", "ежедневн", "weekend", "sunday", "saturday", "daily"],
    &["телефон", "позвон", "звон", "phone", "call"],
    &["почт", "email", "mail", "имейл"],
    &["плат", "оплат", "pay", "paid"],
];

/// Beginnings that count only as whole words: they begin many others.
const WHOLE_ONLY: [&str; 5] = ["ул", "вс", "сб", "час", "call"];

/// The concepts that the words of a text belong to, as indexes into a fixed list.
pub(crate) fn concepts(text: &str) -> impl Iterator<Item = usize> {
    let words: Vec<String> = text
        .split(|symbol: char| !symbol.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().replace('ё', "е"))
        .collect();
    CONCEPTS.iter().enumerate().filter_map(move |(index, group)| {
        let is_named = group.iter().any(|start| {
            words.iter().any(|word| if WHOLE_ONLY.contains(start) { word == start } else { word.starts_with(start) })
        });
        is_named.then_some(index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        let stems = Stems::default();
        assert_eq!(stems.of("Сколько стоит доставка?"), stems.of("сколько стоят доставки"));
        assert_eq!(stems.of("расчёт возвратов"), stems.of("расчеты возврата"));
        assert_eq!(stems.of("deliveries"), stems.of("the delivery"));
        assert_eq!(stems.of("где мои посылки"), stems.of("посылок"));
    }
}
