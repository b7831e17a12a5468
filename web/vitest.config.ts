import { fileURLToPath } from 'node:url'
import { storybookTest } from '@storybook/addon-vitest/vitest-plugin'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

const storybook = fileURLToPath(new URL('./ui/.storybook', import.meta.url))

/** Every story of the kit as a test, with axe, in one theme. */
function stories(theme: 'light' | 'dark'): TestProjectInlineConfiguration {
  return {
    plugins: [storybookTest({ configDir: storybook, initialGlobals: { theme } })],
    test: {
      name: `storybook-${theme}`,
      browser: {
        enabled: true,
        headless: true,
        // Debian's Chromium: nothing is downloaded.
        provider: playwright({
          launchOptions: {
            executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
            args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
          },
        }),
        instances: [{ browser: 'chromium' }],
      },
    },
  }
}

export default defineConfig({
  test: {
    projects: [
      {
        resolve: {
          alias: {
            '@app': fileURLToPath(new URL('./app/src', import.meta.url)),
            '@admin': fileURLToPath(new URL('./admin/src', import.meta.url)),
          },
        },
        test: {
          name: 'unit',
          environment: 'jsdom',
          environmentOptions: { jsdom: { url: 'http://app.localhost:8080' } },
          include: ['{api,ui,shell,app,admin,widget}/src/**/*.test.{ts,tsx}'],
          setupFiles: ['./ui/test/setup.ts'],
          // A machine that also compiles is slow: a whole screen in jsdom takes its time.
          testTimeout: 60_000,
        },
      },
      stories('light'),
      stories('dark'),
    ],
  },
})
