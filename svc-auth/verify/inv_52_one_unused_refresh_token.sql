-- INV-52: a refresh family has at most one unused token.
SELECT family_id, count(*) AS unused
FROM auth.refresh_token WHERE used_at IS NULL
GROUP BY family_id HAVING count(*) > 1
