export { formatKopecks, formatPix, formatRub, roublesOf, type AmountFormat } from './amounts'
export { Badge, type BadgeProps } from './badge'
export { Banner, type BannerProps } from './banner'
export { Sign, Wordmark, type SignProps } from './brand'
export { Button, IconButton, buttonVariants, type ButtonProps, type IconButtonProps } from './button'
export { Card, CardContent, CardDescription, CardFooter, CardHeader, CardTitle } from './card'
export { Checkbox, type CheckboxProps } from './checkbox'
export { cn, type PartProps } from './cn'
export {
  CommandPalette,
  type CommandPaletteProps,
  type PaletteCommand,
  type PaletteGroup,
} from './command-palette'
export { Confirm, type ConfirmProps } from './confirm'
export {
  CopyButton,
  CopyField,
  useCopy,
  type CopyButtonProps,
  type CopyFieldProps,
  type CopyLabels,
} from './copy-field'
export { DataTable, type DataTablePaging, type DataTableProps } from './data-table'
export { type DataTableColumn, type DataTableSorting, type SortValue } from './data-table-columns'
export { formatClock, formatDay, formatFull, formatRelative } from './dates'
export {
  Dialog,
  DialogBody,
  DialogClose,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  DialogTrigger,
  type DialogContentProps,
} from './dialog'
export { Field, type FieldProps } from './field'
export { checkFiles, type FileReason, type FileRejection, type FileRules, type KnownFile } from './file-check'
export { FileDrop, type FileDropLabels, type FileDropProps } from './file-drop'
export { Hint, type HintProps } from './hint'
export { Input, type InputProps } from './input'
export { Kbd, type KbdProps } from './kbd'
export { KitProvider, type KitProviderProps } from './kit-provider'
export { useLocale, type Locale } from './locale'
export {
  Menu,
  MenuCheckboxItem,
  MenuContent,
  MenuGroup,
  MenuGroupLabel,
  MenuItem,
  MenuLinkItem,
  MenuSeparator,
  MenuTrigger,
  type MenuContentProps,
  type MenuItemProps,
  type MenuLinkItemProps,
} from './menu'
export { Money, type MoneyProps } from './money'
export {
  Breadcrumbs,
  PageHeader,
  type BreadcrumbsProps,
  type Crumb,
  type PageHeaderProps,
} from './page-header'
export { PixelPortrait, portraitCells, type PixelPortraitProps, type PortraitCell } from './pixel-portrait'
export {
  Popover,
  PopoverClose,
  PopoverContent,
  PopoverDescription,
  PopoverTitle,
  PopoverTrigger,
  type PopoverContentProps,
} from './popover'
export { Progress, type ProgressProps } from './progress'
export { RadioGroup, type RadioGroupProps, type RadioOption } from './radio-group'
export { RowList, type RowListItemProps, type RowListProps } from './row-list'
export { Segmented, type Segment, type SegmentedProps } from './segmented'
export { Select, type SelectOption, type SelectProps } from './select'
export { Sheet, SheetClose, SheetContent, SheetTrigger, type SheetContentProps } from './sheet'
export { Skeleton, SkeletonText, type SkeletonTextProps } from './skeleton'
export { Slider, type SliderProps } from './slider'
export { Spinner, type SpinnerProps } from './spinner'
export { Stat, StatGroup, type StatProps } from './stat'
export {
  Empty,
  ErrorState,
  NoAccess,
  type EmptyProps,
  type ErrorStateProps,
  type NoAccessProps,
} from './states'
export { Switch, type SwitchProps } from './switch'
export { Tab, TabList, TabPanel, Tabs, tabLook, tabRowLook, type TabListProps, type TabsProps } from './tabs'
export { Textarea, type TextareaProps } from './textarea'
export { Time, type TimeProps } from './time'
export { ToastRegion, createToaster, type Toaster, type ToastOptions, type ToastRegionProps } from './toast'
export { Tooltip, type TooltipProps } from './tooltip'
export { useNow } from './use-now'
export {
  Bubble,
  SystemLine,
  type BubbleAuthor,
  type BubbleProps,
  type ShownTime,
  type SystemLineProps,
} from './chat/bubble'
export {
  CitationMark,
  SourceList,
  useCitationMarks,
  type Citation,
  type CitationLabels,
  type CitationProps,
  type SourceListProps,
} from './chat/citations'
export { cleanText } from './chat/clean-text'
export { Composer, type ComposerLabels, type ComposerProps } from './chat/composer'
export { DayLine, type DayLineProps } from './chat/day-line'
export {
  DeliveryState,
  type Delivery,
  type DeliveryLabels,
  type DeliveryStateProps,
} from './chat/delivery-state'
export { groupPosition, type GroupPosition, type Groupable } from './chat/grouping'
export { HandOverLine, type HandOverLineProps } from './chat/hand-over-line'
// Never `Markdown` itself: its parser would come with the first page.
export { LazyMarkdown } from './chat/markdown-lazy'
export { PlainText } from './chat/plain-text'
export { spokenText } from './chat/spoken-text'
export {
  Transcript,
  type TranscriptHandle,
  type TranscriptLabels,
  type TranscriptProps,
} from './chat/transcript'
export { Typing, type TypingProps } from './chat/typing'
