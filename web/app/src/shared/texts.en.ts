export { en } from '@neipix/shell/texts.en'
