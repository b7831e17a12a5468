import { expect, fillLogin, signIn, test } from '../harness/test'

/** Places that are none of ours, as an attacker writes them. */
const HOSTILE = [
  '//evil.example/',
  '/\\evil.example',
  '/\t/evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
  '/login?next=//evil.example',
]

for (const host of ['app', 'admin'] as const) {
  test(`a hostile next leads nowhere but into the ${host}`, async ({ product, visit }) => {
    const person = await product.make(
      host === 'app' ? { workspace: 'Чайная' } : { platformRole: 'PLATFORM_ROLE_SUPERADMIN' },
    )
    const { page } = await visit()
    const home = product.origin(host)
    for (const [at, next] of HOSTILE.entries()) {
      await page.goto(`${home}/login?next=${encodeURIComponent(next)}`)
      if (at === 0) await fillLogin(page, person.email)
      await expect(page.getByRole('navigation').first()).toBeVisible()
      expect(new URL(page.url()).origin, next).toBe(home)
      expect(new URL(page.url()).pathname, next).not.toBe('/login')
    }
  })
}

test('a guarded screen is not drawn for a guest, not even for a moment', async ({ product, visit }) => {
  const { page } = await visit()
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.querySelector('nav')) document.documentElement.dataset['flashed'] = 'yes'
    }).observe(document, { childList: true, subtree: true })
  })
  await page.goto(`${product.origin('app')}/wallet`)
  await expect(page).toHaveURL(/\/login\?next=%2Fwallet$/u)
  await expect(page.locator('html')).not.toHaveAttribute('data-flashed')
})

test('a session that ends in the middle of work comes back to the same place', async ({ product, visit }) => {
  const owner = await product.make({ workspace: 'Чайная' })
  const { page } = await visit()
  await signIn(page, product, 'app', owner)
  await page.goto(`${product.origin('app')}/assistants?q=abc`)
  await expect(page.getByRole('heading', { level: 1, name: 'Нейросотрудники' })).toBeVisible()
  // Another tab signs out: this one learns of it from the server, whatever the person does meanwhile.
  const ended = await page.evaluate(async () => {
    const answer = await fetch('/api/v1/auth/logout', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    return answer.status
  })
  expect(ended).toBe(200)
  await expect(page).toHaveURL(/\/login\?next=/u)
  expect(new URL(page.url()).searchParams.get('next')).toBe('/assistants?q=abc')
  await fillLogin(page, owner.email)
  await expect(page).toHaveURL(`${product.origin('app')}/assistants?q=abc`)
})
