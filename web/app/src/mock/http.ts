import type { Paths } from '@neipix/api'
import { http as msw, HttpResponse } from 'msw'
import { createOpenApiHttp } from 'openapi-msw'

/** Handlers whose paths, parameters and answers are those of the API's document. */
export const http = createOpenApiHttp<Paths>({ baseUrl: window.location.origin })

/** A refusal as the edge tells it. */
export function problem(status: number, reason: string, errors?: { field: string; message: string }[]) {
  return HttpResponse.json(
    {
      type: `http://api.localhost:8080/errors/${reason}`,
      title: reason,
      status,
      detail: reason,
      reason,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      ...(errors ? { errors } : {}),
    },
    { status, headers: { 'content-type': 'application/problem+json' } },
  )
}

/**
 * A handler for a verb after a colon, such as `publish` of `/assistants/{id}:publish`: patterns would take the verb
 * for a parameter. The answer's type is the caller's to keep.
 */
export function onVerb<Answer extends object>(
  path: RegExp,
  verb: string,
  answer: (ids: string[], body: unknown) => Answer | Response | Promise<Answer | Response>,
) {
  const whole = new RegExp(`^${window.location.origin}/api/v1${path.source}:${verb}$`)
  return msw.post(whole, async ({ request }) => {
    const [, ...ids] = whole.exec(request.url) ?? []
    const given = await answer(ids, await request.json())
    return given instanceof Response ? given : HttpResponse.json(given)
  })
}
