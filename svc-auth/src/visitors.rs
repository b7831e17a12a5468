//! Visitors of the web widget: short tokens for whom svc-chats knows. Nothing of them is stored here.

use chrono::Utc;
use diesel::{
    OptionalExtension as _, QueryableByName, sql_query,
    sql_types::{Bool, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl as _;
use neipix_mesh::{
    Call, Failure, WorkspaceId,
    access::{roles::permissions_of_visitors, token::Claims},
    db::{Keep as _, Tx},
};
use neipix_proto::auth::v1::{AccessToken, ErrorReason, IssueVisitorTokenRequest};
use uuid::Uuid;

use crate::{Auth, sessions};

/// Life of a visitor's access token, seconds.
pub const TOKEN_SECONDS: i64 = 15 * 60;

/// Signs a visitor's token.
///
/// # Errors
/// BLOCKED for a workspace that is blocked; NOT_FOUND for one that is not there.
pub async fn issue(auth: &Auth, call: Call<IssueVisitorTokenRequest>) -> Result<AccessToken, Failure> {
    let ws = call.context.workspace;
    let parse = |id: &str, field: &str| Uuid::parse_str(id).map_err(|_| Failure::invalid(field, "must be a UUID"));
    let (visitor, assistant) = (parse(&call.visitor_id, "visitor_id")?, parse(&call.assistant_id, "assistant_id")?);
    let blocked = async |tx: &mut Tx| is_blocked(tx, ws).await;
    match auth.db.in_workspace_id(ws, "auth.visitor_workspace", blocked).await? {
        None => return Err(Failure::not_found()),
        Some(true) => return Err(Failure::new(ErrorReason::Blocked, "the workspace is blocked")),
        Some(false) => {}
    }
    let claims = claims(&auth.issuer, ws, visitor, assistant, Utc::now().timestamp());
    sessions::rpc::access(auth, &claims).await
}

fn claims(issuer: &str, ws: WorkspaceId, visitor: Uuid, assistant: Uuid, now: i64) -> Claims {
    Claims {
        iss: issuer.to_owned(),
        aud: "widget".to_owned(),
        sub: format!("visitor:{visitor}"),
        sid: visitor.to_string(),
        ws: Some(ws.0),
        role: None,
        prole: None,
        mv: 0,
        scp: permissions_of_visitors().names().into_iter().map(str::to_owned).collect(),
        ast: Some(assistant),
        act: None,
        mkr: None,
        iat: now,
        exp: now + TOKEN_SECONDS,
        jti: Uuid::now_v7().to_string(),
    }
}

async fn is_blocked(tx: &mut Tx, ws: WorkspaceId) -> Result<Option<bool>, Failure> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        blocked: bool,
    }
    let row: Option<Row> = sql_query("SELECT blocked_at IS NOT NULL AS blocked FROM workspace WHERE workspace_id = $1")
        .bind::<SqlUuid, _>(ws)
        .kept()
        .get_result(tx)
        .await
        .optional()?;
    Ok(row.map(|row| row.blocked))
}

#[cfg(test)]
mod tests {
    use neipix_mesh::access::token::Subject;

    use super::*;

    #[test]
    fn a_visitor_may_chat_in_the_widget_for_a_quarter_of_an_hour() {
        let id = Uuid::now_v7();
        let claims = claims("iss", WorkspaceId(Uuid::now_v7()), id, Uuid::now_v7(), 1_000);
        assert_eq!(claims.scp, ["widget.chat"]);
        assert_eq!((claims.aud.as_str(), claims.exp, claims.role), ("widget", 1_900, None));
        let claims = Claims { role: None, ..claims };
        assert_eq!(claims.subject(), Some(Subject::Visitor(id)));
    }
}
