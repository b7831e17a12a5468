//! Where an answer comes from: marks such as `[2]` in its text and the passages behind them.

use neipix_proto::assistants::v1::Citation;

use crate::{extractive, search::store::PassageRow};

/// Most characters of a quote.
const QUOTE_CHARS_MAX: usize = 500;

/// Citations for the marks of a model's answer, in the order of their numbers. Marks that no passage has are none.
#[must_use]
pub fn of_text(text: &str, passages: &[PassageRow]) -> Vec<Citation> {
    let mut marks: Vec<usize> = vec![];
    for (at, _) in text.match_indices('[') {
        let rest = text.get(at + 1..).unwrap_or_default();
        let Some((inside, _)) = rest.split_once(']') else { continue };
        // `[1]`, `[1, 3]`; anything else in brackets is plain text.
        let numbers: Option<Vec<usize>> = inside.split(',').map(|n| n.trim().parse().ok()).collect();
        marks.extend(numbers.filter(|_| inside.len() <= 20).unwrap_or_default());
    }
    marks.sort_unstable();
    marks.dedup();
    marks
        .into_iter()
        .filter_map(|n| {
            let row = passages.get(n.checked_sub(1)?)?;
            Some(citation(n, row, 0, &row.body))
        })
        .collect()
}

/// Citations of the built-in answerer: each passage by its first quote.
#[must_use]
pub fn of_quotes(list: &[extractive::Citation], passages: &[PassageRow]) -> Vec<Citation> {
    list.iter()
        .filter_map(|one| {
            let row = passages.get(one.passage)?;
            let range = one.quotes.first().cloned()?;
            let quote = row.body.get(range.clone())?;
            Some(citation(usize::try_from(one.mark).ok()?, row, range.start, quote))
        })
        .collect()
}

fn citation(n: usize, row: &PassageRow, offset: usize, quote: &str) -> Citation {
    let quote: String = quote.chars().take(QUOTE_CHARS_MAX).collect();
    let whole = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let start = row.start.saturating_add(whole(offset));
    Citation {
        n: whole(n),
        passage_id: row.id.to_string(),
        file_id: row.file_id.to_string(),
        title: row.file_name.clone(),
        page: row.page,
        start,
        end: start.saturating_add(whole(quote.len())),
        quote,
    }
}

#[cfg(test)]
mod tests {
    use neipix_mesh::{FileId, PassageId};
    use uuid::Uuid;

    use super::*;

    fn rows(count: u128) -> Vec<PassageRow> {
        (1..=count)
            .map(|n| PassageRow {
                id: PassageId(Uuid::from_u128(n)),
                file_id: FileId(Uuid::nil()),
                file_name: "a.md".into(),
                page: 3,
                start: 100,
                headings: vec![],
                body: "Доставка 300 ₽.".into(),
                indexed: String::new(),
                n: 1,
            })
            .collect()
    }

    #[test]
    fn used_marks_become_citations_and_invented_ones_do_not() {
        let found = of_text("Да [2]. Ещё [1, 3] и [9], [x], [0], [2].", &rows(3));
        assert_eq!(found.iter().map(|c| c.n).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(
            (found[0].page, found[0].start, found[0].end),
            (3, 100, 100 + i32::try_from("Доставка 300 ₽.".len()).unwrap())
        );
        assert_eq!(of_text("без ссылок [", &rows(3)), vec![]);
    }

    #[test]
    fn a_quote_points_into_its_page() {
        let quoted = extractive::Citation {
            mark: 1,
            passage: 0,
            quotes: std::iter::once("Доставка ".len().."Доставка 300".len()).collect(),
        };
        let found = of_quotes(&[quoted], &rows(1));
        assert_eq!((found[0].quote.as_str(), found[0].start, found[0].end), ("300", 117, 120));
    }
}
