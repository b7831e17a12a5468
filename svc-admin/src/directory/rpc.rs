//! ListUsers.

use std::collections::HashMap;

use neipix_mesh::{Call, Failure, UserId, db::Tx, page};
use neipix_proto::{
    admin::v1::{DirectoryUser, DirectoryWorkspace, ErrorReason, ListUsersRequest, ListUsersResponse},
    auth::v1::{BatchGetUsersRequest, SearchUsersRequest, User, auth_service_client::AuthServiceClient},
};
use uuid::Uuid;

use super::store::{self, Order, UserRow};
use crate::Admin;

/// Workspaces shown of one user.
const OWNED_MOST: usize = 20;
/// What svc-auth answers at most; so many is a search that is too broad to page through.
const FOUND_MOST: usize = 200;

/// A page of the platform's users.
///
/// # Errors
/// PAGE_TOKEN_INVALID, SEARCH_TOO_BROAD, UNAVAILABLE where svc-auth does not answer.
pub async fn list(admin: &Admin, call: Call<ListUsersRequest>) -> Result<ListUsersResponse, Failure> {
    let size = page::Size::new(call.page_size);
    let after: Option<(i64, Uuid)> = admin.pages.decode(&call.context, &call.page_token)?;
    let order = match call.order_by.as_str() {
        "create_time" => Order::Registered { desc: false },
        "available_micro_pix" => Order::Available { desc: false },
        "available_micro_pix desc" => Order::Available { desc: true },
        _ => Order::Registered { desc: true },
    };
    let mut auth = AuthServiceClient::new(admin.mesh.to("svc-auth", &call.context));
    let only = if call.q.is_empty() {
        None
    } else {
        let request = SearchUsersRequest { workspace_id: String::new(), q: call.q.clone() };
        let found = auth.search_users(request).await?.into_inner().user_ids;
        if found.len() >= FOUND_MOST {
            return Err(Failure::new(
                ErrorReason::SearchTooBroad,
                "more than 200 users match: write more of the name or e-mail",
            ));
        }
        Some(found.iter().filter_map(|id| id.parse().ok()).collect::<Vec<Uuid>>())
    };
    let (rows, next, mut owned) = admin
        .db
        .platform("admin.list_users", async |tx: &mut Tx| {
            let mut rows =
                store::page(tx, only.clone(), call.staff, order, after, size.fetch()).await.map_err(Failure::from)?;
            let next = size.cut(&mut rows).map(|last| key(order, last));
            let ids: Vec<UserId> = rows.iter().map(|r| r.user_id).collect();
            let mut owned: HashMap<Uuid, Vec<DirectoryWorkspace>> = HashMap::new();
            for (owner, ws, available, created) in store::owned(tx, &ids).await.map_err(Failure::from)? {
                let list = owned.entry(owner).or_default();
                if list.len() < OWNED_MOST {
                    list.push(DirectoryWorkspace {
                        id: ws.to_string(),
                        available_micro_pix: available,
                        create_time: Some(crate::stamp(created)),
                    });
                }
            }
            Ok::<_, Failure>((rows, next, owned))
        })
        .await?;
    let ids = rows.iter().map(|r| r.user_id.to_string()).collect();
    let people = auth.batch_get_users(BatchGetUsersRequest { workspace_id: String::new(), user_ids: ids }).await?;
    let mut people: HashMap<String, User> = people.into_inner().users.into_iter().map(|u| (u.id.clone(), u)).collect();
    let users = rows.into_iter().map(|row| {
        let person = people.remove(&row.user_id.to_string()).unwrap_or_default();
        shown(row, person, &mut owned)
    });
    Ok(ListUsersResponse {
        users: users.collect(),
        next_page_token: next.map_or_else(|| Ok(String::new()), |k| admin.pages.encode(&call.context, &k))?,
    })
}

fn key(order: Order, last: &UserRow) -> (i64, Uuid) {
    let value = match order {
        Order::Registered { .. } => last.registered_at.timestamp_micros(),
        Order::Available { .. } => last.available,
    };
    (value, last.user_id.0)
}

fn shown(row: UserRow, person: User, owned: &mut HashMap<Uuid, Vec<DirectoryWorkspace>>) -> DirectoryUser {
    DirectoryUser {
        id: row.user_id.to_string(),
        email: person.email,
        name: person.name,
        platform_role: row.platform_role,
        blocked: row.blocked || person.blocked,
        create_time: Some(crate::stamp(row.registered_at)),
        workspaces: owned.remove(&row.user_id.0).unwrap_or_default(),
        available_micro_pix: row.available,
    }
}
