// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.

diesel::table! {
    api_key (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        prefix -> Text,
        permissions -> Array<Text>,
        assistant_id -> Nullable<Uuid>,
        maker_id -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_key_route (hash) {
        hash -> Bytea,
        workspace_id -> Uuid,
        id -> Uuid,
    }
}

diesel::table! {
    credential (user_id) {
        user_id -> Uuid,
        password_hash -> Text,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    login_failure (account_key) {
        account_key -> Bytea,
        failures -> Int4,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    membership (workspace_id, user_id) {
        workspace_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        custom_role_id -> Nullable<Uuid>,
        mv -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    platform_role (user_id) {
        user_id -> Uuid,
        role -> Text,
    }
}

diesel::table! {
    refresh_token (hash) {
        hash -> Bytea,
        family_id -> Uuid,
        generation -> Int4,
        successor_kid -> Nullable<Text>,
        used_at -> Nullable<Timestamptz>,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    registration (id) {
        id -> Uuid,
        email -> Text,
        email_key -> Text,
        name -> Text,
        workspace_name -> Text,
        locale -> Text,
        password_hash -> Text,
        code_hmac -> Bytea,
        sealed_code -> Nullable<Bytea>,
        known -> Bool,
        sends -> Int4,
        tries -> Int4,
        used_at -> Nullable<Timestamptz>,
        expires_at -> Timestamptz,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    revocation (id) {
        id -> Int8,
        kind -> Text,
        subject -> Jsonb,
        at -> Timestamptz,
    }
}

diesel::table! {
    session (id) {
        id -> Uuid,
        user_id -> Uuid,
        workspace_id -> Nullable<Uuid>,
        surface -> Text,
        remember -> Bool,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        revoked_why -> Text,
    }
}

diesel::table! {
    signing_key (kid) {
        kid -> Text,
        sealed -> Bytea,
        public_key -> Bytea,
        signs_from -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    socket_ticket (hash) {
        hash -> Bytea,
        session_id -> Uuid,
        claims -> Jsonb,
        used_at -> Nullable<Timestamptz>,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    user_account (id) {
        id -> Uuid,
        email -> Text,
        email_key -> Text,
        name -> Text,
        locale -> Text,
        blocked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    workspace (workspace_id) {
        workspace_id -> Uuid,
        name -> Text,
        blocked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}
