//! Visitors: who they are, what they say, what they read while an answer is written.

use futures::StreamExt as _;
use neipix_proto::chats::v1::{
    Author, Handler, SendMessageRequest, StartVisitorRequest, TakeOverRequest, visitor_answer_event::Event,
    visitor_event::Frame,
};
use svc_chats::{conversations, widget};
use uuid::Uuid;

use crate::{
    doubles::Act,
    harness::{Test, eventually, reason},
    widget_house::{SHOP, Site, signed},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_asks_watches_the_answer_and_finds_it_after_a_reload() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let visitor = site.browser().visit().await;
    assert!(visitor.session.visitor_token.starts_with("wv_") && !visitor.session.identified);
    let mut stream = visitor.watch(Some(0)).await;
    assert!(matches!(stream.next().await, Frame::State(state) if state.id.is_empty()));
    t.assistants.acts(&[Act::Say("Доставка "), Act::Wait, Act::Say("стоит 300 рублей.")]);
    let client = Uuid::now_v7();
    let said = visitor.try_say(client, "Сколько стоит доставка?").await.unwrap();
    let message = said.message.unwrap();
    assert_eq!((message.client_id, message.seq, message.turn_id), (client.to_string(), 1, said.turn_id.clone()));
    let own = stream.until(|f| if let Frame::Message(m) = f { Some(m) } else { None }).await;
    assert_eq!((own.seq, own.author(), own.client_id), (1, Author::Contact, client.to_string()));
    let part =
        stream.until(|f| if let Frame::Partial(p) = f { Some(p).filter(|p| !p.text.is_empty()) } else { None }).await;
    assert_eq!((part.text.as_str(), part.offset, part.turn_id.as_str()), ("Доставка ", 17, said.turn_id.as_str()));

    // A reload in the middle of the answer.
    let reloaded = site.browser().come_back(&visitor.session.visitor_token).await.unwrap();
    assert_eq!(
        (reloaded.visitor_token.as_str(), reloaded.conversation_id.as_str()),
        ("", said.conversation_id.as_str())
    );
    let reloaded = site.browser().as_visitor(reloaded);
    let list = reloaded.list().await;
    assert_eq!(list.messages.iter().map(|m| m.seq).collect::<Vec<_>>(), [1]);
    let answer = list.answer.unwrap();
    assert!(answer.answering);
    assert_eq!((answer.text.as_str(), answer.turn_id.as_str()), ("Доставка ", said.turn_id.as_str()));
    let mut again = reloaded.watch(Some(1)).await;
    let part =
        again.until(|f| if let Frame::Partial(p) = f { Some(p).filter(|p| !p.text.is_empty()) } else { None }).await;
    assert_eq!(part.text, "Доставка ");

    t.assistants.go_on();
    for stream in [&mut stream, &mut again] {
        let delta = stream.until(|f| if let Frame::Delta(d) = f { Some(d) } else { None }).await;
        assert_eq!((delta.offset, delta.text.as_str()), (17, "стоит 300 рублей."));
        let whole = stream.until(|f| if let Frame::Message(m) = f { Some(m) } else { None }).await;
        assert_eq!(
            (whole.seq, whole.text.as_str(), whole.author()),
            (2, "Доставка стоит 300 рублей.", Author::Assistant)
        );
        assert_eq!((whole.citations.len(), whole.turn_id.as_str()), (1, said.turn_id.as_str()));
        let ended = stream.until(|f| if let Frame::Ended(e) = f { Some(e) } else { None }).await;
        assert_eq!((ended.message_id, ended.to_person), (whole.id, false));
    }
    assert!(visitor.list().await.answer.is_none());
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_15_an_answer_does_not_end_with_its_reader_and_the_same_id_gets_it() {
    // trust: C-15
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let visitor = site.browser().visit().await;
    t.assistants.acts(&[Act::Say("Начало "), Act::Wait, Act::Say("и конец.")]);
    let client = Uuid::now_v7();
    let ask = async || {
        let call = visitor.call("SendVisitorMessageStream", visitor.words(client, "Сколько?"));
        widget::say::send_stream(&t.chats, call).await.unwrap()
    };
    let mut stream = ask().await;
    loop {
        let event = stream.next().await.unwrap().unwrap().event.unwrap();
        if let Event::Delta(delta) = event {
            assert_eq!((delta.offset, delta.text.as_str()), (0, "Начало "));
            break;
        }
    }
    drop(stream);
    let mut again = ask().await;
    t.assistants.go_on();
    let (mut accepted, mut text, mut finished) = (None, String::new(), None);
    while let Some(event) = again.next().await {
        match event.unwrap().event.unwrap() {
            Event::Accepted(a) => accepted = Some(a),
            Event::Partial(p) => text = p.text,
            Event::Delta(d) => text.push_str(&d.text),
            Event::Finished(f) => finished = Some(f),
        }
    }
    assert!(accepted.unwrap().duplicate);
    let finished = finished.unwrap();
    assert_eq!((text.as_str(), finished.text.as_str()), ("Начало и конец.", "Начало и конец."));
    assert_eq!((finished.author(), finished.interrupted, finished.to_person), (Author::Assistant, false, false));
    assert_eq!(t.assistants.replies().len(), 1, "one answer");
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_12_a_client_id_is_the_first_message_and_the_same_words_at_once_are_too() {
    // trust: C-12
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let visitor = site.browser().visit().await;
    let client = Uuid::now_v7();
    let first = visitor.try_say(client, "Сколько?").await.unwrap();
    let other = visitor.try_say(client, "Совсем другое").await.unwrap();
    assert!(!first.duplicate && other.duplicate);
    assert_eq!(other.message.unwrap().text, "Сколько?");
    let same = visitor.try_say(Uuid::now_v7(), "Сколько?").await.unwrap();
    assert!(same.duplicate && same.turn_id == first.turn_id, "a double click");
    assert_eq!(t.number("SELECT count(*) FROM message WHERE author = 'contact'").await, 1);
    // Another visitor's same id is their own message.
    let neighbour = site.browser().visit().await;
    assert!(!neighbour.try_say(client, "Сколько?").await.unwrap().duplicate);
    assert_eq!(reason(visitor.try_say(Uuid::new_v4(), "x").await), "FIELD_INVALID");
    assert_eq!(reason(visitor.try_say(Uuid::now_v7(), "   ").await), "FIELD_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn c_9_a_page_that_is_not_listed_or_not_named_gets_nothing() {
    // trust: C-9
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let mut browser = site.browser();
    for from in [
        None,
        Some("https://evil.example"),
        Some("null"),
        Some("https://shop.example.evil.tld"),
        Some("http://shop.example"),
    ] {
        browser.from = from.map(str::to_owned);
        assert_eq!(reason(browser.start(browser.request()).await), "ORIGIN_FORBIDDEN", "{from:?}");
    }
    // Our frame says which page is around it; a page cannot say that it is another.
    browser.from = Some(t.chats.widget_origin.to_string());
    let request = browser.request();
    let around = |origin: &str| StartVisitorRequest { site_origin: origin.to_owned(), ..request.clone() };
    assert!(browser.start(around("https://a.b.big.example")).await.is_ok());
    for bad in ["", "https://evil.example", "https://big.example"] {
        assert_eq!(reason(browser.start(around(bad)).await), "ORIGIN_FORBIDDEN", "{bad}");
    }
    browser.from = Some(SHOP.into());
    assert_eq!(reason(browser.start(around("https://a.big.example")).await), "ORIGIN_FORBIDDEN");
    assert_eq!(t.number("SELECT count(*) FROM visitor").await, 1);
    // A token that was made on one site is dead on another, and so is its access token.
    let visitor = site.browser().visit().await;
    browser.from = Some("https://a.big.example".into());
    assert_eq!(reason(browser.come_back(&visitor.session.visitor_token).await), "VISITOR_TOKEN_INVALID");
    let mut elsewhere = site.browser().as_visitor(visitor.session.clone());
    elsewhere.browser.from = Some("https://a.big.example".into());
    assert_eq!(reason(elsewhere.try_say(Uuid::now_v7(), "x").await), "ORIGIN_FORBIDDEN");
    // What a browser fetches from its own origin names no page.
    elsewhere.browser.from = None;
    assert!(elsewhere.try_list("").await.is_ok());
    assert_eq!(reason(elsewhere.try_say(Uuid::now_v7(), "x").await), "ORIGIN_FORBIDDEN", "no browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn c_10_somebody_elses_identity_opens_no_history() {
    // trust: C-10
    let t = Test::start().await;
    let (site, other) = (Site::open(&t).await, Site::open(&t).await);
    let browser = site.browser();
    let (kid, secret) = site.secret().await;
    let (other_kid, other_secret) = other.secret().await;
    assert_eq!(kid, other_kid);
    let anna = browser.identify("", &signed(&kid, &secret, &site.key, "u-42")).await.unwrap();
    let anna = browser.as_visitor(anna);
    let _ = anna.say("Мой секрет").await;
    for (what, token) in [
        ("another widget's secret", signed(&kid, &other_secret, &site.key, "u-42")),
        ("for another widget", signed(&kid, &secret, &other.key, "u-42")),
        ("an empty secret", signed(&kid, "", &site.key, "u-42")),
        ("an unknown kid", signed("k9", &secret, &site.key, "u-42")),
        ("nothing at all", "a.b.c".to_owned()),
    ] {
        assert_eq!(reason(browser.identify("", &token).await), "IDENTITY_INVALID", "{what}");
    }
    assert_eq!(t.number("SELECT count(*) FROM visitor").await, 1, "nobody began");
    let again = browser.identify("", &signed(&kid, &secret, &site.key, "u-42")).await.unwrap();
    assert_eq!(again.conversation_id, anna.list().await.conversation.unwrap().id, "the person herself, elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn c_11_a_visitor_reads_and_goes_on_with_their_own_dialogue_only() {
    // trust: C-11
    let t = Test::start().await;
    let (site, other) = (Site::open(&t).await, Site::open(&t).await);
    let (anna, boris) = (site.browser().visit().await, site.browser().visit().await);
    let said = anna.say("Мой секрет").await;
    let theirs = t.ask("api contact", "1", "Сколько?").await.conversation_id;
    for foreign in [said.conversation_id.as_str(), theirs.as_str(), &Uuid::now_v7().to_string()] {
        assert_eq!(reason(boris.try_list(foreign).await), "NOT_FOUND");
        assert_eq!(reason(boris.try_watch(foreign, Some(0)).await.map(|_| ())), "NOT_FOUND");
    }
    assert!(boris.list().await.messages.is_empty());
    // The token of one widget opens nothing of another.
    let mut stray = other.browser().as_visitor(anna.session.clone());
    stray.key = other.key.clone();
    assert_eq!(reason(stray.try_list("").await), "NOT_FOUND");
    assert_eq!(reason(stray.try_say(Uuid::now_v7(), "x").await), "NOT_FOUND");
    assert_eq!(reason(other.browser().come_back(&anna.session.visitor_token).await), "VISITOR_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_tokens_calls_and_open_streams() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let browser = site.browser();
    let visitor = browser.visit().await;
    let _ = visitor.say("Сколько?").await;
    let mut stream = visitor.watch(Some(0)).await;
    let _ = stream.next().await;
    browser.reset(&visitor.session.visitor_token).await;
    assert_eq!(stream.refusal().await.reason().name, "SESSION_REVOKED");
    assert_eq!(reason(visitor.try_list("").await), "SESSION_REVOKED");
    assert_eq!(reason(visitor.try_say(Uuid::now_v7(), "x").await), "SESSION_REVOKED");
    assert_eq!(reason(browser.come_back(&visitor.session.visitor_token).await), "VISITOR_TOKEN_INVALID");
    browser.reset("wv_unknown").await;
    assert_ne!(browser.visit().await.session.visitor_id, visitor.session.visitor_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_dialogue_becomes_the_persons_once_the_site_vouches_for_them() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let browser = site.browser();
    let (kid, secret) = site.secret().await;
    let token = |sub: &str| signed(&kid, &secret, &site.key, sub);
    // First on a phone.
    let phone = browser.as_visitor(browser.identify("", &token("u-42")).await.unwrap());
    let before = phone.say("С телефона").await.conversation_id;
    // Then anonymously on a desk, and then as the same person.
    let desk = browser.visit().await;
    let anonymous = desk.say("Пока аноним").await.conversation_id;
    assert_ne!(anonymous, before);
    let known = browser.identify(&desk.session.visitor_token, &token("u-42")).await.unwrap();
    assert!(known.identified && !known.replaced && known.visitor_id == desk.session.visitor_id);
    assert_ne!(known.visitor_token, "", "the page around may know the anonymous token");
    assert_eq!(reason(browser.come_back(&desk.session.visitor_token).await), "VISITOR_TOKEN_INVALID");
    assert_eq!(known.conversation_id, before, "the person's dialogue goes on");
    let known = browser.as_visitor(known);
    assert!(!known.try_list(&anonymous).await.unwrap().messages.is_empty(), "what was said before is theirs still");
    let contacts = "SELECT count(DISTINCT contact_id) FROM conversation";
    assert_eq!(t.number(contacts).await, 1);
    assert_eq!(t.number("SELECT count(*) FROM contact_merge").await, 1);
    assert_eq!(
        t.number("SELECT count(*) FROM outbox WHERE kind = 'audit.recorded'").await,
        3,
        "channel, secret, merge"
    );
    assert_eq!(t.conversation(&anonymous).await.contact.unwrap().display_name, "Анна");
    // Somebody else at the same device is somebody else.
    let boris = browser.identify(&known.session.visitor_token, &token("u-43")).await.unwrap();
    assert!(boris.replaced && boris.visitor_id != known.session.visitor_id);
    assert_eq!(boris.conversation_id, "");
    assert_eq!(reason(known.try_list("").await), "SESSION_REVOKED");
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_may_refuse_whom_nobody_vouches_for() {
    let t = Test::start().await;
    let site = Site::with(&t, |w| w.require_identity = true).await;
    let browser = site.browser();
    assert_eq!(reason(browser.start(browser.request()).await), "IDENTITY_REQUIRED");
    let (kid, secret) = site.secret().await;
    let session = browser.identify("", &signed(&kid, &secret, &site.key, "u-1")).await.unwrap();
    assert!(session.identified);
    let later = browser.come_back(&session.visitor_token).await.unwrap();
    assert!(later.identified, "known since then");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_after_a_day_and_a_lost_answer_does_not_lose_the_visitor() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let browser = site.browser();
    let first = browser.visit().await.session;
    let age = async |hours: i32| {
        let sql = format!(
            "UPDATE visitor SET token_at = token_at - interval '{hours} hours', seen_at = seen_at - interval '{hours} hours'"
        );
        t.run(&sql).await;
    };
    assert_eq!(browser.come_back(&first.visitor_token).await.unwrap().visitor_token, "");
    age(25).await;
    let lost = browser.come_back(&first.visitor_token).await.unwrap();
    let second = browser.come_back(&first.visitor_token).await.unwrap();
    assert!(!lost.visitor_token.is_empty() && second.visitor_token != lost.visitor_token);
    assert_eq!(second.visitor_id, first.visitor_id);
    assert_eq!(reason(browser.come_back(&lost.visitor_token).await), "VISITOR_TOKEN_INVALID", "it never arrived");
    assert_eq!(browser.come_back(&second.visitor_token).await.unwrap().visitor_token, "");
    assert!(browser.come_back(&first.visitor_token).await.is_ok(), "another tab, a moment later");
    t.run("UPDATE visitor SET former_until = clock_timestamp()").await;
    assert_eq!(reason(browser.come_back(&first.visitor_token).await), "VISITOR_TOKEN_INVALID");
    age(31 * 24).await;
    assert_eq!(reason(browser.come_back(&second.visitor_token).await), "VISITOR_TOKEN_INVALID");
    assert_eq!(t.number("SELECT count(*) FROM visitor WHERE length(token_hash) <> 32").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_takes_over_and_the_visitor_sees_who_answers_and_what() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let visitor = site.browser().visit().await;
    let said = visitor.say("Позовите человека").await;
    let mut stream = visitor.watch(Some(0)).await;
    let ended = stream.until(|f| if let Frame::Message(m) = f { Some(m).filter(|m| m.seq == 2) } else { None }).await;
    assert_eq!(ended.author(), Author::Assistant);
    let request = TakeOverRequest { id: said.conversation_id.clone() };
    conversations::rpc::take_over(&t.chats, t.call("TakeOver", request)).await.unwrap();
    let state = stream
        .until(|f| if let Frame::State(s) = f { Some(s).filter(|s| s.handler() == Handler::Operator) } else { None })
        .await;
    assert_eq!(state.id, said.conversation_id);
    let client = Uuid::new_v4();
    let request = SendMessageRequest {
        conversation_id: said.conversation_id.clone(),
        text: "Здравствуйте, это Ольга".into(),
        client_id: client.to_string(),
    };
    let sent = conversations::rpc::send(&t.chats, t.call("SendMessage", request)).await.unwrap();
    assert_eq!(sent.client_id, client.to_string(), "its sender finds it");
    let told = stream
        .until(|f| if let Frame::Message(m) = f { Some(m).filter(|m| m.author() == Author::Operator) } else { None })
        .await;
    assert_eq!((told.id, told.text.as_str(), told.seq), (sent.id, "Здравствуйте, это Ольга", 3));
    let alone = visitor.say("Спасибо").await;
    assert_eq!(alone.turn_id, "", "a person answers");
    assert!(t.messages(&said.conversation_id).await.iter().any(|m| m.client_id == client.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_waits_the_assistants_delay_and_reads_the_answer_as_it_is_written() {
    let t = Test::start().await;
    t.assistants.spec(|spec| spec.answer_delay_seconds = Some(1));
    let site = Site::open(&t).await;
    let visitor = site.browser().visit().await;
    let mut stream = visitor.watch(Some(0)).await;
    let (first, second) = (visitor.say("Сколько").await, visitor.say("стоит доставка?").await);
    assert_eq!(first.turn_id, second.turn_id, "two quick lines are one turn");
    let waits = stream.until(|f| if let Frame::Partial(p) = f { Some(p) } else { None }).await;
    assert!(!waits.answering && waits.text.is_empty());
    let text =
        stream.until(|f| if let Frame::Partial(p) = f { Some(p).filter(|p| !p.text.is_empty()) } else { None }).await;
    assert!(text.text.starts_with("Доставка"), "shown before it is whole");
    eventually("the answer", async || (visitor.list().await.messages.len() == 3).then_some(())).await;
    assert_eq!(t.number("SELECT count(*) FROM turn WHERE streamed").await, 1);
}
