//! What the stand-in says: the passage it was given with its mark, cut into countable tokens.

use serde_json::Value;

/// Letters of a passage that are repeated, at most.
const QUOTE_CHARS: usize = 160;

/// Tokens of a text: words with the white space that follows them. Figures derive from this alone.
#[must_use]
pub fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut in_space = false;
    for (at, letter) in text.char_indices() {
        if in_space && !letter.is_whitespace() {
            tokens.push(&text[start..at]);
            start = at;
        }
        in_space = letter.is_whitespace();
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

/// Tokens of a prompt: those of each message's text, and four a message.
#[must_use]
pub fn prompt_tokens(request: &Value) -> usize {
    messages(request).map(|(_, text)| tokens(&text).len() + 4).sum()
}

/// Role and text of each message; the text parts of a message in parts are joined by a line break.
pub(super) fn messages(request: &Value) -> impl Iterator<Item = (&str, String)> {
    request["messages"].as_array().into_iter().flatten().map(|message| {
        let text = match &message["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
                texts.join("\n")
            }
            _ => String::new(),
        };
        (message["role"].as_str().unwrap_or_default(), text)
    })
}

/// The answer to a prompt: the first passage that stands behind a mark `[n]` at the beginning of a line, with
/// the mark; without one, the last question of the user.
pub(super) fn answer(request: &Value) -> String {
    let given: Vec<(&str, String)> = messages(request).filter(|(role, _)| *role != "assistant").collect();
    let passage =
        given.iter().find_map(|(_, text)| text.lines().enumerate().find_map(|(n, line)| marked(text, n, line)));
    if let Some((mark, quote)) = passage {
        return format!("По документам: {quote} [{mark}]");
    }
    let question = given.iter().rev().find(|(role, _)| *role == "user").map_or("", |(_, text)| text.as_str());
    format!("Ответ на вопрос: {}", shortened(question))
}

/// The number of a mark and the first text after it: on the line, or on the next that is not empty.
fn marked(text: &str, line_number: usize, line: &str) -> Option<(u32, String)> {
    let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let number = number.parse().ok()?;
    let rest = rest.trim();
    let quote = match rest {
        "" => text.lines().skip(line_number + 1).map(str::trim).find(|l| !l.is_empty())?,
        rest => rest,
    };
    Some((number, shortened(quote)))
}

fn shortened(text: &str) -> String {
    text.chars().take(QUOTE_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_put_together_are_the_text() {
        for text in ["", "да", " да", "Срок возврата 14 дней. [1]", "два  пробела\n\nи строка "]
        {
            assert_eq!(tokens(text).concat(), text);
        }
        assert_eq!(tokens("Срок 14 дней."), ["Срок ", "14 ", "дней."]);
    }

    #[test]
    fn repeats_the_passage_with_its_mark() {
        let request = json!({"messages": [
            {"role": "system", "content": "Ссылайся как [1].\n[2] Возврат: 14 дней.\n[3] Доставка."},
            {"role": "assistant", "content": "[9] старый ответ"},
            {"role": "user", "content": "Сколько?"},
        ]});
        assert_eq!(answer(&request), "По документам: Возврат: 14 дней. [2]");
        assert_eq!(prompt_tokens(&request), 3 * 4 + 9 + 3 + 1);
    }

    #[test]
    fn finds_the_passage_on_the_line_after_the_mark() {
        let request =
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "[4]\nГарантия год."}]}]});
        assert_eq!(answer(&request), "По документам: Гарантия год. [4]");
    }
}
