//! The OpenAI face.

use futures::StreamExt as _;
use neipix_proto::chats::v1::{
    AskTurn, ChatCompletionEvent, CompletionMessage, CreateChatCompletionRequest, ListModelsRequest, TurnState,
    chat_completion_event::Event,
};
use svc_chats::completions;

use crate::harness::{Test, reason};

fn request(t: &Test, talk: &[(&str, &str)]) -> CreateChatCompletionRequest {
    let message = |(role, text): &(&str, &str)| CompletionMessage { role: (*role).into(), text: (*text).into() };
    CreateChatCompletionRequest {
        model: t.assistant.to_string(),
        messages: talk.iter().map(message).collect(),
        body_hash: format!("{:032x}", talk.len()).into_bytes(),
        ..CreateChatCompletionRequest::default()
    }
}

async fn complete(t: &Test, request: CreateChatCompletionRequest) -> (String, String, AskTurn) {
    let stream = completions::create(&t.chats, t.call("CreateChatCompletion", request)).await.unwrap();
    let events: Vec<ChatCompletionEvent> = stream.map(|e| e.unwrap()).collect().await;
    let (mut conversation, mut text, mut end) = (String::new(), String::new(), None);
    for event in events {
        match event.event.unwrap() {
            Event::Accepted(accepted) => conversation = accepted.conversation_id,
            Event::Delta(delta) => text.push_str(&delta.text),
            Event::Finished(turn) => end = Some(turn),
        }
    }
    (conversation, text, end.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialogue_that_grows_is_one_and_a_dialogue_that_begins_alike_is_another() {
    let t = Test::start().await;
    let (first, text, turn) = complete(&t, request(&t, &[("system", "Be brief."), ("user", "Привет")])).await;
    assert_eq!((text.as_str(), turn.state()), ("Доставка стоит 300 рублей.", TurnState::Delivered));
    let talk = [("system", "Be brief."), ("user", "Привет"), ("assistant", text.as_str()), ("user", "Цена?")];
    let mut more = request(&t, &talk);
    more.stream = true;
    more.max_output_tokens = Some(50);
    more.stop = vec!["END".into()];
    let (second, ..) = complete(&t, more).await;
    assert_eq!(first, second);
    let asked = t.assistants.replies().pop().unwrap();
    assert_eq!((asked.inputs.as_slice(), asked.output_tokens_max), (&["Цена?".to_owned()][..], 50));
    assert_eq!((asked.caller_instruction.as_str(), asked.stop.len(), asked.streamed), ("Be brief.", 1, true));
    let history: Vec<&str> = asked.history.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(history, ["Привет", text.as_str()]);
    assert_eq!(t.messages(&first).await.len(), 4, "only what is new is stored");
    let (third, ..) = complete(&t, request(&t, &[("system", "Be brief."), ("user", "Привет")])).await;
    assert_ne!(first, third);
    t.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_retry_is_one_answer_and_one_charge() {
    let t = Test::start().await;
    let (_, _, first) = complete(&t, request(&t, &[("user", "Привет")])).await;
    let mut again = request(&t, &[("user", "Привет")]);
    again.retried = true;
    let (_, text, second) = complete(&t, again).await;
    assert_eq!((first.id.as_str(), text.as_str()), (second.id.as_str(), "Доставка стоит 300 рублей."));
    assert_eq!((t.assistants.replies().len(), t.billing.of(&first.id).settles), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_the_published_assistants() {
    let t = Test::start().await;
    complete(&t, request(&t, &[("user", "Привет")])).await;
    let models = completions::models(&t.chats, t.call("ListModels", ListModelsRequest::default())).await.unwrap();
    assert_eq!(models.models[0].id, t.assistant.to_string());
    let one = ListModelsRequest { id: t.assistant.to_string() };
    assert_eq!(completions::models(&t.chats, t.call("ListModels", one)).await.unwrap().models.len(), 1);
    let none = ListModelsRequest { id: "gpt-4o".into() };
    assert_eq!(reason(completions::models(&t.chats, t.call("ListModels", none)).await), "MODEL_NOT_FOUND");
    let mut asked = request(&t, &[("user", "Привет")]);
    asked.model = "gpt-4o".into();
    let refused = completions::create(&t.chats, t.call("CreateChatCompletion", asked)).await.map(|_| ());
    assert_eq!(reason(refused), "MODEL_NOT_FOUND");
}
