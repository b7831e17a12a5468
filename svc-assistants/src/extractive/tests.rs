use proptest::prelude::*;

use super::*;

fn ask(question: &str, texts: &[&str]) -> ExtractiveAnswer {
    let passages: Vec<RankedPassage<'_>> = texts.iter().map(|text| RankedPassage { text, headings: &[] }).collect();
    answer(question, &[], &passages)
}

const DELIVERY: &str = "## Доставка\nКурьерская доставка по Москве стоит 300 рублей. Заказы от 5000 рублей доставляем бесплатно. Склад находится в Химках.";
const REFUND: &str = "## Возврат\nВернуть товар можно в течение 14 дней с момента покупки. Деньги поступают на карту за три рабочих дня.";

#[test]
fn the_sentence_that_answers_is_quoted_and_cited() {
    let found = ask("Сколько стоит доставка по Москве?", &[REFUND, DELIVERY]);
    assert_eq!(found.confidence, Confidence::Found);
    assert!(
        found.text.starts_with("По материалам компании: Курьерская доставка по Москве стоит 300 рублей. [1]"),
        "{}",
        found.text
    );
    assert_eq!((found.citations[0].mark, found.citations[0].passage), (1, 1));
    let quote = &DELIVERY[found.citations[0].quotes[0].clone()];
    assert_eq!(quote, "Курьерская доставка по Москве стоит 300 рублей.");
    assert!(!found.text.contains("14 дней"), "{}", found.text);
}

#[test]
fn other_forms_of_the_words_are_understood() {
    let found = ask("как мне вернуть деньги за товары", &[DELIVERY, REFUND]);
    assert!(found.text.contains("14 дней"), "{}", found.text);
    assert_eq!(found.citations[0].passage, 1);
}

#[test]
fn an_english_question_is_answered_in_english() {
    let text = "Opening hours: we are open daily from 9 am to 9 pm. Parking is free.";
    let found = ask("When is the shop open?", &[text]);
    assert!(found.text.starts_with("From the company's materials: Opening hours"), "{}", found.text);
}

#[test]
fn nothing_that_fits_is_said_honestly() {
    for question in ["Кто выиграл чемпионат мира по хоккею?", "👍", "", "и в на"] {
        let found = ask(question, &[DELIVERY, REFUND]);
        assert_eq!((found.confidence, found.citations.len()), (Confidence::Low, 0), "{question}: {}", found.text);
    }
    assert!(ask("Какая погода?", &[]).text.starts_with("Не нашёл ответа в базе знаний"));
    assert!(ask("What is the weather?", &[DELIVERY]).text.starts_with("I found no answer"));
}

#[test]
fn a_question_of_the_material_is_answered_by_what_follows_it() {
    let text =
        "Есть ли у вас рассрочка?\nДа, на шесть месяцев без процентов.\n\nМожно ли оплатить картой?\nКарты принимаем.";
    let found = ask("рассрочка есть?", &[text]);
    assert_eq!(found.text, "По материалам компании: Да, на шесть месяцев без процентов. [1]");
}

#[test]
fn a_row_of_a_price_list_is_an_answer() {
    let text = "# Прайс\nУслуга: Стрижка мужская; Цена: 1500 руб.\nУслуга: Окрашивание; Цена: 4000 руб.";
    let found = ask("цена окрашивания", &[text]);
    assert!(
        found.text.starts_with("По материалам компании: Услуга: Окрашивание; Цена: 4000 руб. [1]"),
        "{}",
        found.text
    );
}

#[test]
fn what_is_asked_for_need_not_be_named_in_the_answer() {
    let text = "Наш офис: г. Москва, ул. Ленина, д. 5.\n\n- Режим работы: пн–пт с 9 до 20, вс с 10 до 18\n- Почта: help@romashka.example";
    assert!(ask("ваш адрес", &[text]).text.contains("ул. Ленина, д. 5. [1]"));
    assert!(ask("до скольки вы открыты в воскресенье", &[text]).text.contains("вс с 10 до 18. [1]"));
}

#[test]
fn a_heading_speaks_for_the_sentences_below_it() {
    let text = "## Гарантия на технику\nСрок — два года. Чек сохраняйте.";
    let found = ask("какая гарантия на технику?", &[text]);
    assert!(found.text.contains("Срок — два года. [1]"), "{}", found.text);
}

#[test]
fn a_reading_in_the_right_layout_finds_what_was_meant() {
    let passages = [RankedPassage { text: DELIVERY, headings: &[] }];
    let found = answer("ljcnfdrf gj vjcrdt", &["доставка по москве"], &passages);
    assert!(found.text.starts_with("По материалам компании: Курьерская"), "{}", found.text);
}

#[test]
fn the_same_said_twice_is_quoted_once_and_marks_of_the_material_are_no_citations() {
    let twin = "Доставка стоит 300 рублей [7].";
    let found = ask("стоимость доставки: сколько стоит доставка", &[twin, twin]);
    assert_eq!(found.text, "По материалам компании: Доставка стоит 300 рублей (7). [1]");
}

proptest! {
    #[test]
    fn an_answer_is_short_and_its_quotes_are_real(
        question in "[а-яё ]{0,60}",
        texts in proptest::collection::vec("([а-яё]{1,8}[ ,.!?\n|#;:-]{1,2}){0,120}", 0..6),
    ) {
        let passages: Vec<RankedPassage<'_>> = texts.iter().map(|text| RankedPassage { text, headings: &[] }).collect();
        let found = answer(&question, &[], &passages);
        prop_assert!(found.text.chars().count() <= ANSWER_CHARS_MAX);
        prop_assert_eq!(found.citations.is_empty(), found.confidence == Confidence::Low);
        for (index, citation) in found.citations.iter().enumerate() {
            prop_assert_eq!(citation.mark as usize, index + 1);
            let mark = format!("[{}]", citation.mark);
            prop_assert!(found.text.contains(&mark));
            for quote in &citation.quotes {
                prop_assert!(texts[citation.passage].get(quote.clone()).is_some_and(|text| !text.is_empty()));
            }
        }
        prop_assert_eq!(&found, &answer(&question, &[], &passages));
    }
}
