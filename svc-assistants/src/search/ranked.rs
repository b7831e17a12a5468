//! Ranked lists for a question: one per reading by its words, one per word that no passage has by trigrams. What is not
//! remembered is read.

use std::collections::{BTreeSet, HashMap};

use neipix_mesh::{AssistantId, Failure, WorkspaceId, db::Tx};

use super::{
    Question, list_rows,
    lists::{Files, Lists, Place, Similar, WordList, best},
    store,
};

/// How near the words stand to each other is looked at for so many of a list: it costs far more than adding weights.
const NEAR_MOST: usize = 10;

/// One ranked list.
pub(super) struct Ranked {
    /// Which reading or word, from 1.
    pub(super) number: i32,
    /// What was looked for; none where it was done by trigrams.
    pub(super) stems: Option<Vec<String>>,
    rows: Vec<(Place, f32)>,
}

impl Ranked {
    /// Its passages, best first: where, the stems whose nearness counts there, and the score without it.
    pub(super) fn places(&self) -> impl Iterator<Item = (Place, &[String], f32)> {
        let stems = self.stems.as_deref().unwrap_or_default();
        let near = move |at: usize| if at < NEAR_MOST { stems } else { &[] };
        self.rows.iter().enumerate().map(move |(at, (place, score))| (*place, near(at), *score))
    }
}

/// A search in some files.
pub(super) struct Search<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) lists: &'a Lists,
    pub(super) ws: WorkspaceId,
    pub(super) assistant: AssistantId,
    pub(super) files: &'a Files,
}

impl Search<'_> {
    /// The lists that have something in them, for so many passages.
    pub(super) async fn ranked(&mut self, question: &Question, most: usize) -> Result<Vec<Ranked>, Failure> {
        let readings: Vec<Vec<&str>> = question.readings.iter().map(|reading| words_of(&reading.text)).collect();
        let stems =
            self.stems(readings.iter().flatten().copied().chain(question.words.iter().map(String::as_str))).await?;
        let stems_of = |words: &[&str]| -> BTreeSet<&str> {
            words.iter().flat_map(|word| stems.get(*word).into_iter().flatten()).map(String::as_str).collect()
        };
        let mut sets: Vec<(i32, BTreeSet<&str>)> = vec![];
        for (number, reading) in (1..).zip(&readings) {
            let set = stems_of(reading);
            if !set.is_empty() && sets.iter().all(|(_, other)| *other != set) {
                sets.push((number, set));
            }
        }
        let unknown = question.words.iter().map(|word| (word, stems_of(&[word])));
        let words = self.words(sets.iter().flat_map(|(_, set)| set.iter().copied()).collect()).await?;
        let is_there = |stem: &&str| words.get(*stem).is_some_and(|list| !list.is_empty());
        let rows = usize::try_from(list_rows(most)).unwrap_or(most);
        let mut ranked: Vec<Ranked> = vec![];
        for (number, set) in &sets {
            let there: Vec<WordList> = set.iter().filter_map(|stem| words.get(*stem)).cloned().collect();
            let rows = best(&there, rows);
            if !rows.is_empty() {
                let stems = set.iter().map(|stem| (*stem).to_owned()).collect();
                ranked.push(Ranked { number: *number, stems: Some(stems), rows });
            }
        }
        let unknown: Vec<(i32, &String)> = (1..)
            .zip(unknown)
            .filter(|(_, (_, stems))| !stems.is_empty() && !stems.iter().any(is_there))
            .map(|(number, (word, _))| (number, word))
            .collect();
        let similar = self.similar(unknown.iter().map(|(_, word)| *word), list_rows(most)).await?;
        for (number, word) in unknown {
            let rows = similar.get(word).map(|rows| rows.to_vec()).unwrap_or_default();
            if !rows.is_empty() {
                ranked.push(Ranked { number, stems: None, rows });
            }
        }
        if let [only] = ranked.as_mut_slice() {
            // Nothing moves up from behind those whose nearness is looked at.
            only.rows.truncate(most.max(NEAR_MOST));
        }
        Ok(ranked)
    }

    async fn stems<'w>(
        &mut self,
        words: impl Iterator<Item = &'w str>,
    ) -> Result<HashMap<&'w str, Vec<String>>, Failure> {
        let mut known: HashMap<&str, Vec<String>> = HashMap::new();
        let mut unknown: Vec<&str> = vec![];
        for word in words {
            if known.contains_key(word) || unknown.contains(&word) {
                continue;
            }
            match self.lists.stems(word) {
                Some(stems) => drop(known.insert(word, stems.to_vec())),
                None => unknown.push(word),
            }
        }
        if !unknown.is_empty() {
            let asked: Vec<String> = unknown.iter().map(|word| (*word).to_owned()).collect();
            for (word, stems) in store::stems(self.tx, &asked).await? {
                if let Some(asked) = unknown.iter().find(|asked| **asked == word) {
                    known.insert(asked, stems.clone());
                }
                self.lists.learn_stems(word, stems);
            }
        }
        Ok(known)
    }

    async fn words(&mut self, stems: BTreeSet<&str>) -> Result<HashMap<String, WordList>, Failure> {
        let mut known: HashMap<String, WordList> = HashMap::new();
        let mut unknown: Vec<String> = vec![];
        for stem in stems {
            match self.lists.word(self.files, stem) {
                Some(list) => drop(known.insert(stem.to_owned(), list)),
                None => unknown.push(stem.to_owned()),
            }
        }
        if !unknown.is_empty() {
            for (stem, list) in store::words(self.tx, self.ws, self.assistant, self.files, &unknown).await? {
                known.insert(stem.clone(), self.lists.learn_word(self.files, stem, list));
            }
        }
        Ok(known)
    }

    async fn similar<'w>(
        &mut self,
        words: impl Iterator<Item = &'w String>,
        most: i32,
    ) -> Result<HashMap<String, Similar>, Failure> {
        let mut known: HashMap<String, Similar> = HashMap::new();
        let mut unknown: Vec<String> = vec![];
        for word in words {
            match self.lists.similar(self.files, word, most) {
                Some(rows) => drop(known.insert(word.clone(), rows)),
                None => unknown.push(word.clone()),
            }
        }
        if !unknown.is_empty() {
            for (word, rows) in store::similar(self.tx, self.assistant, self.files, &unknown, most).await? {
                known.insert(word.clone(), self.lists.learn_similar(self.files, word, most, rows));
            }
        }
        Ok(known)
    }
}

/// What stands between spaces, without the marks of sentences around it. What Postgres makes of a text's pieces is what it
/// makes of the text.
fn words_of(text: &str) -> Vec<&str> {
    const MARKS: &[char] =
        &['.', ',', '!', '?', ';', ':', '(', ')', '[', ']', '«', '»', '"', '„', '“', '”', '…', '—', '–'];
    text.split_whitespace().map(|word| word.trim_matches(MARKS)).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_the_marks_around_them_only() {
        assert_eq!(
            words_of("«Сколько» стоит 1.5 л, SIM-карта…  (–5)?"),
            ["Сколько", "стоит", "1.5", "л", "SIM-карта", "5"]
        );
        assert!(words_of(" ?! … ").is_empty());
    }
}
