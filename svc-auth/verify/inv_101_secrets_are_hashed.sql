-- INV-101: passwords lie as argon2id, tokens and keys as SHA-256.
SELECT 'credential' AS place, user_id::text AS id FROM auth.credential WHERE password_hash NOT LIKE '$argon2id$%'
UNION ALL
SELECT 'registration', id::text FROM auth.registration WHERE password_hash NOT LIKE '$argon2id$%'
UNION ALL
SELECT 'refresh_token', encode(hash, 'hex') FROM auth.refresh_token WHERE octet_length(hash) <> 32
UNION ALL
SELECT 'socket_ticket', encode(hash, 'hex') FROM auth.socket_ticket WHERE octet_length(hash) <> 32
UNION ALL
SELECT 'api_key_route', encode(hash, 'hex') FROM auth.api_key_route WHERE octet_length(hash) <> 32
