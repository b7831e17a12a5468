// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.

diesel::table! {
    ask_dedupe (workspace_id, key_id, body_hash) {
        workspace_id -> Uuid,
        key_id -> Uuid,
        body_hash -> Bytea,
        turn_id -> Nullable<Uuid>,
        message_id -> Uuid,
        at -> Timestamptz,
    }
}

diesel::table! {
    bot_route (bot_id) {
        bot_id -> Int8,
        workspace_id -> Uuid,
        channel_id -> Uuid,
    }
}

diesel::table! {
    channel (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        assistant_id -> Uuid,
        assistant_status -> Text,
        state -> Text,
        title -> Text,
        bot_id -> Nullable<Int8>,
        hook_id -> Nullable<Uuid>,
        hook_secret_hash -> Nullable<Bytea>,
        sealed_token -> Nullable<Bytea>,
        token_last4 -> Text,
        last_error_ru -> Text,
        last_error_en -> Text,
        checked_at -> Nullable<Timestamptz>,
        paused_until -> Nullable<Timestamptz>,
        etag -> Int8,
        created_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    contact (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        display_name -> Text,
        blocked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    contact_identity (workspace_id, kind, scope, value) {
        workspace_id -> Uuid,
        kind -> Text,
        scope -> Text,
        value -> Text,
        contact_id -> Uuid,
    }
}

diesel::table! {
    contact_merge (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        visitor_id -> Uuid,
        from_contact_id -> Uuid,
        into_contact_id -> Uuid,
        identities -> Jsonb,
        conversations -> Array<Uuid>,
        at -> Timestamptz,
    }
}

diesel::table! {
    conversation (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        channel_id -> Uuid,
        contact_id -> Uuid,
        assistant_id -> Uuid,
        external_key -> Text,
        address -> Text,
        status -> Text,
        handler -> Text,
        handler_member_id -> Nullable<Uuid>,
        handler_epoch -> Int8,
        last_seq -> Int8,
        context_from_seq -> Int8,
        version -> Int8,
        away_since -> Nullable<Timestamptz>,
        answered_at -> Nullable<Timestamptz>,
        fast_turns -> Int4,
        operator_at -> Nullable<Timestamptz>,
        closed_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    delivery (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        message_id -> Uuid,
        conversation_id -> Uuid,
        channel_id -> Uuid,
        seq -> Int8,
        part -> Int4,
        text -> Text,
        entities -> Jsonb,
        state -> Text,
        attempt -> Int4,
        lease_until -> Nullable<Timestamptz>,
        provider_message_id -> Nullable<Text>,
        error -> Text,
        created_at -> Timestamptz,
        sent_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    event (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        seq -> Int8,
        kind -> Text,
        object_id -> Uuid,
        extra -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    event_head (workspace_id) {
        workspace_id -> Uuid,
        last_seq -> Int8,
    }
}

diesel::table! {
    handler_history (workspace_id, conversation_id, epoch) {
        workspace_id -> Uuid,
        conversation_id -> Uuid,
        epoch -> Int8,
        handler -> Text,
        member_id -> Nullable<Uuid>,
        from_seq -> Int8,
        at -> Timestamptz,
    }
}

diesel::table! {
    hook_route (hook_id) {
        hook_id -> Uuid,
        workspace_id -> Uuid,
        channel_id -> Uuid,
    }
}

diesel::table! {
    message (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        conversation_id -> Uuid,
        seq -> Int8,
        author -> Text,
        author_member_id -> Nullable<Uuid>,
        turn_id -> Nullable<Uuid>,
        text -> Text,
        claimed_handler_epoch -> Nullable<Int8>,
        interrupted -> Bool,
        citations -> Nullable<Jsonb>,
        created_at -> Timestamptz,
        client_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    message_key (workspace_id, channel_id, external_id) {
        workspace_id -> Uuid,
        channel_id -> Uuid,
        external_id -> Text,
        message_id -> Uuid,
        conversation_id -> Uuid,
    }
}

diesel::table! {
    turn (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        conversation_id -> Uuid,
        assistant_id -> Uuid,
        state -> Text,
        reason -> Text,
        streamed -> Bool,
        request -> Nullable<Jsonb>,
        due_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        input_to_seq -> Nullable<Int8>,
        ended_at -> Nullable<Timestamptz>,
        lease_owner -> Text,
        lease_epoch -> Int8,
        lease_until -> Nullable<Timestamptz>,
        version -> Int4,
        hold_id -> Nullable<Uuid>,
        claimed_handler_epoch -> Nullable<Int8>,
        answer_message_id -> Nullable<Uuid>,
        cost_micro_pix -> Int8,
        steps -> Int2,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    turn_attempt (workspace_id, turn_id, n) {
        workspace_id -> Uuid,
        turn_id -> Uuid,
        n -> Int2,
        attempt_id -> Uuid,
        epoch -> Int8,
        provider -> Text,
        model -> Text,
        input_tokens -> Int8,
        cached_input_tokens -> Int8,
        cache_write_tokens -> Int8,
        output_tokens -> Int8,
        estimated -> Bool,
        charged -> Bool,
        price_id -> Nullable<Uuid>,
        error -> Text,
        first_token_ms -> Int4,
        total_ms -> Int4,
    }
}

diesel::table! {
    turn_input (workspace_id, message_id) {
        workspace_id -> Uuid,
        message_id -> Uuid,
        turn_id -> Uuid,
    }
}

diesel::table! {
    turn_step (workspace_id, turn_id, n) {
        workspace_id -> Uuid,
        turn_id -> Uuid,
        n -> Int2,
        from_state -> Text,
        to_state -> Text,
        epoch -> Int8,
        at -> Timestamptz,
        record -> Nullable<Bytea>,
    }
}

diesel::table! {
    update_key (workspace_id, channel_id, update_id) {
        workspace_id -> Uuid,
        channel_id -> Uuid,
        update_id -> Int8,
        seen_at -> Timestamptz,
    }
}

diesel::table! {
    visitor (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        channel_id -> Uuid,
        origin -> Text,
        sub -> Nullable<Text>,
        token_hash -> Bytea,
        token_at -> Timestamptz,
        token_used -> Bool,
        former_hash -> Nullable<Bytea>,
        former_until -> Nullable<Timestamptz>,
        seen_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    widget (workspace_id, channel_id) {
        workspace_id -> Uuid,
        channel_id -> Uuid,
        key -> Text,
        origins -> Array<Text>,
        locale -> Text,
        title -> Text,
        greeting -> Text,
        accent -> Text,
        side -> Text,
        scheme -> Text,
        require_identity -> Bool,
        secrets_made -> Int4,
    }
}

diesel::table! {
    widget_route (key) {
        key -> Text,
        workspace_id -> Uuid,
        channel_id -> Uuid,
    }
}

diesel::table! {
    widget_secret (workspace_id, channel_id, kid) {
        workspace_id -> Uuid,
        channel_id -> Uuid,
        kid -> Text,
        sealed -> Bytea,
        created_at -> Timestamptz,
    }
}
