//! The life of an assistant.

use neipix_mesh::WorkspaceId;
use neipix_proto::assistants::v1::{
    Assistant, AssistantSpec, AssistantStatus, CreateAssistantRequest, DeleteAssistantRequest, GetAnswerPlanRequest,
    GetAssistantRequest, GetVersionRequest, ListAssistantsRequest, ListVersionsRequest, PauseAssistantRequest,
    PublishAssistantRequest, ResumeAssistantRequest, UpdateAssistantRequest,
};
use prost_types::FieldMask;
use svc_assistants::{assistants::rpc, assistants::versions, plan};
use uuid::Uuid;

use crate::harness::{Test, nobody, reason, spec};

fn update(id: &str, etag: &str, draft: AssistantSpec, paths: &[&str]) -> UpdateAssistantRequest {
    UpdateAssistantRequest {
        assistant: Some(Assistant {
            id: id.to_owned(),
            etag: etag.to_owned(),
            draft: Some(draft),
            ..Assistant::default()
        }),
        update_mask: Some(FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_change_by_mask_and_etag_and_versions_never() {
    let t = Test::start().await;
    let made = t.assistant(spec("Магазин")).await;
    assert_eq!((made.status(), made.published_version, made.unpublished_changes), (AssistantStatus::Draft, 0, true));
    let first = t.publish(&made.id).await;
    assert_eq!(
        (first.status(), first.published_version, first.unpublished_changes),
        (AssistantStatus::Published, 1, false)
    );
    assert_eq!(t.publish(&made.id).await, first, "an unchanged draft keeps its version and its etag");

    let other = AssistantSpec {
        instruction: "Отвечай коротко.".into(), temperature: Some(0.0), ..spec("Другой")
    };
    let request = update(&made.id, &first.etag, other, &["draft.instruction"]);
    let changed = rpc::update(&t.state, t.call("UpdateAssistant", request.clone())).await.unwrap();
    let draft = changed.draft.clone().unwrap();
    assert_eq!(
        (draft.name.as_str(), draft.instruction.as_str(), draft.temperature),
        ("Магазин", "Отвечай коротко.", None)
    );
    assert!(changed.unpublished_changes);
    assert_eq!(reason(rpc::update(&t.state, t.call("UpdateAssistant", request)).await), "ETAG_MISMATCH");

    let bad = AssistantSpec { instruction: "{contact.phone}".into(), ..AssistantSpec::default() };
    let refused =
        rpc::update(&t.state, t.call("UpdateAssistant", update(&made.id, "*", bad, &["draft.instruction"]))).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.reason().name, refused.fields()[0].field.as_str()),
        ("DRAFT_INVALID", "assistant.draft.instruction")
    );

    assert_eq!(t.publish(&made.id).await.published_version, 2);
    let old = GetVersionRequest { assistant_id: made.id.clone(), number: 1 };
    let old = versions::get(&t.state, t.call("GetVersion", old)).await.unwrap();
    assert_eq!(old.spec.unwrap().instruction, "Будь вежлив.");
    let page = ListVersionsRequest { assistant_id: made.id.clone(), page_size: 1, page_token: String::new() };
    let page = versions::list(&t.state, t.call("ListVersions", page)).await.unwrap();
    assert_eq!((page.versions[0].number, page.next_page_token.is_empty()), (2, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_10_no_version_can_be_changed_and_its_hash_tells() {
    let t = Test::start().await;
    let id = t.published(spec("A")).await;
    let hash = "SELECT count(*) FROM assistant_version WHERE row_hash = sha256(uuid_send(workspace_id) || uuid_send(assistant_id) || int4send(number) || frozen)";
    assert_eq!(t.number(hash).await, 1);
    for sql in
        ["UPDATE assistant_version SET number = 9", "DELETE FROM assistant_version", "UPDATE passage SET body = ''"]
    {
        let refused = t
            .state
            .db
            .in_workspace_id(t.ws, "test.tamper", async |tx: &mut neipix_mesh::db::Tx| {
                use diesel_async::RunQueryDsl as _;
                Ok::<_, neipix_mesh::Failure>(diesel::sql_query(sql).execute(tx).await?)
            })
            .await;
        let cause = refused.unwrap_err();
        assert!(format!("{:?}", cause).contains("permission denied"), "{sql}: {cause:?}");
    }
    assert_eq!(t.number(&format!("SELECT count(*) FROM assistant_version WHERE assistant_id = '{id}'")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pausing_resuming_and_archiving_follow_the_states() {
    let t = Test::start().await;
    let id = t.assistant(spec("A")).await.id;
    let pause = async || rpc::pause(&t.state, t.call("PauseAssistant", PauseAssistantRequest { id: id.clone() })).await;
    let resume =
        async || rpc::resume(&t.state, t.call("ResumeAssistant", ResumeAssistantRequest { id: id.clone() })).await;
    assert_eq!(reason(pause().await), "ASSISTANT_STATE");
    t.publish(&id).await;
    let paused = pause().await.unwrap();
    assert_eq!(paused.status(), AssistantStatus::Paused);
    assert_eq!(pause().await.unwrap(), paused, "again is the same");
    assert_eq!(t.publish(&id).await.status(), AssistantStatus::Paused, "publishing wakes nobody");
    assert_eq!(resume().await.unwrap().status(), AssistantStatus::Published);
    let archive =
        async || rpc::archive(&t.state, t.call("DeleteAssistant", DeleteAssistantRequest { id: id.clone() })).await;
    assert_eq!(archive().await.unwrap().status(), AssistantStatus::Archived);
    archive().await.unwrap();
    let publish = rpc::publish(&t.state, t.call("PublishAssistant", PublishAssistantRequest { id: id.clone() })).await;
    assert_eq!(reason(publish), "ASSISTANT_STATE");
    let list = rpc::list(&t.state, t.call("ListAssistants", ListAssistantsRequest::default())).await.unwrap();
    assert!(list.assistants.is_empty(), "archived ones are listed only when asked for");
    let kinds = "SELECT count(*) FROM outbox WHERE kind IN ('assistant.created', 'assistant.published', 'assistant.paused', 'assistant.archived')";
    assert_eq!(t.number(kinds).await, 5, "one event per change, none for a repeat");
    assert_eq!(t.number("SELECT count(*) FROM outbox WHERE kind = 'audit.recorded'").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_ordered_and_searched_literally() {
    let t = Test::start().await;
    for name in ["100% Юг", "1000 Юг", "Центр_1", "Центр21"] {
        t.assistant(spec(name)).await;
    }
    let list = async |request: ListAssistantsRequest| rpc::list(&t.state, t.call("ListAssistants", request)).await;
    let names = |list: &[Assistant]| list.iter().map(|a| a.draft.clone().unwrap().name).collect::<Vec<_>>();
    let first = ListAssistantsRequest { page_size: 3, order_by: "name".into(), ..ListAssistantsRequest::default() };
    let page = list(first.clone()).await.unwrap();
    assert_eq!(names(&page.assistants), ["100% Юг", "1000 Юг", "Центр21"]);
    let second = ListAssistantsRequest { page_token: page.next_page_token.clone(), ..first.clone() };
    let last = list(second.clone()).await.unwrap();
    assert_eq!((names(&last.assistants), last.next_page_token.as_str()), (vec!["Центр_1".to_owned()], ""));
    let found = list(ListAssistantsRequest { q: "100%".into(), ..ListAssistantsRequest::default() }).await.unwrap();
    assert_eq!(names(&found.assistants), ["100% Юг"], "e_16: a percent sign is a percent sign");
    let other_filter = ListAssistantsRequest { q: "Юг".into(), ..second };
    assert_eq!(reason(list(other_filter).await), "PAGE_TOKEN_INVALID", "e_15");
    let newest = list(ListAssistantsRequest { page_size: 1, ..ListAssistantsRequest::default() }).await.unwrap();
    assert_eq!(names(&newest.assistants), ["Центр21"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_1_another_workspace_and_another_assistant_are_not_there() {
    let t = Test::start().await;
    let (mine, other) = (t.published(spec("A")).await, t.published(spec("B")).await);
    let stranger = WorkspaceId(Uuid::new_v4());
    let get = GetAssistantRequest { id: mine.to_string() };
    assert_eq!(reason(rpc::get(&t.state, t.call_in(stranger, "GetAssistant", get.clone())).await), "NOT_FOUND");
    assert_eq!(reason(rpc::get(&t.state, t.narrowed(other, "GetAssistant", get.clone())).await), "NOT_FOUND");
    rpc::get(&t.state, t.narrowed(mine, "GetAssistant", get)).await.unwrap();
    let plan_of = GetAnswerPlanRequest { workspace_id: stranger.to_string(), assistant_id: mine.to_string() };
    assert_eq!(reason(plan::get(&t.state, t.call_in(stranger, "GetAnswerPlan", plan_of)).await), "NOT_FOUND");
    let list = rpc::list(&t.state, t.narrowed(mine, "ListAssistants", ListAssistantsRequest::default())).await.unwrap();
    assert_eq!(list.assistants.len(), 1);
    assert_eq!(
        reason(rpc::get(&t.state, t.call("GetAssistant", GetAssistantRequest { id: nobody() })).await),
        "NOT_FOUND"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e_17_the_same_key_makes_one_assistant() {
    let t = Test::start().await;
    let request = CreateAssistantRequest { draft: Some(spec("A")) };
    let create =
        async |request: CreateAssistantRequest| rpc::create(&t.state, t.keyed("k1", "CreateAssistant", request)).await;
    let first = create(request.clone()).await.unwrap();
    assert_eq!(create(request).await.unwrap(), first);
    let other = CreateAssistantRequest { draft: Some(spec("B")) };
    assert_eq!(reason(create(other).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(t.number("SELECT count(*) FROM assistant").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_fills_in_defaults_and_ends_with_the_built_in_answerer() {
    let t = Test::start().await;
    let made = t.assistant(AssistantSpec { max_output_tokens: Some(99), ..spec("A") }).await;
    let ask = GetAnswerPlanRequest { workspace_id: t.ws.to_string(), assistant_id: made.id.clone() };
    let before = plan::get(&t.state, t.call("GetAnswerPlan", ask.clone())).await.unwrap();
    assert_eq!((before.status(), before.version, before.spec.is_none()), (AssistantStatus::Draft, 0, true));
    t.publish(&made.id).await;
    let plan = plan::get(&t.state, t.call("GetAnswerPlan", ask)).await.unwrap();
    let spec = plan.spec.clone().unwrap();
    assert_eq!(
        (plan.version, spec.max_output_tokens, spec.answer_delay_seconds, spec.temperature),
        (1, Some(99), Some(5), Some(0.3))
    );
    assert!(plan.fixed_prompt_tokens > 100, "{}", plan.fixed_prompt_tokens);
    assert_eq!(plan.candidates.last().unwrap().model, "");
}
