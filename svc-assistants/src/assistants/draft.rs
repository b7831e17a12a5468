//! What makes a draft unusable: an unknown variable, a stop word that cannot match, hours that are none.

use neipix_mesh::FieldProblem;
use neipix_proto::assistants::v1::{AssistantSpec, Schedule, StopWord, StopWordAction, StopWordMatch, WeeklyInterval};
use regex::RegexBuilder;

/// Variables that an instruction may use.
pub const VARIABLES: [&str; 3] = ["contact.name", "assistant.name", "today"];
/// Most bytes of a compiled stop word.
const PROGRAM_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting in a stop word.
const NESTING_MAX: u32 = 25;

/// Everything that is wrong with a draft; `prefix` is the path of the draft in the request.
#[must_use]
pub fn problems(spec: &AssistantSpec, prefix: &str) -> Vec<FieldProblem> {
    let mut found = Found { prefix, list: vec![] };
    if spec.name.trim().is_empty() {
        found.add("name", "must hold more than white space");
    }
    for variable in unknown_variables(&spec.instruction) {
        let known = VARIABLES.map(|v| format!("{{{v}}}")).join(", ");
        found.add("instruction", format!("has the unknown variable {{{variable}}}; known are {known}"));
    }
    for (n, word) in spec.stop_words.iter().enumerate() {
        stop_word(&mut found, n, word);
    }
    if let Some(schedule) = &spec.schedule {
        schedule_problems(&mut found, schedule);
    }
    found.list
}

struct Found<'a> {
    prefix: &'a str,
    list: Vec<FieldProblem>,
}

impl Found<'_> {
    fn add(&mut self, field: impl std::fmt::Display, message: impl Into<String>) {
        self.list.push(FieldProblem { field: format!("{}.{field}", self.prefix), message: message.into() });
    }
}

/// Names in braces that no variable has; braces around anything but a dotted name are plain text.
fn unknown_variables(instruction: &str) -> Vec<&str> {
    let mut unknown = vec![];
    for (at, _) in instruction.match_indices('{') {
        let rest = instruction.get(at + 1..).unwrap_or_default();
        let Some((name, _)) = rest.split_once('}') else { continue };
        let is_name = !name.is_empty()
            && name.len() <= 60
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        if is_name && !VARIABLES.contains(&name) && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    unknown
}

fn stop_word(found: &mut Found<'_>, n: usize, word: &StopWord) {
    if !word.pattern.chars().any(|c| !c.is_whitespace() && !c.is_control()) {
        found.add(format!("stop_words[{n}].pattern"), "must hold more than white space");
    } else if word.r#match() == StopWordMatch::Regex
        && let Err(why) = compile(&word.pattern)
    {
        found.add(format!("stop_words[{n}].pattern"), why);
    }
    let replies = word.action() == StopWordAction::FixedReply;
    if replies && word.reply.trim().is_empty() {
        found.add(format!("stop_words[{n}].reply"), "must be given for the action FIXED_REPLY");
    }
    if !replies && !word.reply.is_empty() {
        found.add(format!("stop_words[{n}].reply"), "must be empty: only the action FIXED_REPLY sends it");
    }
}

/// Whether a regular expression is one and stays small: what is compiled here is compiled for each answer too.
fn compile(pattern: &str) -> Result<(), String> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(PROGRAM_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build();
    match built {
        Ok(regex) if regex.is_match("") => Err("matches everything, even an empty text: make it more exact".to_owned()),
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err("grows too large when compiled: use smaller repetitions".to_owned())
        }
        Err(_) => Err("is not a regular expression (RE2 syntax, without look-around and back-references)".to_owned()),
    }
}

fn schedule_problems(found: &mut Found<'_>, schedule: &Schedule) {
    if !is_time_zone(&schedule.time_zone) {
        found.add("schedule.time_zone", "must be an IANA name, such as Europe/Moscow");
    }
    intervals(found, "schedule.weekly", &schedule.weekly, true);
    for (n, day) in schedule.exceptions.iter().enumerate() {
        let path = format!("schedule.exceptions[{n}]");
        if chrono::NaiveDate::parse_from_str(&day.date, "%Y-%m-%d").is_err() {
            found.add(format!("{path}.date"), "must be a day of the calendar, YYYY-MM-DD");
        }
        if schedule.exceptions.iter().take(n).any(|other| other.date == day.date) {
            found.add(format!("{path}.date"), "is named twice");
        }
        intervals(found, &format!("{path}.intervals"), &day.intervals, false);
    }
}

fn intervals(found: &mut Found<'_>, path: &str, list: &[WeeklyInterval], weekly: bool) {
    for (n, one) in list.iter().enumerate() {
        if one.to_minute <= one.from_minute {
            found.add(format!("{path}[{n}].to_minute"), "must lie above from_minute; split a night at midnight");
        }
        let overlaps = list.iter().take(n).any(|other| {
            (!weekly || other.weekday == one.weekday)
                && other.from_minute < one.to_minute
                && one.from_minute < other.to_minute
        });
        if overlaps {
            found.add(format!("{path}[{n}]"), "overlaps another interval of that day");
        }
    }
}

/// The zones are compiled in: a container has no zone files.
fn is_time_zone(name: &str) -> bool {
    name.parse::<chrono_tz::Tz>().is_ok()
}

#[cfg(test)]
mod tests {
    use neipix_proto::assistants::v1::DateException;

    use super::*;

    fn spec() -> AssistantSpec {
        AssistantSpec { name: "Shop".into(), ..AssistantSpec::default() }
    }

    fn regex(pattern: &str) -> AssistantSpec {
        let word = StopWord {
            pattern: pattern.into(),
            r#match: StopWordMatch::Regex.into(),
            action: StopWordAction::Silent.into(),
            ..StopWord::default()
        };
        AssistantSpec { stop_words: vec![word], ..spec() }
    }

    fn fields(spec: &AssistantSpec) -> Vec<String> {
        problems(spec, "draft").into_iter().map(|p| p.field).collect()
    }

    #[test]
    fn known_variables_and_plain_braces_pass_and_unknown_ones_are_named() {
        let good = AssistantSpec {
            instruction: r#"Ты {assistant.name}, сегодня {today}. Пиши {contact.name}. Формат: {"a": 1} {} {цена}"#
                .into(),
            ..spec()
        };
        assert_eq!(fields(&good), Vec::<String>::new());
        let bad = AssistantSpec { instruction: "Привет, {contact.phone}".into(), ..spec() };
        let found = problems(&bad, "draft");
        assert_eq!(found[0].field, "draft.instruction");
        assert!(found[0].message.contains("{contact.phone}"));
    }

    #[test]
    fn l_7_a_regex_that_explodes_is_refused_at_save() {
        for pattern in ["(.{999}){999}", "(", "a{1,1000}{1,1000}", "(?=a)b", ".*"] {
            assert_eq!(fields(&regex(pattern)), ["draft.stop_words[0].pattern"], "{pattern}");
        }
        assert_eq!(fields(&regex("(вернит|верните)\\s+деньги")), Vec::<String>::new());
    }

    #[test]
    fn a_fixed_reply_belongs_to_its_action() {
        let mut draft = regex("a");
        draft.stop_words[0].action = StopWordAction::FixedReply.into();
        assert_eq!(fields(&draft), ["draft.stop_words[0].reply"]);
        draft.stop_words[0].reply = "Перезвоним".into();
        assert_eq!(fields(&draft), Vec::<String>::new());
        draft.stop_words[0].action = StopWordAction::Handoff.into();
        assert_eq!(fields(&draft), ["draft.stop_words[0].reply"]);
    }

    #[test]
    fn hours_must_be_hours_and_zones_must_exist() {
        let hour = |weekday, from_minute, to_minute| WeeklyInterval { weekday, from_minute, to_minute };
        let schedule = Schedule {
            time_zone: "Europe/Moscow".into(),
            weekly: vec![hour(1, 540, 1080), hour(2, 540, 540), hour(1, 600, 700)],
            exceptions: vec![
                DateException { date: "2026-02-30".into(), intervals: vec![] },
                DateException { date: "2026-05-01".into(), intervals: vec![] },
                DateException { date: "2026-05-01".into(), intervals: vec![] },
            ],
            away_message: String::new(),
        };
        let found = fields(&AssistantSpec { schedule: Some(schedule), ..spec() });
        let expected = [
            "draft.schedule.weekly[1].to_minute",
            "draft.schedule.weekly[2]",
            "draft.schedule.exceptions[0].date",
            "draft.schedule.exceptions[2].date",
        ];
        assert_eq!(found, expected);
        for zone in ["Europe/../Moscow", "/etc/passwd", "", "Mars/Base", "europe moscow"] {
            let schedule = Schedule { time_zone: zone.into(), ..Schedule::default() };
            let found = fields(&AssistantSpec { schedule: Some(schedule), ..spec() });
            assert_eq!(found, ["draft.schedule.time_zone"], "{zone}");
        }
    }
}
