//! Letters of svc-auth: sent by a durable job over SMTP, in Russian and English, text and HTML.

use chrono::Utc;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp,
};
use neipix_mesh::{
    Failure, RegistrationId, SessionId, WorkspaceId,
    config::Mail,
    db::{Db, Tx},
    jobs::{self, Job, JobEnd, JobRun, RunAt},
    seal::Sealer,
};
use serde_json::json;

use crate::accounts::{rpc::seal_context, store};

/// Kind of the jobs that send codes.
pub const REGISTRATION: &str = "letter.registration";
/// Kind of the jobs that tell of ended sessions.
pub const SESSION_ENDED: &str = "letter.session_ended";

/// A letter before it has an address.
#[derive(Debug, PartialEq, Eq)]
pub struct Letter {
    /// Subject. Never holds what a person wrote.
    pub subject: String,
    /// The words.
    pub text: String,
    /// `ru` or `en`.
    pub locale: &'static str,
}

/// Longer names, and such that look like an address of the web or of mail, are left out of letters: whoever registers writes
/// them, and somebody else may read them.
const NAME_MOST: usize = 60;

fn greeting(locale: &str, name: &str) -> String {
    let hello = if locale == "en" { "Hello" } else { "Здравствуйте" };
    let odd = |c: char| c.is_control() || "@/:.<>".contains(c);
    if name.is_empty() || name.chars().count() > NAME_MOST || name.chars().any(odd) {
        return format!("{hello}!");
    }
    format!("{hello}, {name}!")
}

/// The letter with the code.
#[must_use]
pub fn with_code(locale: &str, name: &str, code: &str) -> Letter {
    let hello = greeting(locale, name);
    match locale {
        "en" => Letter {
            subject: format!("{code} is your Neipix code"),
            text: format!(
                "{hello}\n\nYour code: {code}\n\nIt works for 15 minutes. If it was not you who registered at Neipix, \
                 forget this letter: without the code nothing happens.\n"
            ),
            locale: "en",
        },
        _ => Letter {
            subject: format!("{code} — код Neipix"),
            text: format!(
                "{hello}\n\nВаш код: {code}\n\nОн действует 15 минут. Если вы не регистрировались в Neipix, просто забудьте \
                 об этом письме: без кода ничего не произойдёт.\n"
            ),
            locale: "ru",
        },
    }
}

/// The letter to an address that has an account already.
#[must_use]
pub fn somebody_tried(locale: &str) -> Letter {
    let hello = greeting(locale, "");
    match locale {
        "en" => Letter {
            subject: "You already have a Neipix account".to_owned(),
            text: format!(
                "{hello}\n\nSomebody registered at Neipix with your address. You have an account already: just sign in.\n\n\
                 If it was not you, you need do nothing.\n"
            ),
            locale: "en",
        },
        _ => Letter {
            subject: "У вас уже есть аккаунт Neipix".to_owned(),
            text: format!(
                "{hello}\n\nКто-то регистрировался в Neipix с вашим адресом. Аккаунт у вас уже есть: просто войдите.\n\n\
                 Если это были не вы, ничего делать не нужно.\n"
            ),
            locale: "ru",
        },
    }
}

/// The letter to a person whose old refresh token came back: somebody may have a copy.
#[must_use]
pub fn session_ended(locale: &str, name: &str) -> Letter {
    let hello = greeting(locale, name);
    match locale {
        "en" => Letter {
            subject: "We ended one of your Neipix sessions".to_owned(),
            text: format!(
                "{hello}\n\nAn old key of one of your sessions was used again, so somebody may have a copy of it. We ended that \
                 session: please sign in again.\n\nIf you did not restore a device from a backup, change your password.\n"
            ),
            locale: "en",
        },
        _ => Letter {
            subject: "Мы завершили один из ваших сеансов Neipix".to_owned(),
            text: format!(
                "{hello}\n\nСтарый ключ одного из ваших сеансов был использован ещё раз: возможно, у кого-то есть его копия. Мы \
                 завершили этот сеанс: войдите снова.\n\nЕсли вы не восстанавливали устройство из резервной копии, смените \
                 пароль.\n"
            ),
            locale: "ru",
        },
    }
}

/// The words as HTML: paragraphs, nothing that loads from elsewhere.
#[must_use]
pub fn html(letter: &Letter) -> String {
    let escape = |t: &str| {
        t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
    };
    let paragraphs: String = letter
        .text
        .split("\n\n")
        .map(|p| format!("<p style=\"margin:0 0 16px\">{}</p>", escape(p.trim()).replace('\n', " ")))
        .collect();
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"supported-color-schemes\" content=\"light dark\"></head>\
         <body style=\"font:16px/1.5 sans-serif;max-width:600px;margin:0 auto;padding:16px\">{paragraphs}</body></html>",
        letter.locale
    )
}

/// Tells mail robots that nobody wrote this by hand, so that none answers.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Sends letters. Cheap to clone.
#[derive(Clone)]
pub struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: String,
}

impl Post {
    /// Over the configured server.
    ///
    /// # Errors
    /// An address that cannot be read.
    pub fn new(mail: &Mail) -> Result<Self, Failure> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(mail.smtp_url.expose())
            .map_err(Failure::internal)?
            .timeout(Some(std::time::Duration::from_secs(20)))
            .build();
        Ok(Self { transport, from: mail.from.clone() })
    }

    /// Sends one. `id` names it for ever: a letter that goes out again keeps its `Message-ID`, by which receivers know it.
    ///
    /// # Errors
    /// What the server said, where another try may help.
    pub async fn send(&self, to: &str, letter: &Letter, id: &str) -> Result<(), Failure> {
        let from: Mailbox = self.from.parse().map_err(Failure::internal)?;
        let id = format!("<{id}@{}>", from.email.domain());
        let message = Message::builder()
            .from(from)
            .to(to.parse().map_err(Failure::internal)?)
            .subject(&letter.subject)
            .message_id(Some(id))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), html(letter)))
            .map_err(Failure::internal)?;
        match self.transport.send(message).await {
            Err(error) if refuses_address(&error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a letter's address was refused for good");
                Ok(())
            }
            sent => sent.map(|_| ()).map_err(Failure::internal),
        }
    }
}

/// Whether the server refused for good, and not because of our own log-in.
fn refuses_address(error: &smtp::Error) -> bool {
    error.is_permanent() && error.status().is_some_and(|code| ![530, 534, 535].contains(&u16::from(code)))
}

/// Queues the letter about a session that ended because an old refresh token came back.
///
/// # Errors
/// Storage.
pub async fn enqueue_reused(tx: &mut Tx, session: SessionId) -> Result<(), Failure> {
    let job = Job {
        workspace: WorkspaceId::PLATFORM,
        kind: SESSION_ENDED,
        key: format!("letter:session_ended:{session}"),
        payload: json!({"session_id": session}),
        run_at: RunAt::Now,
    };
    jobs::enqueue(tx, job).await
}

/// The job behind it.
///
/// # Errors
/// The job comes again.
pub async fn send_session_ended(db: &Db, post: &Post, run: &JobRun) -> Result<JobEnd, Failure> {
    let session: SessionId = run.text("session_id").parse().map_err(Failure::internal)?;
    let person = db.platform("auth.letter", async |tx: &mut Tx| store::person_of(tx, session).await).await?;
    if let Some(person) = person {
        let letter = session_ended(&person.locale, &person.name);
        post.send(&person.email, &letter, &format!("session-ended.{session}")).await?;
    }
    Ok(JobEnd::Done)
}

/// The job behind Register and ResendCode. A repeat after a crash may send the letter twice; the code is the same.
///
/// # Errors
/// The job comes again.
pub async fn send_registration(db: &Db, sealer: &Sealer, post: &Post, run: &JobRun) -> Result<JobEnd, Failure> {
    let id: RegistrationId = run.text("registration_id").parse().map_err(Failure::internal)?;
    let row = db.platform("auth.letter", async |tx: &mut Tx| store::lock_registration(tx, id).await).await?;
    let Some(row) = row.filter(|row| row.expires_at > Utc::now()) else { return Ok(JobEnd::Done) };
    let letter = match (&row.sealed_code, row.known) {
        (_, true) => somebody_tried(&row.locale),
        (Some(sealed), false) => {
            let code = sealer.open_text(&seal_context(id), sealed).map_err(Failure::internal)?;
            with_code(&row.locale, &row.name, code.expose())
        }
        (None, false) => return Ok(JobEnd::Done),
    };
    post.send(&row.email, &letter, &format!("registration.{id}.{}", row.sends)).await?;
    let forget = async |tx: &mut Tx| store::forget_code(tx, id, row.sends).await;
    db.platform("auth.letter_sent", forget).await?;
    Ok(JobEnd::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_html_or_addresses_into_a_letter() {
        for name in ["<img src=x>", "win at evil.tld", "https://x", "a@b", "a\r\nBcc: b", &"a".repeat(61), ""] {
            assert_eq!(greeting("ru", name), "Здравствуйте!", "{name}");
        }
        assert_eq!(greeting("en", "Анна-Мария д'Арк"), "Hello, Анна-Мария д'Арк!");
        assert!(html(&with_code("ru", "Tom & \"Co\"", "123456")).contains("Tom &amp; &quot;Co&quot;"));
    }

    #[test]
    fn letters_read_as_they_should() {
        let mut all = String::new();
        for locale in ["ru", "en"] {
            for letter in [with_code(locale, "Анна", "012345"), somebody_tried(locale), session_ended(locale, "Анна")]
            {
                all += &format!("{}\n\n{}\n{}\n\n", letter.subject, letter.text, html(&letter));
            }
        }
        insta::assert_snapshot!(all);
    }
}
