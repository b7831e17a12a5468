import {
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  type ColumnDef,
  type Row as TableRow,
  type RowData,
} from '@tanstack/react-table'
import type { ReactNode } from 'react'
import type { Width } from './use-shown-columns'

/** What a column can be sorted by in the browser; amounts as bigint. */
export type SortValue = string | number | bigint | null

/** One column. */
export interface DataTableColumn<Row> {
  id: string
  header: string
  cell: (row: Row) => ReactNode
  /** Sorting in the browser; a column without it, and without `sortable`, does not sort. */
  sortValue?: (row: Row) => SortValue
  /** The server can sort by this column; goes with `sortMode="server"`. */
  sortable?: boolean
  /** Numbers stand at the end of the cell, in figures of one width, and sort from the largest. */
  kind?: 'text' | 'number'
  /** CSS width; columns without one share what is left. */
  width?: string
  /** Leaves the column out on screens narrower than this. */
  hideBelow?: Width
}

/** The order of rows: by one column. */
export interface DataTableSorting {
  columnId: string
  desc: boolean
}

interface ColumnLook {
  kind: 'text' | 'number'
  width: string | undefined
}

export const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  columnMeta: {} as ColumnLook,
})

export type Features = typeof features
export type BodyRow<Row extends RowData> = TableRow<Features, Row>

/** The kit's columns as TanStack Table wants them. */
export function toColumnDefs<Row extends RowData>(
  columns: readonly DataTableColumn<Row>[],
  sortMode: 'client' | 'server',
  compare: (a: SortValue, b: SortValue) => number,
): ColumnDef<Features, Row>[] {
  return columns.map((column) => {
    const { sortValue, kind = 'text' } = column
    return {
      id: column.id,
      header: column.header,
      // A column that can be sorted must have an accessor, also where the server does the sorting.
      accessorFn: (row) => sortValue?.(row) ?? null,
      cell: (context) => column.cell(context.row.original),
      enableSorting: sortMode === 'server' ? (column.sortable ?? false) : sortValue !== undefined,
      sortDescFirst: kind === 'number',
      sortFn: (a, b) => compare(sortValue?.(a.original) ?? null, sortValue?.(b.original) ?? null),
      meta: { kind, width: column.width },
    }
  })
}

/** Compares by the rules of a language: «ё» after «е», digits by value, nothing before something. */
export function comparator(locale: string): (a: SortValue, b: SortValue) => number {
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' })
  return (a, b) => {
    if (a === null || b === null) return Number(a !== null) - Number(b !== null)
    if (typeof a === 'string' || typeof b === 'string') return collator.compare(String(a), String(b))
    return a < b ? -1 : a > b ? 1 : 0
  }
}
