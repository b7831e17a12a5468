/** `npm run new`: a feature of the app, or a component of the kit, as this house builds them. */
export default function plopfile(plop) {
  plop.setGenerator('feature', {
    description:
      'a feature of web/app: words in two languages, queries, a screen with all its states, a test',
    prompts: [
      { name: 'name', message: 'Name, in lower case (such as invoices)', validate: kebab },
      { name: 'title', message: 'Title in Russian' },
      { name: 'titleEn', message: 'Title in English' },
    ],
    actions: [
      {
        type: 'addMany',
        base: 'templates/feature',
        stripExtensions: ['tpl'],
        templateFiles: 'templates/feature/*.tpl',
        destination: 'app/src/features/{{name}}',
      },
      {
        type: 'add',
        templateFile: 'templates/route.tsx.tpl',
        path: 'app/src/routes/_app/{{name}}.tsx',
      },
      ...['ru', 'en'].flatMap((language) => [
        {
          type: 'modify',
          path: `app/src/app/texts.${language}.ts`,
          pattern: /^/,
          template: `import { ${language} as {{camelCase name}} } from '@app/features/{{name}}/texts.${language}'\n`,
        },
        {
          type: 'modify',
          path: `app/src/app/texts.${language}.ts`,
          pattern: /= \{ common, /,
          template: '= { common, {{camelCase name}}, ',
        },
      ]),
      'Put it into `features/shell/sections.ts` if it is a section, then: npm run format:write && npm run check',
    ],
  })

  plop.setGenerator('component', {
    description: 'a component of the kit: the part, its story, its name in the index',
    prompts: [
      { name: 'name', message: 'Name, in lower case with dashes (such as rating-stars)', validate: kebab },
    ],
    actions: [
      {
        type: 'addMany',
        base: 'templates/component',
        stripExtensions: ['tpl'],
        templateFiles: 'templates/component/*.tpl',
        destination: 'ui/src',
      },
      {
        type: 'modify',
        path: 'ui/src/index.ts',
        pattern: /$(?![\s\S])/,
        template: "export { {{pascalCase name}}, type {{pascalCase name}}Props } from './{{name}}'\n",
      },
    ],
  })
}

function kebab(name) {
  return /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || 'lower-case letters, digits and single dashes'
}
