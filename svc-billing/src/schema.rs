// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.

diesel::table! {
    hold (workspace_id, turn_id) {
        workspace_id -> Uuid,
        turn_id -> Uuid,
        transfer_id -> Uuid,
        amount_micro_pix -> Int8,
        from_bonus_micro_pix -> Int8,
        from_plan_micro_pix -> Int8,
        from_purchased_micro_pix -> Int8,
        models -> Array<Text>,
        price_ids -> Array<Uuid>,
        expires_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    posting (workspace_id, transfer_id, n) {
        workspace_id -> Uuid,
        transfer_id -> Uuid,
        n -> Int2,
        account -> Text,
        amount_micro_pix -> Int8,
    }
}

diesel::table! {
    price (id) {
        id -> Uuid,
        model -> Text,
        input_micro_pix_per_million -> Int8,
        cached_input_micro_pix_per_million -> Int8,
        cache_write_micro_pix_per_million -> Int8,
        output_micro_pix_per_million -> Int8,
        markup_bp -> Int4,
        valid_from -> Timestamptz,
        valid_to -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    transfer (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        n -> Int8,
        kind -> Text,
        turn_id -> Nullable<Uuid>,
        payment_id -> Nullable<Uuid>,
        amount_micro_pix -> Int8,
        balance_micro_pix -> Int8,
        charge -> Nullable<Jsonb>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    transfer_key (workspace_id, key) {
        workspace_id -> Uuid,
        key -> Text,
        transfer_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    wallet (workspace_id) {
        workspace_id -> Uuid,
        purchased -> Int8,
        plan -> Int8,
        bonus -> Int8,
        held -> Int8,
        revenue -> Int8,
        funding -> Int8,
        adjustment -> Int8,
        version -> Int8,
        updated_at -> Timestamptz,
    }
}
