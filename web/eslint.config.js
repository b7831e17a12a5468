import a11y from 'eslint-plugin-jsx-a11y'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

/** Forbids imports, and says why. */
function without(files, group, message) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] } }
}

export default tseslint.config(
  { ignores: ['**/dist/**', '**/*.gen.ts', '**/node_modules/**'] },
  ...tseslint.configs.strict,
  hooks.configs.flat.recommended,
  a11y.flatConfigs.strict,
  {
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // It warns users of the React compiler, which is not used here.
      'react-hooks/incompatible-library': 'off',
    },
  },
  {
    // The rule knows React's refs only, and takes Preact's for values that are not to be changed.
    files: ['widget/**'],
    rules: { 'react-hooks/immutability': 'off' },
  },
  without(
    ['ui/**'],
    ['@neipix/*', '@tanstack/react-query', '*i18next*'],
    'the kit knows no calls, no keys and no business',
  ),
  // Inside the app: app → routes → features → shared, never up, and no feature knows another. Words, mocks and tests
  // look everywhere.
  without(
    ['app/src/shared/**'],
    ['@app/app/**', '@app/routes/**', '@app/features/**', '@app/mock/**', '../**'],
    'what is shared knows no feature, route or app',
  ),
  without(
    ['app/src/features/**'],
    ['@app/app/**', '@app/routes/**', '@app/features/**', '@app/mock/**', '../**'],
    'a feature knows itself and what is shared, no other feature, no route, no app',
  ),
  without(
    ['app/src/widgets/**'],
    ['@app/app/**', '@app/routes/**', '@app/features/**', '@app/mock/**', '../**'],
    'a widget is what several features show: it knows none of them',
  ),
  without(['app/src/routes/**'], ['@app/app/**', '@app/mock/**'], 'a route loads and composes features'),
  // The panel is a house of the same kind; what is shared stands in `shell/`.
  without(
    ['admin/src/features/**'],
    ['@admin/app/**', '@admin/routes/**', '@admin/features/**', '@admin/mock/**', '../**'],
    'a feature knows itself and what is shared, no other feature, no route, no app',
  ),
  without(
    ['admin/src/routes/**'],
    ['@admin/app/**', '@admin/mock/**'],
    'a route loads and composes features',
  ),
  without(['shell/**'], ['@app/**', '@admin/**'], 'what both apps share knows neither'),
  { files: ['**/*.test.{ts,tsx}', '{app,admin}/src/mock/**'], rules: { 'no-restricted-imports': 'off' } },
  without(['api/**'], ['@neipix/ui', 'react', 'react-dom'], 'what talks to the server draws nothing'),
  {
    files: ['widget/src/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: ['react', 'react-dom', 'zod', '@neipix/ui', '@neipix/api'].map((name) => ({
            name,
            message: 'the widget must stay small: take `@neipix/ui/rules` and `@neipix/api/sending`',
          })),
        },
      ],
    },
  },
)
