/*
 * What the kit knows without drawing: for pages that must stay small or draw by other means than React.
 */
export { cleanText } from './chat/clean-text'
export { groupPosition, type GroupPosition } from './chat/grouping'
export { BlockCache, planMarkdown, type PlannedBlock } from './chat/markdown-plan'
export { textOf, type SafeElement, type SafeNode } from './chat/markdown-tree'
export { spokenText } from './chat/spoken-text'
export { portraitCells, type PortraitCell } from './portrait-cells'
