import type { Paths } from '@neipix/api'
import { HttpResponse } from 'msw'
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
