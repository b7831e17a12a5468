import type { components } from './schema.gen'

/** A refusal as every service tells it (RFC 9457). */
export type Problem = components['schemas']['Problem']

/** Reasons that no service gives: what the browser itself met. */
export type LocalReason = 'NETWORK' | 'NOT_A_PROBLEM'

/** An answer that is not a success, or none at all. */
export class ApiError extends Error {
  /** 0 where there was no answer. */
  readonly status: number
  /** The stable name of what went wrong. */
  readonly reason: string
  readonly problem: Problem | undefined
  /** How long the server asks to wait, in seconds. */
  readonly retryAfter: number | undefined

  constructor(status: number, reason: string, message: string, problem?: Problem, retryAfter?: number) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.reason = reason
    this.problem = problem
    this.retryAfter = retryAfter
  }

  /** Whether the same call may succeed later without anybody changing it. */
  get passing(): boolean {
    return (
      this.status === 0 ||
      this.status === 429 ||
      this.status >= 500 ||
      this.reason === 'IDEMPOTENCY_IN_PROGRESS'
    )
  }

  /** What is wrong with one field; JSON paths as the server prints them. */
  field(path: string): string | undefined {
    return this.problem?.errors?.find((error) => error.field === path)?.message
  }
}

/** Reads a refusal; one that is not problem+json (a proxy's page) keeps its status. */
export async function errorOf(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('retry-after'))
  const wait = Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json')
  const body: unknown = isProblem ? await response.json().catch(() => undefined) : undefined
  if (typeof body === 'object' && body !== null && 'reason' in body && 'title' in body) {
    const problem = body as Problem
    return new ApiError(response.status, problem.reason, problem.detail || problem.title, problem, wait)
  }
  return new ApiError(response.status, 'NOT_A_PROBLEM', response.statusText, undefined, wait)
}
