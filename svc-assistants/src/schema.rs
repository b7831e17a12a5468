// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.

diesel::table! {
    assistant (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        status -> Text,
        name -> Text,
        draft -> Jsonb,
        draft_hash -> Bytea,
        published_version -> Int4,
        published_hash -> Nullable<Bytea>,
        etag -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    assistant_version (workspace_id, assistant_id, number) {
        workspace_id -> Uuid,
        assistant_id -> Uuid,
        number -> Int4,
        frozen -> Bytea,
        row_hash -> Bytea,
        publisher -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    knowledge_file (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        assistant_id -> Uuid,
        name -> Text,
        file_type -> Text,
        media_type -> Text,
        size_bytes -> Int8,
        sha256 -> Nullable<Bytea>,
        object_tag -> Text,
        status -> Text,
        status_deadline -> Nullable<Timestamptz>,
        failure_reason -> Nullable<Text>,
        disabled -> Bool,
        replaces -> Nullable<Uuid>,
        valid_from -> Nullable<Timestamptz>,
        valid_to -> Nullable<Timestamptz>,
        run -> Int4,
        crashes -> Int4,
        passage_count -> Int4,
        page_count -> Int4,
        etag -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    passage (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        assistant_id -> Uuid,
        file_id -> Uuid,
        version -> Int4,
        n -> Int4,
        page -> Int4,
        start -> Int4,
        headings -> Array<Text>,
        body -> Text,
        indexed -> Text,
        search -> Text,
    }
}

diesel::table! {
    passage_word (workspace_id, assistant_id, lexeme, file_id, version) {
        workspace_id -> Uuid,
        assistant_id -> Uuid,
        lexeme -> Text,
        file_id -> Uuid,
        version -> Int4,
        places -> Array<Int4>,
        weights -> Array<Float4>,
    }
}

diesel::table! {
    provider (id) {
        id -> Uuid,
        name -> Text,
        kind -> Text,
        base_url -> Text,
        model -> Text,
        sealed_key -> Nullable<Bytea>,
        key_last4 -> Text,
        priority -> Int4,
        disabled -> Bool,
        first_token_timeout_ms -> Int4,
        etag -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    provider_attempt (id) {
        id -> Uuid,
        turn_id -> Uuid,
        epoch -> Int8,
        provider_id -> Uuid,
        model -> Text,
        error -> Text,
        detail -> Text,
        first_token_ms -> Int4,
        total_ms -> Int4,
        input_tokens -> Int8,
        cached_input_tokens -> Int8,
        cache_write_tokens -> Int8,
        output_tokens -> Int8,
        estimated -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    simulated_turn (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        assistant_id -> Uuid,
        member_id -> Uuid,
        request_id -> Uuid,
        number -> Int4,
        version -> Int4,
        state -> Text,
        reason -> Int4,
        question -> Text,
        answer -> Text,
        fixed_reply -> Bool,
        record -> Nullable<Bytea>,
        payer -> Text,
        allowance_day -> Nullable<Date>,
        reserved_micro_pix -> Int8,
        cost_micro_pix -> Int8,
        allowance_micro_pix -> Int8,
        closed -> Bool,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        reset_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    simulation_day (workspace_id, day) {
        workspace_id -> Uuid,
        day -> Date,
        taken_micro_pix -> Int8,
    }
}
