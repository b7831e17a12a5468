import { readFileSync } from 'node:fs'
import { KitProvider } from '@neipix/ui'
import {
  RouterProvider,
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
} from '@tanstack/react-router'
import { render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeAll, describe, expect, test } from 'vitest'
import { speak } from '@app/app/i18n'
import { ExplanationView } from './explanation-view'
import { reasonOf, type CauseKind, type Explanation, type SilenceReason } from './kinds'
import { targetOf } from './target'

const ASSISTANT = '019d0000-0000-7000-8000-000000000001'
const DIALOGUE = '019d0000-0000-7000-8000-000000000002'
const TURN = '019d0000-0000-7000-8000-000000000003'

const api = JSON.parse(readFileSync('api/openapi.json', 'utf8')) as {
  components: { schemas: Record<string, { enum?: string[] }> }
}

function enumOf<T extends string>(name: string): T[] {
  const values = api.components.schemas[name]!.enum as T[]
  return values.filter((value) => !value.endsWith('_UNSPECIFIED'))
}

// The document of the edge, not our own list: a reason that is added there and has no words here fails.
const REASONS = enumOf<SilenceReason>('SilenceReason')
const CAUSES = enumOf<CauseKind>('CauseKind')

function explanation(change: Partial<Explanation> = {}): Explanation {
  return {
    turnId: TURN,
    conversationId: DIALOGUE,
    assistantId: ASSISTANT,
    version: 3,
    reason: 'SILENCE_REASON_UNSPECIFIED',
    reasonRu: '',
    reasonEn: '',
    gate: [],
    passages: [],
    attempts: [],
    costMicroPix: '0',
    allowanceMicroPix: '0',
    heldMicroPix: '0',
    promptHash: '',
    inputTokensMax: 0,
    outputTokensMax: 0,
    finish: 'FINISH_KIND_UNSPECIFIED',
    handoff: '',
    recorded: true,
    createTime: '2026-11-30T10:00:00Z',
    endTime: '2026-11-30T10:00:05Z',
    ...change,
  }
}

/** Inside a router, since it holds links. */
async function show(what: Explanation, locale: 'ru' | 'en' = 'ru') {
  const root = createRootRoute()
  const all = createRoute({
    getParentRoute: () => root,
    path: '$',
    component: () => (
      <KitProvider locale={locale}>
        <ExplanationView explanation={what} />
      </KitProvider>
    ),
  })
  const router = createRouter({
    routeTree: root.addChildren([all]),
    history: createMemoryHistory({ initialEntries: ['/x'] }),
  })
  // The app's own routes are typed; this little router only has to draw.
  render(<RouterProvider router={router as never} />)
  await screen.findByRole('region', { name: locale === 'ru' ? 'Токены и цена' : 'Tokens and cost' })
}

describe.each(['ru', 'en'] as const)('every reason, in %s', (language) => {
  beforeAll(() => speak(language))

  test.each(REASONS)('%s has a title, an explanation and something to open', async (reason) => {
    const kind = CAUSE_OF[reason as keyof typeof CAUSE_OF]
    await show(explanation({ reason, cause: { kind, id: '', index: 2 } }), language)
    const foreign = language === 'en' ? /[а-яё]/i : /^[a-z .,:'-]+$/i
    const verdict = document.querySelector('[data-slot="explanation"] > div')!
    const [title, text] = [...verdict.querySelectorAll('p')].map((one) => one.textContent ?? '')
    expect(title).not.toMatch(/^$|reasons\.|SILENCE/)
    expect(title).not.toMatch(foreign)
    expect(text).not.toMatch(/^$|reasons\.|SILENCE/)
    expect(text!.length).toBeGreaterThan(title!.length)
    const opens = within(verdict as HTMLElement).queryByRole('link')
    if (opens) expect(opens).toHaveAttribute('href', expect.stringMatching(/^\/(chats|assistants|wallet)/))
    else expect(within(verdict as HTMLElement).getByRole('button')).toBeVisible()
  })

  test.each(CAUSES)('%s can be opened', async (kind) => {
    const target = targetOf({ kind, id: '', index: 0 }, explanation())
    expect(target).toBeDefined()
    if (target && 'copy' in target) expect(target.copy).toBe(TURN)
  })
})

/** What the server gives for each reason (`svc-chats`, the explanation of a turn). */
const CAUSE_OF = {
  SILENCE_REASON_OPERATOR: 'CAUSE_KIND_OPERATOR',
  SILENCE_REASON_SCHEDULE: 'CAUSE_KIND_SCHEDULE',
  SILENCE_REASON_STOP_WORD: 'CAUSE_KIND_STOP_WORD',
  SILENCE_REASON_NO_FUNDS: 'CAUSE_KIND_WALLET',
  SILENCE_REASON_PAUSED: 'CAUSE_KIND_ASSISTANT',
  SILENCE_REASON_BUDGET: 'CAUSE_KIND_BUDGET',
  SILENCE_REASON_UNPRICED: 'CAUSE_KIND_ASSISTANT',
  SILENCE_REASON_TAKE_OVER: 'CAUSE_KIND_OPERATOR',
  SILENCE_REASON_HANDOFF: 'CAUSE_KIND_KNOWLEDGE',
  SILENCE_REASON_CLOSED: 'CAUSE_KIND_CONVERSATION',
  SILENCE_REASON_BILLING_UNAVAILABLE: 'CAUSE_KIND_PLATFORM',
  SILENCE_REASON_TIMEOUT: 'CAUSE_KIND_CONVERSATION',
  SILENCE_REASON_INTERNAL: 'CAUSE_KIND_PLATFORM',
  SILENCE_REASON_INTERRUPTED: 'CAUSE_KIND_CONVERSATION',
} as const satisfies Record<Exclude<SilenceReason, 'SILENCE_REASON_UNSPECIFIED'>, CauseKind>

describe('what is shown', () => {
  beforeAll(() => speak('ru'))

  test('reasons of turns are those of explanations', () => {
    for (const reason of REASONS)
      expect(reasonOf(reason.replace('SILENCE_REASON_', '').toLowerCase())).toBe(reason)
    expect(reasonOf('')).toBeUndefined()
    expect(reasonOf('toString')).toBeUndefined()
  })

  test('a stop word opens that very word, and a passage its file', async () => {
    await show(
      explanation({
        reason: 'SILENCE_REASON_STOP_WORD',
        cause: { kind: 'CAUSE_KIND_STOP_WORD', id: ASSISTANT, index: 2 },
        passages: [PASSAGE],
      }),
    )
    expect(screen.getByRole('link', { name: 'Открыть это стоп-слово' })).toHaveAttribute(
      'href',
      `/assistants/${ASSISTANT}/instruction#stop-word-2`,
    )
    expect(screen.getByRole('link', { name: 'Условия.pdf' })).toHaveAttribute(
      'href',
      `/assistants/${ASSISTANT}/knowledge#file-f1`,
    )
  })

  test('passages stand with place and parts of the score, dropped ones with the rule that dropped them', async () => {
    const dropped = {
      ...PASSAGE,
      passageId: 'p2',
      mark: 0,
      dropped: 'DROP_RULE_TOKENS',
      text: 'Другое',
    } as const
    await show(explanation({ passages: [PASSAGE, dropped] }))
    const used = screen.getByRole('list', { name: 'Увидел ответ' })
    expect(used).toHaveTextContent('Источник 1 в ответе')
    expect(used).toHaveTextContent('стр. 4 · с 120-го байта · Доставка')
    await userEvent.click(within(used).getByText('оценка 0,813'))
    expect(within(used).getByText(/слова вопроса, в другой раскладке, 1-е место/)).toBeVisible()
    const out = screen.getByRole('list', { name: 'Отброшено' })
    expect(out).toHaveTextContent('не поместился в отведённые токены')
  })

  test('gate, attempts, tokens and cost are told', async () => {
    await show(
      explanation({
        gate: [
          {
            rule: 'GATE_RULE_STOP_WORDS',
            outcome: 'GATE_OUTCOME_PASSED',
            stopWord: {
              count: 2,
              pattern: '',
              match: 'STOP_WORD_MATCH_UNSPECIFIED',
              action: 'STOP_WORD_ACTION_UNSPECIFIED',
            },
          },
          {
            rule: 'GATE_RULE_BALANCE',
            outcome: 'GATE_OUTCOME_SILENCED',
            balance: {
              neededMicroPix: '9000000',
              availableMicroPix: '2000000',
              missingMicroPix: '7000000',
              unpricedModels: [],
              fromAllowance: false,
            },
          },
        ],
        attempts: [
          { ...ATTEMPT, id: '1', error: 'rate_limited', charged: false, totalMs: 210 },
          { ...ATTEMPT, id: '2', charged: true, firstTokenMs: 300, totalMs: 900 },
        ],
        usage: {
          inputTokens: '1201',
          outputTokens: '42',
          cachedInputTokens: '0',
          cacheWriteTokens: '0',
          estimated: false,
        },
        costMicroPix: '9007199254740993',
        finish: 'FINISH_KIND_COMPLETE',
      }),
    )
    const gate = screen.getByRole('region', { name: 'Что проверено' })
    expect(gate).toHaveTextContent('2 слова, совпадений нет')
    expect(gate).toHaveTextContent(/остановило.*нужно до 9 pix.*не хватило 7 pix/)
    const attempts = screen.getByRole('region', { name: 'Кто писал' })
    expect(attempts).toHaveTextContent('не получилось: rate_limited')
    expect(attempts).toHaveTextContent('первое слово через 300 мс · всего 900 мс · закончен')
    const cost = screen.getByRole('region', { name: 'Токены и цена' })
    expect(cost).toHaveTextContent('1201 токен')
    expect(cost).toHaveTextContent('42 токена')
    // Beyond 2^53, where a number would round.
    expect(within(cost).getByTitle(/9.007.199.254,740993/)).toBeInTheDocument()
  })

  test('a turn without records says so', async () => {
    await show(explanation({ recorded: false }))
    expect(screen.getByText(/записей не осталось/)).toBeInTheDocument()
    expect(screen.queryByRole('region', { name: 'Что проверено' })).not.toBeInTheDocument()
  })
})

const PASSAGE: Explanation['passages'][number] = {
  passageId: 'p1',
  fileId: 'f1',
  fileName: 'Условия.pdf',
  page: 4,
  start: 120,
  headings: ['Доставка'],
  text: 'Доставка по Москве — 300 ₽.',
  state: 'SOURCE_STATE_PRESENT',
  score: 0.8125,
  parts: [
    {
      kind: 'SCORE_KIND_WORDS',
      reading: 'QUESTION_READING_LAYOUT',
      place: 1,
      found: 0.9,
      nearness: 0.25,
      share: 0.8125,
    },
  ],
  dropped: 'DROP_RULE_UNSPECIFIED',
  mark: 1,
}

const ATTEMPT: Explanation['attempts'][number] = {
  id: '',
  provider: 'openai',
  model: 'gpt-x',
  charged: false,
  error: '',
  firstTokenMs: 0,
  totalMs: 0,
  priceId: '',
}
