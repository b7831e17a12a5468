//! Which passages have a word, remembered by the process, and the best of them.
//!
//! A file's lists never change once it is ready, so what is remembered goes by the set of files that answers may come from: a
//! file that comes, goes or is read anew makes another set. Nothing here says which files those are; each search reads that.

use std::{collections::BTreeMap, sync::Arc};

use neipix_mesh::{AssistantId, FileId, WorkspaceId};
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest as _, Sha256};

/// Bytes of lists that a process remembers.
const LISTS_BYTES: u64 = 16 << 20;
/// Bytes of stems, and of similar passages.
const OTHERS_BYTES: u64 = 4 << 20;
/// What each costs beside its own bytes.
const ENTRY_BYTES: usize = 96;
/// About how many there are of each.
const ENTRIES: usize = 20_000;

/// The files that an assistant's answers may come from now.
#[derive(Debug, Clone)]
pub struct Files {
    /// Their ids.
    pub ids: Vec<FileId>,
    mark: Mark,
}

/// A set of files, in 16 bytes.
type Mark = [u8; 16];

impl Files {
    /// Of files and the extraction that their passages come from.
    #[must_use]
    pub fn new(ws: WorkspaceId, assistant: AssistantId, files: &[(FileId, i32)]) -> Self {
        let mut hash = Sha256::new();
        hash.update(ws.0);
        hash.update(assistant.0);
        for (id, run) in files {
            hash.update(id.0);
            hash.update(run.to_be_bytes());
        }
        let whole: [u8; 32] = hash.finalize().into();
        let mut mark = Mark::default();
        mark.copy_from_slice(&whole[..16]);
        Self { ids: files.iter().map(|(id, _)| *id).collect(), mark }
    }
}

/// Where a passage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Its file.
    pub file: FileId,
    /// The extraction.
    pub version: i32,
    /// Its number in the file, from 1.
    pub n: i32,
}

/// The passages of one file that have a word.
#[derive(Debug, Clone, PartialEq)]
pub struct InFile {
    /// The file.
    pub file: FileId,
    /// The extraction.
    pub version: i32,
    /// Numbers of passages.
    pub places: Vec<i32>,
    /// Beside each: how much the word says about it.
    pub weights: Vec<f32>,
}

/// The passages that have a word, by file; nothing where none has it.
pub type WordList = Arc<[InFile]>;
/// Passages with a word like one, best first.
pub type Similar = Arc<[(Place, f32)]>;

/// Counts bytes: words are as long as people write them.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<String, Arc<[String]>> for Bytes {
    fn weight(&self, word: &String, stems: &Arc<[String]>) -> u64 {
        let stems: usize = stems.iter().map(|stem| size_of::<String>() + stem.len()).sum();
        (ENTRY_BYTES + word.len() + stems) as u64
    }
}

impl Weighter<(Mark, String), WordList> for Bytes {
    fn weight(&self, (_, word): &(Mark, String), list: &WordList) -> u64 {
        let rows: usize = list.iter().map(|file| size_of::<InFile>() + 8 * file.places.len()).sum();
        (ENTRY_BYTES + word.len() + rows) as u64
    }
}

impl Weighter<(Mark, String, i32), Similar> for Bytes {
    fn weight(&self, (_, word, _): &(Mark, String, i32), rows: &Similar) -> u64 {
        (ENTRY_BYTES + word.len() + size_of_val::<[(Place, f32)]>(rows)) as u64
    }
}

/// What is remembered.
#[derive(Debug)]
pub struct Lists {
    stems: Cache<String, Arc<[String]>, Bytes>,
    words: Cache<(Mark, String), WordList, Bytes>,
    similar: Cache<(Mark, String, i32), Similar, Bytes>,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            stems: Cache::with_weighter(ENTRIES, OTHERS_BYTES, Bytes),
            words: Cache::with_weighter(ENTRIES, LISTS_BYTES, Bytes),
            similar: Cache::with_weighter(ENTRIES, OTHERS_BYTES, Bytes),
        }
    }
}

impl Lists {
    /// What Postgres makes of a word: stems; none for a stop word.
    #[must_use]
    pub fn stems(&self, word: &str) -> Option<Arc<[String]>> {
        self.stems.get(word)
    }

    /// Remembers a word's stems.
    pub fn learn_stems(&self, word: String, stems: Vec<String>) {
        self.stems.insert(word, stems.into());
    }

    /// The passages that have a stem.
    #[must_use]
    pub fn word(&self, files: &Files, stem: &str) -> Option<WordList> {
        self.words.get(&(files.mark, stem.to_owned()))
    }

    /// Remembers the passages that have a stem.
    pub fn learn_word(&self, files: &Files, stem: String, list: Vec<InFile>) -> WordList {
        let list: WordList = list.into();
        self.words.insert((files.mark, stem), list.clone());
        list
    }

    /// Passages with words like this one, so many at most.
    #[must_use]
    pub fn similar(&self, files: &Files, word: &str, most: i32) -> Option<Similar> {
        self.similar.get(&(files.mark, word.to_owned(), most))
    }

    /// Remembers passages with words like this one.
    pub fn learn_similar(&self, files: &Files, word: String, most: i32, rows: Vec<(Place, f32)>) -> Similar {
        let rows: Similar = rows.into();
        self.similar.insert((files.mark, word, most), rows.clone());
        rows
    }
}

/// The best passages for some words, best first: each word's weight there by the word's rarity. Equal ones go by their place.
#[must_use]
pub fn best(words: &[WordList], most: usize) -> Vec<(Place, f32)> {
    let mut by_file: BTreeMap<(FileId, i32), Vec<(&InFile, f32)>> = BTreeMap::new();
    for word in words {
        let known: usize = word.iter().map(|file| file.places.len()).sum();
        let rarity = 1.0 / (2.0 + known as f32).ln();
        for file in word.iter() {
            by_file.entry((file.file, file.version)).or_default().push((file, rarity));
        }
    }
    let mut found: Vec<(Place, f32)> = vec![];
    for ((file, version), lists) in by_file {
        let last = lists.iter().filter_map(|(list, _)| list.places.iter().max()).max().copied().unwrap_or(0);
        let mut scores = vec![0.0_f32; usize::try_from(last).unwrap_or(0) + 1];
        for (list, rarity) in lists {
            for (n, weight) in list.places.iter().zip(&list.weights) {
                if let Some(score) = usize::try_from(*n).ok().and_then(|n| scores.get_mut(n)) {
                    *score += weight * rarity;
                }
            }
        }
        let scored = (0..).zip(scores).filter(|(_, score)| *score > 0.0);
        found.extend(scored.map(|(n, score)| (Place { file, version, n }, score)));
    }
    let order = |a: &(Place, f32), b: &(Place, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if found.len() > most {
        found.select_nth_unstable_by(most, order);
        found.truncate(most);
    }
    found.sort_unstable_by(order);
    found
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn file(id: u128) -> FileId {
        FileId(Uuid::from_u128(id))
    }

    fn word(of: u128, places: &[(i32, f32)]) -> InFile {
        let (places, weights) = places.iter().copied().unzip();
        InFile { file: file(of), version: 1, places, weights }
    }

    fn order(words: &[WordList], most: usize) -> Vec<(u128, i32)> {
        best(words, most).iter().map(|(place, _)| (place.file.0.as_u128(), place.n)).collect()
    }

    #[test]
    fn a_passage_with_both_words_comes_before_one_with_the_better_half() {
        let words: [WordList; 2] =
            [Arc::new([word(1, &[(1, 1.0), (2, 1.2)])]), Arc::new([word(1, &[(1, 1.0)]), word(2, &[(7, 1.1)])])];
        assert_eq!(order(&words, 10), [(1, 1), (1, 2), (2, 7)]);
        assert_eq!(order(&words, 1), [(1, 1)]);
        assert_eq!(order(&[], 10), []);
    }

    #[test]
    fn a_rare_word_tells_more_than_one_that_is_everywhere() {
        let everywhere: Vec<(i32, f32)> = (1..=40).map(|n| (n, 1.0)).collect();
        let words: [WordList; 2] = [Arc::new([word(1, &everywhere)]), Arc::new([word(1, &[(50, 1.0)])])];
        assert_eq!(order(&words, 3), [(1, 50), (1, 1), (1, 2)], "and equal ones go by their place");
    }

    #[test]
    fn what_is_remembered_belongs_to_one_set_of_files() {
        let (ws, assistant) = (WorkspaceId(Uuid::from_u128(1)), AssistantId(Uuid::from_u128(2)));
        let lists = Lists::default();
        let files = Files::new(ws, assistant, &[(file(1), 1)]);
        lists.learn_word(&files, "доставк".into(), vec![word(1, &[(1, 1.0)])]);
        lists.learn_similar(&files, "достака".into(), 16, vec![(Place { file: file(1), version: 1, n: 1 }, 0.6)]);
        assert!(lists.word(&Files::new(ws, assistant, &[(file(1), 1)]), "доставк").is_some());
        for other in [
            Files::new(ws, assistant, &[(file(1), 2)]),
            Files::new(ws, assistant, &[(file(1), 1), (file(2), 1)]),
            Files::new(ws, AssistantId(Uuid::from_u128(3)), &[(file(1), 1)]),
            Files::new(WorkspaceId(Uuid::from_u128(3)), assistant, &[(file(1), 1)]),
        ] {
            assert!(lists.word(&other, "доставк").is_none());
            assert!(lists.similar(&other, "достака", 16).is_none());
        }
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for_however_long_the_words_are() {
        let lists = Lists::default();
        let files = Files::new(WorkspaceId(Uuid::nil()), AssistantId(Uuid::nil()), &[]);
        for n in 0..40 {
            lists.learn_word(&files, n.to_string(), vec![word(1, &vec![(1, 1.0); 100_000])]);
        }
        assert!(lists.words.weight() <= LISTS_BYTES && lists.words.len() < 40, "{}", lists.words.weight());
        for n in 0..2_000 {
            let long = format!("{n}{}", "ы".repeat(2_000));
            lists.learn_similar(&files, long.clone(), 16, vec![]);
            lists.learn_stems(long.clone(), vec![long]);
        }
        for weight in [lists.stems.weight(), lists.similar.weight()] {
            assert!(weight > 0 && weight <= OTHERS_BYTES, "{weight}");
        }
    }
}
