//! The mailbox: a raw SMTP client, the product's own mail library, and the pages.

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use neipix_local::mailbox::Mailbox;
use neipix_local::settings::Settings;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

struct Raw(BufReader<TcpStream>);

impl Raw {
    async fn open(mailbox: &Mailbox) -> Self {
        let mut raw = Self(BufReader::new(TcpStream::connect(mailbox.smtp()).await.unwrap()));
        assert_eq!(raw.answer().await, 220);
        raw
    }

    async fn answer(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).await.unwrap(), 0, "closed");
            if line.as_bytes()[3] == b' ' {
                return line[..3].parse().unwrap();
            }
        }
    }

    async fn say(&mut self, line: &str) -> u16 {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.answer().await
    }
}

async fn mailbox() -> (Mailbox, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::start(dir.path(), 0, 0).await.unwrap();
    let mut settings = Settings::default();
    mailbox.add_to(&mut settings);
    let page = settings.get("MAILBOX_URL").unwrap().to_owned();
    (mailbox, page, dir)
}

fn http() -> reqwest::Client {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn messages(page: &str, to: &str) -> Vec<serde_json::Value> {
    let answer = http().get(format!("{page}/mailbox/api/messages?to={to}")).send().await.unwrap();
    let listing: serde_json::Value = answer.json().await.unwrap();
    listing["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_raw_letter_is_kept_with_its_dots() {
    let (mailbox, page, _dir) = mailbox().await;
    let mut raw = Raw::open(&mailbox).await;
    assert_eq!(raw.say("EHLO me").await, 250);
    assert_eq!(raw.say("MAIL FROM:<a@x> SIZE=100").await, 250);
    assert_eq!(raw.say("RCPT TO:<b@x>").await, 250);
    assert_eq!(raw.say("RCPT TO:<c@x>").await, 250);
    assert_eq!(raw.say("DATA").await, 354);
    assert_eq!(raw.say("Subject: s\r\n\r\n..dot\r\n. \r\nend\r\n.").await, 250);
    assert_eq!(raw.say("QUIT").await, 221);
    let got = messages(&page, "c@x").await;
    assert_eq!(got.len(), 1);
    assert_eq!(got[0]["text"], ".dot\r\n \r\nend\r\n");
    assert_eq!(got[0]["to"], serde_json::json!(["b@x", "c@x"]));
    assert!(messages(&page, "nobody@x").await.is_empty());
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_the_session_goes_on() {
    let (mailbox, _, _dir) = mailbox().await;
    let mut raw = Raw::open(&mailbox).await;
    for (line, code) in [
        ("RCPT TO:<b@x>", 503),
        ("DATA", 503),
        ("MAIL a@x", 501),
        ("MAIL FROM:<a@x> SIZE=10485761", 552),
        ("STARTTLS", 502),
        ("", 502),
        ("HELO me", 250),
        ("NOOP", 250),
        ("MAIL FROM:<>", 250),
        ("RCPT TO:<>", 501),
        ("RCPT TO:<b@x>", 250),
        ("RSET", 250),
        ("DATA", 503),
    ] {
        assert_eq!(raw.say(line).await, code, "{line}");
    }
    assert_eq!(raw.say(&"x".repeat(10_000)).await, 500);
    assert_eq!(raw.say("NOOP").await, 250);
}

#[tokio::test]
async fn a_letter_over_ten_megabytes_is_refused_and_forgotten() {
    let (mailbox, page, _dir) = mailbox().await;
    let mut raw = Raw::open(&mailbox).await;
    for line in ["EHLO me", "MAIL FROM:<a@x>", "RCPT TO:<big@x>"] {
        assert_eq!(raw.say(line).await, 250);
    }
    assert_eq!(raw.say("DATA").await, 354);
    let megabyte = format!("{}\r\n", "x".repeat(1022)).repeat(1024);
    for _ in 0..11 {
        raw.0.get_mut().write_all(megabyte.as_bytes()).await.unwrap();
    }
    assert_eq!(raw.say(".").await, 552);
    assert!(messages(&page, "big@x").await.is_empty());
    assert_eq!(raw.say("NOOP").await, 250);
}

#[tokio::test]
async fn the_product_s_mail_library_delivers_a_russian_letter() {
    let (mailbox, page, _dir) = mailbox().await;
    let mut settings = Settings::default();
    mailbox.add_to(&mut settings);
    let transport: AsyncSmtpTransport<Tokio1Executor> =
        AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.get("SMTP_URL").unwrap()).unwrap().build();
    let letter = Message::builder()
        .from("Нейпикс <no-reply@neipix.localhost>".parse().unwrap())
        .to("anna@example.com".parse().unwrap())
        .subject("Код подтверждения для входа в Нейпикс, длинная тема письма")
        .body("Ваш код: 123456".to_owned())
        .unwrap();
    transport.send(letter).await.unwrap();
    let got = messages(&page, "anna@example.com").await;
    assert_eq!(got[0]["subject"], "Код подтверждения для входа в Нейпикс, длинная тема письма");
    assert!(got[0]["text"].as_str().unwrap().contains("Ваш код: 123456"));
}

#[tokio::test]
async fn the_pages_show_a_hostile_letter_as_text() {
    let (mailbox, page, _dir) = mailbox().await;
    let mut raw = Raw::open(&mailbox).await;
    for line in ["EHLO me", "MAIL FROM:<a@x>", "RCPT TO:<<script>@x>"] {
        raw.say(line).await;
    }
    assert_eq!(raw.say("RCPT TO:<b@x>").await, 250);
    raw.say("DATA").await;
    let evil = "Subject: <script>alert(1)</script>\r\nContent-Type: text/html\r\n\r\n\"><script>alert(2)</script>\r\n.";
    assert_eq!(raw.say(evil).await, 250);
    let client = http();
    let list = client.get(format!("{page}/mailbox")).send().await.unwrap();
    let policy = list.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    let list = list.text().await.unwrap();
    assert!(!list.contains("<script>") && list.contains("&lt;script&gt;"), "{list}");
    let id = messages(&page, "b@x").await[0]["id"].as_str().unwrap().to_owned();
    let letter = client.get(format!("{page}/mailbox/{id}")).send().await.unwrap().text().await.unwrap();
    assert!(!letter.contains("<script>") && letter.contains("<iframe sandbox srcdoc=\"&quot;&gt;"), "{letter}");
    let missing = client.get(format!("{page}/mailbox/../x")).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    let rebound = client.get(format!("{page}/mailbox")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
}
