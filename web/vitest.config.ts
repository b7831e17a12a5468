import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          environment: 'jsdom',
          environmentOptions: { jsdom: { url: 'http://app.localhost:8080' } },
          include: ['{api,ui,app,admin,widget}/src/**/*.test.{ts,tsx}'],
        },
      },
    ],
  },
})
