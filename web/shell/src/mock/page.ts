/** A page of rows; the token is the number of the first row. */
export function page<T>(
  rows: T[],
  size: string | null,
  token: string | null,
): { rows: T[]; nextPageToken: string } {
  const from = Number(token ?? 0)
  const to = from + (Number(size) || 50)
  return { rows: rows.slice(from, to), nextPageToken: to < rows.length ? String(to) : '' }
}
