import { look } from '../harness/look'
import { expect, fillLogin, signIn, test } from '../harness/test'

test('staff sign in, see what their role may see, and sign out', async ({ product, visit }) => {
  const root = await product.make({ name: 'Ирина Орлова', platformRole: 'PLATFORM_ROLE_SUPERADMIN' })
  const owner = await product.make({ name: 'Борис Котов', workspace: 'Чайная' })
  const { page } = await visit()
  await page.goto(`${product.origin('admin')}/users?q=${owner.email}`)
  await expect(page).toHaveURL(/\/login\?next=/u)
  await look(page, 'admin-login')
  await fillLogin(page, root.email)
  await expect(page).toHaveURL(/\/users\?q=/u)
  // The directory follows the events of the other services.
  await expect(async () => {
    await page.reload()
    await expect(page.getByRole('row', { name: /Борис Котов/u })).toBeVisible({ timeout: 1000 })
  }).toPass()
  await expect(page.getByRole('row').filter({ has: page.getByRole('gridcell') })).toHaveCount(1)
  await look(page, 'admin-users')
  await page.getByRole('row', { name: /Борис Котов/u }).click()
  const card = page.getByRole('dialog')
  await expect(card.getByText('1 компания')).toBeVisible()
  await look(page, 'admin-user')
  await card.getByRole('link', { name: 'Аудит компании' }).click()
  await expect(page).toHaveURL(/\/audit\?workspace=/u)
  await expect(page.getByRole('heading', { level: 1, name: 'Аудит' })).toBeVisible()
  await look(page, 'admin-audit')
  await page.getByRole('button', { name: /тема, язык, выход/u }).click()
  await page.getByRole('menuitem', { name: 'Выйти' }).click()
  await expect(page).toHaveURL(`${product.origin('admin')}/login`)
  await page.goto(`${product.origin('admin')}/users`)
  await expect(page).toHaveURL(/\/login\?next=%2Fusers$/u)
})

for (const [role, sections] of [
  ['ADMIN', ['Пользователи', 'Аудит']],
  ['BILLING', ['Пользователи']],
  ['SUPPORT', ['Пользователи']],
  ['CONTENT', []],
] as const) {
  test(`the role ${role} sees its sections and nothing else`, async ({ product, visit }) => {
    const person = await product.make({ platformRole: `PLATFORM_ROLE_${role}` })
    const { page } = await visit()
    await signIn(page, product, 'admin', person)
    await expect(page.getByRole('navigation').getByRole('link')).toHaveText([...sections])
    await page.goto(`${product.origin('admin')}/audit`)
    const refused = page.getByText('У вас нет доступа к этому разделу')
    if (role === 'ADMIN') await expect(page.getByRole('heading', { name: 'Аудит' })).toBeVisible()
    else await expect(refused).toBeVisible()
  })
}

test('a customer does not get into the panel', async ({ product, visit }) => {
  const owner = await product.make({ workspace: 'Чайная' })
  const { page } = await visit()
  await page.goto(product.origin('admin'))
  await fillLogin(page, owner.email)
  await expect(page.getByText('С этой учётной записью сюда не войти.')).toBeVisible()
  await expect(page).toHaveURL(/\/login/u)
})

test('the panel speaks English and wears the dark theme after a reload', async ({ product, visit }) => {
  const root = await product.make({ platformRole: 'PLATFORM_ROLE_SUPERADMIN' })
  const { page } = await visit()
  await signIn(page, product, 'admin', root)
  await expect(page.getByRole('heading', { level: 1, name: 'Пользователи' })).toBeVisible()
  await page.keyboard.press('Control+K')
  await page.getByRole('combobox').fill('English')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible()
  await page.keyboard.press('Control+K')
  await page.getByRole('combobox').fill('Dark')
  await page.keyboard.press('Enter')
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await expect(page.locator('html')).toHaveAttribute('lang', 'en')
  await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible()
})
