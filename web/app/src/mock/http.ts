import { http as msw, HttpResponse } from 'msw'

export { http, problem } from '@neipix/shell/mock'

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
