//! The same read as JSON over HTTP/1.1 (18086) and as gRPC (18087): what the two protocols cost by themselves.

use axum::{Json, Router, extract::Path, routing::get};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod floor {
    tonic::include_proto!("floor.v1");
}
use floor::{
    Chat, GetChatRequest, Message,
    chats_server::{Chats, ChatsServer},
};

/// A page of ten messages, about 1.6 KiB of JSON.
fn chat(id: String) -> Chat {
    let messages = (0..10)
        .map(|n| Message {
            id: format!("01a20b51-04f4-72e4-a764-51849b1f6d{n:02}"),
            author: if n % 2 == 0 { "customer" } else { "assistant" }.into(),
            text: "The return period is fourteen days from delivery.".into(),
            created_at_ms: 1_700_000_000_000 + n,
        })
        .collect();
    Chat { id, title: "Return of an order".into(), unread: 2, messages }
}

struct Service;

#[tonic::async_trait]
impl Chats for Service {
    async fn get_chat(&self, request: Request<GetChatRequest>) -> Result<Response<Chat>, Status> {
        Ok(Response::new(chat(request.into_inner().id)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let json = Router::new().route("/v1/chats/{id}", get(|Path(id): Path<String>| async { Json(chat(id)) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:18086").await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        let _ = socket.set_nodelay(true);
    });
    let incoming = TcpIncoming::bind("127.0.0.1:18087".parse()?)?.with_nodelay(Some(true));
    tokio::try_join!(async { axum::serve(listener, json).await.map_err(Box::<dyn std::error::Error>::from) }, async {
        Server::builder().add_service(ChatsServer::new(Service)).serve_with_incoming(incoming).await.map_err(Into::into)
    },)?;
    Ok(())
}
