import { defineConfig } from '@playwright/test'

const CHROMIUM = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Each context is an incognito window, which gives a foreign frame no storage unless told so.
  '--disable-features=BlockThirdPartyCookiesInIncognito,ImprovedCookieControls',
  '--font-render-hinting=none',
  '--force-color-profile=srgb',
]

/** Journeys through the real product. Each worker has a product of its own. */
export default defineConfig({
  testDir: 'specs',
  outputDir: '../dist/e2e/results',
  fullyParallel: false,
  workers: Number(process.env['E2E_WORKERS'] ?? 1),
  // A test that only passes again is broken.
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  // A machine that also compiles is slow; what is right comes, only later.
  timeout: 240_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    // Debian's Chromium: nothing is downloaded.
    launchOptions: { executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: CHROMIUM },
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
  },
})
