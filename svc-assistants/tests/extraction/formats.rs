//! Each format gives the text that a person reads in it.

use svc_assistants::extraction::{FailureReason, FileType, Language};

use super::{extract, refused, text};

#[test]
fn plain_text_in_an_old_encoding() {
    let (bytes, ..) = encoding_rs::WINDOWS_1251.encode("Режим работы: ежедневно с 9 до 21.\r\nБез выходных.");
    assert_eq!(text(FileType::Txt, &bytes), "Режим работы: ежедневно с 9 до 21.\nБез выходных.");
    assert_eq!(text(FileType::Md, "# Заголовок\n\n- пункт".as_bytes()), "# Заголовок\n\n- пункт");
}

#[test]
fn csv_rows_name_their_columns() {
    let csv = "Товар;Цена\n\"Стол; большой\";9900\nСтул;1200\n";
    assert_eq!(text(FileType::Csv, csv.as_bytes()), "Товар: Стол; большой; Цена: 9900\nТовар: Стул; Цена: 1200");
}

#[test]
fn html_without_what_runs_or_hides() {
    let html = "<!doctype html><html><head><meta charset=utf-8><title>Магазин</title><style>p{}</style></head><body>\
        <script>alert('нет')</script><h2>Доставка &amp; оплата</h2><p>Курьер <b>привезёт</b>\n за&nbsp;2 дня, если вес &lt; 5 кг.</p>\
        <div style=\"display: none\">скрыто</div><ul><li>Картой</li><li>Наличными</li></ul>\
        <table><tr><th>Город</th><th>Цена</th></tr><tr><td>Москва</td><td>300 ₽</td></tr></table>\
        <!-- примечание --></body></html>";
    assert_eq!(
        text(FileType::Html, html.as_bytes()),
        "# Магазин\n\n## Доставка & оплата\n\nКурьер привезёт за 2 дня, если вес < 5 кг.\n- Картой\n- Наличными\n\nГород: Москва; Цена: 300 ₽"
    );
}

#[test]
fn html_that_nests_without_end_is_still_read() {
    let html = format!("<html>{}глубоко{}", "<div>".repeat(5_000), "</div>".repeat(5_000));
    assert_eq!(text(FileType::Html, html.as_bytes()), "глубоко");
}

#[test]
fn docx_headings_lists_tables_and_footer() {
    let read = text(FileType::Docx, include_bytes!("../fixtures/delivery.docx"));
    assert_eq!(
        read,
        "# Доставка и оплата\nКурьер привозит заказ за два дня.\n\n## Тарифы\n\n\
         Город: Москва; Срок: 1 день; Цена: 300 руб.\nГород: Казань; Срок: 3 дня; Цена: 450 руб.\n\n\
         - Самовывоз бесплатно\nТелефон: +7 495 000-00-00"
    );
}

#[test]
fn xlsx_sheets_are_pages_and_rows_name_their_columns() {
    let read = extract(FileType::Xlsx, include_bytes!("../fixtures/prices.xlsx")).unwrap();
    let pages: Vec<(u32, &str)> = read.pages.iter().map(|page| (page.number, page.text.as_str())).collect();
    assert_eq!(
        pages,
        [
            (1, "# Прайс\n\nУслуга: Стрижка; Цена: 1500; С даты: 2026-01-15\nУслуга: Окрашивание; Цена: 4200.5"),
            (2, "# Часы\n\nДень: Понедельник; Время: 9–21"),
        ]
    );
}

#[test]
fn pdf_pages_keep_their_numbers() {
    let read = extract(FileType::Pdf, include_bytes!("../fixtures/refund.pdf")).unwrap();
    assert_eq!(read.pages.len(), 2);
    assert_eq!(read.pages[0].number, 1);
    assert!(read.pages[0].text.contains("Вернуть товар можно в течение 14 дней."), "{:?}", read.pages);
    assert_eq!(read.pages[1].number, 2);
    assert!(read.pages[1].text.contains("Срок гарантии на технику — два года."), "{:?}", read.pages);
}

#[test]
fn a_pdf_that_only_its_owner_may_change_is_read() {
    let read = extract(FileType::Pdf, include_bytes!("../fixtures/owner-locked.pdf")).unwrap();
    assert!(read.pages[0].text.contains("14 дней"), "{:?}", read.pages);
}

#[test]
fn a_scan_and_a_locked_pdf_say_what_they_are() {
    let detail = refused(FileType::Pdf, include_bytes!("../fixtures/scan.pdf"), FailureReason::Empty);
    assert!(detail.contains("scan"), "{detail}");
    refused(FileType::Pdf, include_bytes!("../fixtures/locked.pdf"), FailureReason::Encrypted);
}

#[test]
fn a_locked_office_document_says_so() {
    let mut container = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    container.resize(1_024, 0);
    container.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    refused(FileType::Docx, &container, FailureReason::Encrypted);
}

#[test]
fn an_empty_file_is_empty() {
    for declared in FileType::ALL {
        refused(declared, b"", FailureReason::Empty);
    }
    refused(FileType::Txt, "… — !".as_bytes(), FailureReason::Empty);
}

#[test]
fn text_in_no_encoding_says_how_to_mend_it() {
    let odd: Vec<u8> = [0xff, 0xfe].into_iter().chain([0x00, 0xd8, 0x41, 0x00].repeat(50)).collect();
    refused(FileType::Txt, &odd, FailureReason::Encoding);
    assert!(FailureReason::Encoding.text(Language::Russian).contains("UTF-8"));
}

#[test]
fn names_and_reasons_are_read_back() {
    for declared in FileType::ALL {
        assert_eq!(FileType::parse(declared.as_str()), Some(declared));
        assert_eq!(FileType::from_file_name(&format!("a.b.{}", declared.as_str().to_uppercase())), Some(declared));
    }
    assert_eq!(FileType::from_file_name("virus.exe"), None);
    for reason in FailureReason::ALL {
        assert_eq!(FailureReason::parse(reason.as_str()), Some(reason));
        assert_ne!(reason.text(Language::Russian), reason.text(Language::English));
    }
}
