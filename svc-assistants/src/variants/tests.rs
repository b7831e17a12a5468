use proptest::prelude::*;

use super::*;

fn of_kind(question: &str, kind: VariantKind) -> Option<String> {
    variants(question).into_iter().find(|variant| variant.kind == kind).map(|variant| variant.text)
}

#[test]
fn a_question_in_the_wrong_layout_is_read_in_the_right_one() {
    for (typed, meant) in [
        ("ghbdtn", "привет"),
        ("Crjkmrj cnjbn ljcnfdrf?", "Сколько стоит доставка?"),
        ("ult vjq pfrfp", "где мой заказ"),
        ("j,hfnyfz cdzpm", "обратная связь"),
        ("руддщ", "hello"),
        ("вудшмукн", "delivery"),
        ("рщц ьгср вщуы ше сщые", "how much does it cost"),
        ("ltymub yt dthyekb", "деньги не вернули"),
        ("rjulf ,eltn crblrf?", "когда будет скидка?"),
        ("ghbdtn, rfr ltkf", "привет, как дела"),
    ] {
        assert_eq!(of_kind(typed, VariantKind::Layout).as_deref(), Some(meant), "{typed}");
    }
}

#[test]
fn words_of_the_right_layout_are_left_alone() {
    for question in [
        "How much is the delivery?",
        "What are your opening hours",
        "Сколько стоит доставка?",
        "Где мой заказ",
        "iPhone 15 Pro Max",
        "есть ли рассрочка",
        "возврат товара в течение 14 дней",
        "wildberries ozon",
        "https",
        "въезд через шлагбаум",
        "CRM Bitrix24",
        "refund policy please",
        "what's your phone number",
    ] {
        assert_eq!(of_kind(question, VariantKind::Layout), None, "{question}");
    }
}

#[test]
fn russian_in_latin_letters_is_read_as_russian() {
    for (typed, meant) in [
        ("dostavka", "доставка"),
        ("skolko stoit dostavka", "сколько стоит доставка"),
        ("vozvrat tovara", "возврат товара"),
        ("rassrochka", "рассрочка"),
        ("garantiya", "гарантия"),
        ("kupit iphone", "купит iphone"),
    ] {
        assert_eq!(of_kind(typed, VariantKind::Translit).as_deref(), Some(meant), "{typed}");
    }
    for question in [
        "How much is shipping?",
        "order",
        "price list",
        "what is the time",
        "Сколько стоит",
        "my order status",
        "gmail.com",
    ] {
        assert_eq!(of_kind(question, VariantKind::Translit), None, "{question}");
    }
}

#[test]
fn yo_abbreviations_and_look_alikes_are_levelled() {
    assert_eq!(of_kind("ещё расчёт", VariantKind::Yo).as_deref(), Some("еще расчет"));
    assert_eq!(of_kind("оплата по счету", VariantKind::Yo).as_deref(), Some("оплата по счёту"));
    assert_eq!(of_kind("Как войти в ЛК?", VariantKind::Abbreviation).as_deref(), Some("Как войти в личный кабинет?"));
    // Latin o, c and a inside a Russian word, and a zero-width space.
    assert_eq!(
        of_kind("д\u{200b}oстaвка  \u{a0}зав\u{ad}тра", VariantKind::Normalised).as_deref(),
        Some("доставка завтра")
    );
    assert_eq!(of_kind("SIM-карта", VariantKind::Normalised), None);
}

#[test]
fn a_plain_question_has_no_other_reading() {
    assert_eq!(variants("Когда привезут заказ?").len(), 1);
    assert_eq!(variants("").len(), 1);
}

proptest! {
    #[test]
    fn the_original_is_first_and_all_differ(question in prop_oneof!["\\PC{0,60}", "[a-zа-яё`\\[\\],.;' ]{0,80}", any::<String>()]) {
        let found = variants(&question);
        prop_assert_eq!(&found[0], &Variant { text: question.clone(), kind: VariantKind::Original });
        prop_assert!(found.len() <= VARIANTS_MAX);
        let distinct: std::collections::HashSet<&str> = found.iter().map(|variant| variant.text.as_str()).collect();
        prop_assert_eq!(distinct.len(), found.len());
        prop_assert_eq!(found, variants(&question));
    }
}
