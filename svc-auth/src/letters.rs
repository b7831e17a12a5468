//! Letters of svc-auth: sent by a durable job over SMTP, in Russian and English, text and HTML.

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};
use neipix_mesh::{
    Failure, RegistrationId,
    config::Mail,
    db::{Db, Tx},
    jobs::{JobEnd, JobRun},
    seal::Sealer,
};

use crate::accounts::{rpc::seal_context, store};

/// A letter before it has an address.
#[derive(Debug, PartialEq, Eq)]
pub struct Letter {
    /// Subject.
    pub subject: String,
    /// The words.
    pub text: String,
}

/// The letter with the code.
#[must_use]
pub fn with_code(locale: &str, name: &str, code: &str) -> Letter {
    match locale {
        "en" => Letter {
            subject: format!("{code} is your Neipix code"),
            text: format!(
                "Hello, {name}!\n\nYour code: {code}\n\nIt works for 15 minutes. If it was not you who registered at Neipix, \
                 forget this letter: without the code nothing happens.\n"
            ),
        },
        _ => Letter {
            subject: format!("{code} — код Neipix"),
            text: format!(
                "Здравствуйте, {name}!\n\nВаш код: {code}\n\nОн действует 15 минут. Если вы не регистрировались в Neipix, \
                 просто забудьте об этом письме: без кода ничего не произойдёт.\n"
            ),
        },
    }
}

/// The letter to an address that has an account already.
#[must_use]
pub fn somebody_tried(locale: &str) -> Letter {
    match locale {
        "en" => Letter {
            subject: "You already have a Neipix account".to_owned(),
            text: "Hello!\n\nSomebody registered at Neipix with your address. You have an account already: just sign in. \
                   If it was not you, you need do nothing.\n"
                .to_owned(),
        },
        _ => Letter {
            subject: "У вас уже есть аккаунт Neipix".to_owned(),
            text: "Здравствуйте!\n\nКто-то регистрировался в Neipix с вашим адресом. Аккаунт у вас уже есть: просто войдите. \
                   Если это были не вы, ничего делать не нужно.\n"
                .to_owned(),
        },
    }
}

/// The words as HTML: paragraphs, nothing that loads from elsewhere.
#[must_use]
pub fn html(letter: &Letter) -> String {
    let escape = |t: &str| t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let paragraphs: String =
        letter.text.split("\n\n").map(|p| format!("<p>{}</p>", escape(p.trim()).replace('\n', " "))).collect();
    format!("<!doctype html><html><body style=\"font:16px/1.5 sans-serif;max-width:36rem\">{paragraphs}</body></html>")
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

    /// Sends one.
    ///
    /// # Errors
    /// What the server said.
    pub async fn send(&self, to: &str, letter: &Letter) -> Result<(), Failure> {
        let message = Message::builder()
            .from(self.from.parse().map_err(Failure::internal)?)
            .to(to.parse().map_err(Failure::internal)?)
            .subject(&letter.subject)
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), html(letter)))
            .map_err(Failure::internal)?;
        self.transport.send(message).await.map(|_| ()).map_err(Failure::internal)
    }
}

/// The job behind Register and ResendCode. A repeat after a crash may send the letter twice; the code is the same.
///
/// # Errors
/// The job comes again.
pub async fn send_registration(db: &Db, sealer: &Sealer, post: &Post, run: &JobRun) -> Result<JobEnd, Failure> {
    let id: RegistrationId = run.text("registration_id").parse().map_err(Failure::internal)?;
    let row = db.platform("auth.letter", async |tx: &mut Tx| store::lock_registration(tx, id).await).await?;
    let Some(row) = row else { return Ok(JobEnd::Done) };
    let letter = match (&row.sealed_code, row.known) {
        (_, true) => somebody_tried(&row.locale),
        (Some(sealed), false) => {
            let code = sealer.open_text(&seal_context(id), sealed).map_err(Failure::internal)?;
            with_code(&row.locale, &row.name, code.expose())
        }
        (None, false) => return Ok(JobEnd::Done),
    };
    post.send(&row.email, &letter).await?;
    db.platform("auth.letter_sent", async |tx: &mut Tx| store::forget_code(tx, id).await).await?;
    Ok(JobEnd::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_html_into_a_letter() {
        let letter = with_code("ru", "<img src=x>", "123456");
        assert!(!html(&letter).contains("<img"));
        assert!(letter.text.contains("123456"));
    }
}
