// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.

diesel::table! {
    audit_detail (workspace_id, event_id) {
        workspace_id -> Uuid,
        event_id -> Uuid,
        salt -> Bytea,
        detail -> Text,
    }
}

diesel::table! {
    audit_head (workspace_id) {
        workspace_id -> Uuid,
        seq -> Int8,
        hash -> Bytea,
    }
}

diesel::table! {
    audit_record (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        seq -> Int8,
        service -> Text,
        event_id -> Uuid,
        actor -> Text,
        on_behalf_of -> Text,
        action -> Text,
        object -> Text,
        reason -> Text,
        request_id -> Text,
        happened_at -> Timestamptz,
        commitment -> Bytea,
        prev_hash -> Bytea,
        hash -> Bytea,
    }
}

diesel::table! {
    directory_user (user_id) {
        user_id -> Uuid,
        platform_role -> Text,
        blocked -> Bool,
        registered_at -> Timestamptz,
    }
}

diesel::table! {
    directory_workspace (workspace_id) {
        workspace_id -> Uuid,
        owner_user_id -> Nullable<Uuid>,
        available_micro_pix -> Int8,
        wallet_version -> Int8,
        created_at -> Timestamptz,
    }
}
