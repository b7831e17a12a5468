import { ORDERS, type Order, type UsersFilter } from './queries'

/** What the address of the screen says; what is the usual is left out. */
export interface UsersSearch {
  q?: string | undefined
  staff?: true | undefined
  order?: Exclude<Order, 'create_time desc'> | undefined
  /** The user who is open beside the table. */
  user?: string | undefined
}

/** Reads the address. What is not understood is said to be absent: left out, it would stay as the address has it. */
export function usersSearch({ q, staff, order, user }: Record<string, unknown>): UsersSearch {
  // A number in the address is read as one.
  const text = typeof q === 'string' || typeof q === 'number' ? String(q).slice(0, 200) : ''
  return {
    q: text.trim() ? text : undefined,
    staff: staff === true ? staff : undefined,
    order: isOrder(order) && order !== 'create_time desc' ? order : undefined,
    user: typeof user === 'string' && user ? user : undefined,
  }
}

export function filterOf({ q, staff, order }: UsersSearch): UsersFilter {
  return { q: q?.trim() ?? '', staff: staff ?? false, order: order ?? 'create_time desc' }
}

function isOrder(order: unknown): order is Order {
  return ORDERS.includes(order as Order)
}
