export { ru } from '@neipix/shell/texts.ru'
