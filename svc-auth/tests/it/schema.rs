//! The migrated schema: row security, and what the service's role may do.

use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};

use super::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn inv_40_tenant_tables_are_fenced_and_the_service_owns_nothing() {
    // trust: INV-40, INV-42
    let house = House::start().await;
    let person = house.person().await;
    house.login(&person).await;
    // Routes and machinery hold ids only; a session names the workspace it works in.
    let open = "SELECT coalesce(string_agg(c.relname, ' ' ORDER BY c.relname), '') FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'auth' AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    assert_eq!(house.one(open).await, "api_key_route consumed_event job outbox session");
    let unchecked =
        "SELECT count(*) FROM pg_policies WHERE schemaname = 'auth' AND cmd <> 'SELECT' AND with_check IS NULL";
    assert_eq!(house.one(unchecked).await, "0");
    let owned = "SELECT count(*) FROM pg_class WHERE relowner = 'auth_service'::regrole";
    assert_eq!(house.one(owned).await, "0");
    assert_eq!(
        house.one("SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = 'auth_service'").await,
        "false"
    );
    let mut service = AsyncPgConnection::establish(&house.service_url()).await.unwrap();
    for table in ["workspace", "membership", "api_key", "idempotency_record"] {
        let seen = diesel::sql_query(format!("SELECT 1 FROM auth.{table}")).execute(&mut service).await.unwrap();
        assert_eq!(seen, 0, "{table} without a context");
    }
    for denied in [
        "DELETE FROM auth.user_account",
        "DELETE FROM auth.session",
        "DELETE FROM auth.membership",
        "UPDATE auth.revocation SET at = at",
        "UPDATE auth.api_key_route SET id = id",
        "TRUNCATE auth.refresh_token",
    ] {
        assert!(diesel::sql_query(denied).execute(&mut service).await.is_err(), "{denied}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_6_a_foreign_workspace_cannot_be_written_or_read() {
    // trust: T-6
    let house = House::start().await;
    let (anna, boris) = (house.person().await, house.person().await);
    let mut service = AsyncPgConnection::establish(&house.service_url()).await.unwrap();
    let mut run = async |sql: String| diesel::sql_query(sql).execute(&mut service).await;
    run(format!("SELECT set_config('neipix.workspace_id', '{}', false)", anna.workspace)).await.unwrap();
    assert_eq!(run("SELECT 1 FROM auth.workspace".to_owned()).await.unwrap(), 1);
    assert_eq!(run("SELECT 1 FROM auth.membership".to_owned()).await.unwrap(), 1);
    let foreign = format!(
        "INSERT INTO auth.membership (workspace_id, user_id, role) VALUES ('{}', '{}', 'owner')",
        boris.workspace, anna.id
    );
    assert!(run(foreign).await.is_err());
    assert_eq!(
        run(format!("UPDATE auth.membership SET role = 'viewer' WHERE user_id = '{}'", boris.id)).await.unwrap(),
        0
    );
    // One's own membership is seen from anywhere, and changed from nowhere else.
    run(format!("SELECT set_config('neipix.user_id', '{}', false)", boris.id)).await.unwrap();
    assert_eq!(run("SELECT 1 FROM auth.membership".to_owned()).await.unwrap(), 2);
    assert_eq!(run("SELECT 1 FROM auth.workspace".to_owned()).await.unwrap(), 2);
    assert_eq!(
        run(format!("UPDATE auth.membership SET role = 'viewer' WHERE user_id = '{}'", boris.id)).await.unwrap(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_swept_and_what_lives_stays() {
    let house = House::start().await;
    let person = house.person().await;
    let (old, live) = (house.login(&person).await, house.login(&person).await);
    let age = "UPDATE refresh_token SET expires_at = clock_timestamp() - interval '2 days' WHERE hash = sha256('{}'); \
               INSERT INTO login_failure VALUES ('old', 3, clock_timestamp() - interval '2 days'), ('new', 3, clock_timestamp()); \
               INSERT INTO revocation (kind, subject, at) SELECT 'session', '{\"session\": \"x\"}', clock_timestamp() - interval '2 days' \
               FROM generate_series(1, 2500); \
               INSERT INTO revocation (kind, subject) VALUES ('session', '{\"session\": \"y\"}')";
    house.sql(&age.replace("{}", &old.refresh_token)).await;
    svc_auth::sweep::once(&house.parts.db).await.unwrap();
    assert_eq!(house.one("SELECT count(*) FROM refresh_token").await, "1");
    assert_eq!(house.one("SELECT string_agg(encode(account_key, 'escape'), ' ') FROM login_failure").await, "new");
    assert_eq!(house.one("SELECT count(*) FROM revocation").await, "1");
    let request = neipix_proto::auth::v1::RefreshRequest { refresh_token: live.refresh_token };
    house.client().refresh(request).await.unwrap();
}
