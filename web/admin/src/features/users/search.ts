import { ORDERS, type Order, type UsersFilter } from './queries'

/** What the address of the screen says; what is the usual is left out. */
export interface UsersSearch {
  q?: string
  staff?: true
  order?: Exclude<Order, 'create_time desc'>
  /** The user who is open beside the table. */
  user?: string
}

/** Reads the address; what is not understood is forgotten. */
export function usersSearch(input: Record<string, unknown>): UsersSearch {
  const { q, staff, order, user } = input
  return {
    // A number in the address is read as one.
    ...((typeof q === 'string' || typeof q === 'number') && String(q).trim()
      ? { q: String(q).slice(0, 200) }
      : {}),
    ...(staff === true ? { staff } : {}),
    ...(isOrder(order) && order !== 'create_time desc' ? { order } : {}),
    ...(typeof user === 'string' && user ? { user } : {}),
  }
}

export function filterOf({ q, staff, order }: UsersSearch): UsersFilter {
  return { q: q?.trim() ?? '', staff: staff ?? false, order: order ?? 'create_time desc' }
}

function isOrder(order: unknown): order is Order {
  return ORDERS.includes(order as Order)
}
