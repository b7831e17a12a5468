//! Table rows as sentences: each row repeats the names of its columns, so that it can be found and cited alone.

/// What is known about the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// The document marks the first row as the header.
    Marked,
    /// Look at the cells.
    Guess,
}

/// One line per row, «Колонка: значение; …», in the order of the rows. Rows without text give no line.
pub(super) fn render(rows: &[Vec<String>], header: Header) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| flatten(cell)).collect()).collect();
    let mut text = String::new();
    let mut body = rows.as_slice();
    // Titles above a table fill one cell.
    while let [first, rest @ ..] = body
        && filled(first) < 2
        && !rest.is_empty()
    {
        push_line(&mut text, &values(first));
        body = rest;
    }
    let names = match body {
        [first, _, ..] if header == Header::Marked || is_header(first) => {
            body = body.get(1..).unwrap_or_default();
            Some(first)
        }
        _ => None,
    };
    let pairs = names.is_none() && body.iter().all(|row| row.len() <= 2);
    for row in body {
        match names {
            Some(names) => push_line(&mut text, &named(names, row)),
            None if pairs => push_line(&mut text, &pair(row)),
            None => push_line(&mut text, &values(row)),
        }
    }
    text
}

fn push_line(text: &mut String, line: &str) {
    if !line.is_empty() {
        text.push_str(line);
        text.push('\n');
    }
}

fn named(names: &[String], row: &[String]) -> String {
    let mut cells = Vec::new();
    for (index, value) in row.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
        match names.get(index).filter(|name| !name.is_empty() && *name != value) {
            Some(name) => cells.push(format!("{}: {value}", name.trim_end_matches(':'))),
            None => cells.push(value.clone()),
        }
    }
    cells.join("; ")
}

fn pair(row: &[String]) -> String {
    match row {
        [name, value] if !name.is_empty() && !value.is_empty() => {
            format!("{}: {value}", name.trim_end_matches(':'))
        }
        _ => values(row),
    }
}

fn values(row: &[String]) -> String {
    let filled: Vec<&str> = row.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
    filled.join("; ")
}

fn filled(row: &[String]) -> usize {
    row.iter().filter(|cell| !cell.is_empty()).count()
}

/// Names of columns are short words, all different; a number, an address or a sentence is a value.
fn is_header(row: &[String]) -> bool {
    let names: Vec<&String> = row.iter().filter(|cell| !cell.is_empty()).collect();
    let distinct: std::collections::BTreeSet<&&String> = names.iter().collect();
    names.len() >= 2
        && distinct.len() == names.len()
        && names.iter().all(|name| {
            let letters = name.chars().filter(|symbol| symbol.is_alphabetic()).count();
            let length = name.chars().count();
            letters * 2 >= length && length <= 60 && !name.contains('@')
        })
}

fn flatten(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn a_row_repeats_the_names_of_its_columns() {
        let rows = table(&[&["Прайс 2026"], &["Услуга", "Цена"], &["Стрижка", "1500"], &["", ""], &["Окраска", ""]]);
        assert_eq!(render(&rows, Header::Guess), "Прайс 2026\nУслуга: Стрижка; Цена: 1500\nУслуга: Окраска\n");
    }

    #[test]
    fn a_table_of_properties_has_no_header() {
        let rows = table(&[&["Телефон", "+7 495 000-00-00"], &["Почта", "a@b.ru"]]);
        assert_eq!(render(&rows, Header::Guess), "Телефон: +7 495 000-00-00\nПочта: a@b.ru\n");
    }

    #[test]
    fn numbers_are_never_names() {
        let rows = table(&[&["1", "2", "3"], &["4", "5", "6"]]);
        assert_eq!(render(&rows, Header::Guess), "1; 2; 3\n4; 5; 6\n");
        assert_eq!(render(&rows, Header::Marked), "1: 4; 2: 5; 3: 6\n");
    }
}
