import { expect } from '@playwright/test'

interface Letter {
  to: string[]
  subject: string
  text: string
}

/** The code of the newest letter to somebody, as soon as there is one. */
export async function codeFor(email: string): Promise<string> {
  const mailbox = process.env['MAILBOX_URL']
  if (mailbox === undefined) throw new Error('MAILBOX_URL is not set: run `make test-e2e`')
  let code: string | undefined
  await expect
    .poll(async () => {
      const answer = await fetch(`${mailbox}/mailbox/api/messages?to=${encodeURIComponent(email)}`)
      const { messages } = (await answer.json()) as { messages: Letter[] }
      code = messages
        .map((letter) => /\b\d{6}\b/u.exec(letter.text)?.[0])
        .find((found) => found !== undefined)
      return code
    })
    .toBeDefined()
  return code ?? ''
}
