import { clsx, type ClassValue } from 'clsx'
import { twMerge } from 'tailwind-merge'

/** Joins class names; of two utilities that contradict each other the later wins. */
export function cn(...classes: ClassValue[]): string {
  return twMerge(clsx(classes))
}

/** Props of a Base UI part with a plain `className`: the kit styles by data attributes, not by functions. */
export type PartProps<Props> = Omit<Props, 'className'> & { className?: string | undefined }
