-- INV-25: what was settled is the sum of the charged attempts at the hold's prices, rounded up once, at most the hold.
WITH counted AS (
    SELECT t.workspace_id, t.id, t.turn_id, (t.charge ->> 'cost_micro_pix')::bigint AS charged,
           (t.charge ->> 'above_hold_micro_pix')::bigint AS above,
           ceil(coalesce(sum(
               ((a.value ->> 'input')::numeric * p.input_micro_pix_per_million
               + (a.value ->> 'cached_input')::numeric * p.cached_input_micro_pix_per_million
               + (a.value ->> 'cache_write')::numeric * p.cache_write_micro_pix_per_million
               + (a.value ->> 'output')::numeric * p.output_micro_pix_per_million) * p.markup_bp), 0) / 10000000000) AS cost
    FROM billing.transfer t
    LEFT JOIN LATERAL jsonb_array_elements(t.charge -> 'attempts') a ON true
    LEFT JOIN billing.price p ON p.id = (a.value ->> 'price_id')::uuid
    WHERE t.kind = 'settle'
    GROUP BY t.workspace_id, t.id, t.turn_id, t.charge
)
SELECT c.workspace_id, c.id AS transfer_id, c.charged, c.above, c.cost, h.amount_micro_pix AS held, r.revenue
FROM counted c
JOIN billing.hold h ON h.workspace_id = c.workspace_id AND h.turn_id = c.turn_id
LEFT JOIN (
    SELECT workspace_id, transfer_id, sum(amount_micro_pix) AS revenue FROM billing.posting
    WHERE account = 'revenue' GROUP BY workspace_id, transfer_id
) r ON r.workspace_id = c.workspace_id AND r.transfer_id = c.id
WHERE c.charged + c.above <> c.cost OR c.charged > h.amount_micro_pix OR c.charged <> coalesce(r.revenue, 0)
