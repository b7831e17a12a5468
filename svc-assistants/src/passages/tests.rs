use proptest::prelude::*;

use super::*;

fn page(text: &str) -> Page {
    Page { number: 1, text: text.to_owned() }
}

fn split_one(text: &str) -> Vec<Passage> {
    split(&[page(text)]).list
}

#[test]
fn a_passage_carries_the_headings_above_it() {
    let body = "Курьер привозит заказ за два дня. ".repeat(30);
    let text = format!("# Магазин\nО нас.\n\n## Доставка\n{body}\n\n## Возврат\nВернуть товар можно за 14 дней.");
    let passages = split_one(&text);
    assert_eq!(passages[0].text, "# Магазин\nО нас.");
    assert!(passages[1].text.starts_with("## Доставка\nКурьер"));
    assert_eq!(passages[2].headings, ["Магазин", "Доставка"]);
    assert!(passages[2].with_context().starts_with("Магазин › Доставка\nКурьер"));
    let last = &passages[passages.len() - 1];
    assert_eq!(last.text, "## Возврат\nВернуть товар можно за 14 дней.");
    assert_eq!(last.headings, ["Магазин", "Возврат"]);
    assert_eq!(last.with_context(), "Магазин\n## Возврат\nВернуть товар можно за 14 дней.");
}

#[test]
fn a_table_that_is_cut_keeps_its_header() {
    let rows = "| Стрижка модельная | 1500 |\n".repeat(40);
    let passages = split_one(&format!("| Услуга | Цена |\n|---|---|\n{rows}"));
    assert!(passages.len() > 1);
    assert_eq!(passages[0].table_header, None);
    for passage in &passages[1..] {
        assert_eq!(passage.table_header.as_deref(), Some("| Услуга | Цена |"));
        assert!(passage.text.starts_with("| Стрижка") && passage.text.ends_with('|'), "rows stay whole");
        assert!(passage.with_context().starts_with("| Услуга | Цена |\n| Стрижка"));
    }
}

#[test]
fn sentences_stay_whole_and_lengths_near_the_target() {
    let text = "Мы доставляем заказы по всей России, сроки зависят от города и склада. ".repeat(60);
    let passages = split_one(&text);
    for passage in &passages {
        assert!(passage.text.ends_with("склада."), "{:?}", passage.text);
    }
    for passage in &passages[..passages.len() - 1] {
        let chars = passage.text.chars().count();
        assert!((300..=PASSAGE_CHARS_TARGET).contains(&chars), "{chars}");
    }
}

#[test]
fn headings_reach_over_pages_and_offsets_do_not() {
    let pages =
        [Page { number: 3, text: "# Гарантия\nСрок год.".into() }, Page { number: 4, text: "Чек сохраняйте.".into() }];
    let passages = split(&pages).list;
    assert_eq!((passages[1].page, passages[1].start), (4, 0));
    assert_eq!(passages[1].headings, ["Гарантия"]);
}

#[test]
fn a_file_of_too_many_passages_is_cut_and_says_so() {
    let pages: Vec<Page> = (0..PASSAGES_MAX as u32 + 1).map(|number| Page { number, text: "слово".into() }).collect();
    let passages = split(&pages);
    assert!(passages.is_truncated);
    assert_eq!(passages.list.len(), PASSAGES_MAX);
    assert!(!split(&pages[1..]).is_truncated);
}

fn without_space(text: &str) -> String {
    text.chars().filter(|symbol| !symbol.is_whitespace()).collect()
}

proptest! {
    #[test]
    fn passages_cover_the_text_and_split_no_character(
        text in proptest::collection::vec(
            prop_oneof![
                Just("# Заголовок\n".to_owned()), Just("| а | б |\n|---|---|\n".to_owned()),
                Just("\n\n".to_owned()), Just(" ".to_owned()), Just("ДОСТАВКА\n".to_owned()),
                "[а-яё🙂 .!?\n-]{0,300}", "\\PC{0,80}", "[a-zж]{900,2000}",
            ],
            0..20,
        )
    ) {
        let text = text.concat();
        let passages = split_one(&text);
        let mut end = 0;
        for passage in &passages {
            prop_assert!(passage.start >= end, "in order, none over another");
            end = passage.end();
            prop_assert_eq!(text.get(passage.start..end), Some(passage.text.as_str()));
            prop_assert!((1..=PASSAGE_CHARS_MAX).contains(&passage.text.trim().chars().count()));
        }
        let joined: String = passages.iter().map(|passage| without_space(&passage.text)).collect();
        prop_assert_eq!(joined, without_space(&text));
        prop_assert_eq!(passages, split_one(&text));
    }
}
