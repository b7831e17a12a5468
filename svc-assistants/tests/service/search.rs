//! Finding passages.

use std::time::Instant;

use neipix_mesh::WorkspaceId;
use neipix_proto::assistants::v1::{RetrieveRequest, SearchPassagesRequest};
use svc_assistants::search::rpc;
use uuid::Uuid;

use crate::harness::{Test, eventually, reason, spec};

const SHOP: [&str; 4] = [
    "Доставка по Москве стоит 300 рублей и занимает два дня.",
    "Вернуть товар можно в течение 14 дней, если сохранён чек.",
    "Магазин работает с 9 до 21 без выходных.",
    "We ship abroad by courier within five days.",
];

async fn found(t: &Test, assistant: &str, query: &str) -> Vec<String> {
    let request = SearchPassagesRequest { assistant_id: assistant.to_owned(), query: query.to_owned(), limit: 3 };
    let answer = rpc::search(&t.state, t.call("SearchPassages", request)).await.unwrap();
    answer.results.into_iter().map(|r| r.passage.unwrap().text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_find_their_passage_in_every_disguise() {
    let t = Test::start().await;
    let id = t.published(spec("A")).await;
    t.file(id, "shop.md", &SHOP).await;
    let cases = [
        ("Сколько стоит доставка?", 0),
        ("ljcnfdrf", 0),
        ("dostavka", 0),
        ("достака", 0),
        ("как вернуть товар", 1),
        ("в какие часы вы работаете", 2),
        ("shipping abroad", 3),
    ];
    for (query, expected) in cases {
        let texts = found(&t, &id.to_string(), query).await;
        assert_eq!(texts.first().map(String::as_str), Some(SHOP[expected]), "{query}: {texts:?}");
    }
    assert!(found(&t, &id.to_string(), "%_\\' OR 1=1--").await.is_empty(), "e_16");
    assert!(found(&t, &id.to_string(), "и в на").await.is_empty(), "stop words alone ask for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_8_another_assistants_and_another_workspaces_passages_are_not_found() {
    let t = Test::start().await;
    let (mine, other) = (t.published(spec("A")).await, t.published(spec("B")).await);
    t.file(other, "b.md", &["Канарейка поёт у соседнего ассистента."]).await;
    assert!(found(&t, &mine.to_string(), "канарейка").await.is_empty());
    assert_eq!(found(&t, &other.to_string(), "канарейка").await.len(), 1);
    let stranger = WorkspaceId(Uuid::new_v4());
    let request = RetrieveRequest {
        workspace_id: stranger.to_string(),
        assistant_id: other.to_string(),
        question: "канарейка".into(),
        limit: 5,
    };
    assert_eq!(reason(rpc::retrieve(&t.state, t.call_in(stranger, "Retrieve", request)).await), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_91_switched_off_and_deleted_files_are_not_answered_from() {
    let t = Test::start().await;
    let id = t.published(spec("A")).await;
    let file = t.file(id, "shop.md", &SHOP).await;
    assert_eq!(found(&t, &id.to_string(), "доставка").await.len(), 1);
    t.as_owner(&format!("UPDATE knowledge_file SET disabled = true WHERE id = '{file}'")).await;
    assert!(found(&t, &id.to_string(), "доставка").await.is_empty());
    t.as_owner("UPDATE knowledge_file SET disabled = false, valid_to = now()").await;
    assert!(found(&t, &id.to_string(), "доставка").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_for_before_hides_no_file_that_came_since() {
    let t = Test::start().await;
    let id = t.published(spec("A")).await;
    t.file(id, "shop.md", &SHOP).await;
    for query in ["доставка", "канарейка"] {
        let before = found(&t, &id.to_string(), query).await.len();
        assert_eq!(found(&t, &id.to_string(), query).await.len(), before, "{query}: remembered");
        let news = format!("Новость: {query} теперь и в Казани.");
        t.file(id, "news.md", &[&news]).await;
        let texts = found(&t, &id.to_string(), query).await;
        assert_eq!(texts.len(), before + 1, "{query}: {texts:?}");
        assert!(texts.contains(&news), "{query}: {texts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_word_of_a_ready_file_is_listed_where_it_stands() {
    let t = Test::start().await;
    let id = t.published(spec("A")).await;
    t.file(id, "shop.md", &SHOP).await;
    t.file(id, "much.md", &["Доставка, доставка и ещё раз доставка."; 20]).await;
    let stands = "SELECT p.file_id, p.n, w.lexeme FROM passage p, unnest(p.search) AS w";
    let listed = "SELECT w.file_id, u.n, w.lexeme FROM passage_word w, unnest(w.places) AS u (n)";
    assert!(t.number(&format!("SELECT count(*) FROM ({listed}) AS l")).await > 20);
    let differ = format!("SELECT count(*) FROM (({stands} EXCEPT {listed}) UNION ALL ({listed} EXCEPT {stands})) AS d");
    assert_eq!(t.number(&differ).await, 0);
    let unweighed =
        "SELECT count(*) FROM passage_word WHERE cardinality(places) <> cardinality(weights) OR 0 >= ANY (weights)";
    assert_eq!(t.number(unweighed).await, 0);
    let texts = found(&t, &id.to_string(), "чек для доставки").await;
    assert_eq!(texts[0], SHOP[1], "a rare word tells more than one that is everywhere: {texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_uses_its_indexes_on_fifty_thousand_passages() {
    let t = Test::start().await;
    let id = t.published(spec("A")).await;
    let file = t.file(id, "shop.md", &SHOP).await;
    t.as_owner(&format!(
        "SET neipix.workspace_id = '{ws}'; \
         INSERT INTO passage (workspace_id, id, assistant_id, file_id, version, n, page, start, headings, body, indexed) \
         SELECT '{ws}', gen_random_uuid(), '{id}', '{file}', 1, n + 10, 1, 0, '{{}}', t, t FROM \
         (SELECT n, 'Артикул ' || md5(n::text) || ' имеет цвет ' || (n % 977) || ' и склад ' || md5((n % 4999)::text) AS t \
          FROM generate_series(1, 50000) AS n) AS x; \
         DELETE FROM passage_word; SELECT write_words('{ws}', '{file}'); ANALYZE passage, passage_word",
        ws = t.ws
    ))
    .await;
    let scans = |index: &str| {
        format!("SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname = '{index}'")
    };
    let whole =
        "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE relname IN ('passage', 'passage_word')";
    let before = t.number(whole).await;
    let started = Instant::now();
    let texts = found(&t, &id.to_string(), "Сколько стоит доставка?").await;
    let took = started.elapsed();
    assert_eq!(texts.first().map(String::as_str), Some(SHOP[0]));
    assert!(took.as_millis() < 500, "{took:?}");
    for index in ["passage_word_pk", "passage_trigram_ix"] {
        eventually(index, async || (t.number(&scans(index)).await > 0).then_some(())).await;
    }
    assert_eq!(t.number(whole).await, before, "the tables are never read whole");
}
